/* What is written into the installed system, below the folder it is mounted at. Blocking. */
#pragma once

#include "src/agent/storage_make.h"
#include "src/agent/talk.h"
#include "src/agent/task.h"

/** What the distribution signed, for UEFI. */
#define INSTALL_SHIM "/usr/lib/shim/shimx64.efi.signed"
#define INSTALL_GRUB "/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed"

/** The new system and where it stands now. */
struct installed {
    const char *root; /* "/run/target": no slash at the end */
    const struct task *task;
    const struct storage_work *storage; /* NULL: it brought its own, and its fstab */
    struct tool_log *log;
    struct talk *talk; /* whose rack comes first in its /etc/hosts */
    bool uefi, secure_boot;
};

/**
 * Write a file in it; folders above are made. Links in the path are those of the system: nothing
 * outside of root is reached. Errors: IO.
 */
enum error_code install_put_file(const struct installed *system, const struct task_file *file,
                                 struct error *err);

/**
 * The same hosts(5) with this address before the others of its name: they are tried in the order of
 * the lines, and one that is gone costs the system seconds at each request. rack NULL = as it is.
 */
const char *install_hosts(const char *text, const char *rack, struct arena *arena);

/** Host name, fstab, the task's files. Errors: IO. */
enum error_code install_settings(const struct installed *system, struct error *err);

/** The image's file system becomes that of the plan: size, UUID, label, journal. Not mounted. */
enum error_code install_grow(const struct storage_item *format, struct tool_log *log,
                             struct error *err);

/** What the installed system boots: files in /boot, and what the kernel calls its root. */
struct installed_kernel {
    const char *file, *initrd; /* the latter NULL when there is none */
    const char *root;          /* "UUID=..." */
};

/** The name of its newest kernel in /boot, in the log's arena; NULL = it has none. */
const char *install_kernel_file(const struct installed *system);

/** Its newest kernel; texts in the log's arena. Errors: NOT_FOUND. */
enum error_code install_kernel(const struct installed *system, struct installed_kernel *kernel,
                               struct error *err);

/**
 * Hand that kernel to the one that runs, for pid1_finish to start. Errors: FORBIDDEN (Secure Boot),
 * NOT_FOUND, those of kexec_file_load. Nothing has changed then.
 */
enum error_code install_kexec(const struct installed *system, struct error *err);

/** Boot loader and its configuration. Errors: NOT_FOUND (no kernel), IO, INTERNAL (a program). */
enum error_code install_boot(const struct installed *system, struct error *err);
