/*
 * The task that the region gives to the agent: one JSON document. Pure; any thread.
 * Source: docs/deploy.md, the task document.
 */
#pragma once

#include "src/agent/storage_plan.h"
#include "src/base/arena.h"
#include "src/base/error.h"

enum { TASK_BYTES = 1 << 20, TASK_FILES = 64, TASK_TEXT = 64 << 10, TASK_SOURCES = 32 };

enum task_kind {
    TASK_NONE,
    TASK_ENLIST,     /* report the inventory, nothing more */
    TASK_COMMISSION, /* the inventory and the commissioning scripts */
    TASK_TEST,
    TASK_DEPLOY,
    TASK_ERASE,
    TASK_RESCUE,
    TASK_RELEASE, /* the release scripts */
    TASK_KINDS,
};

/** How the bytes of an image become a root file system. */
struct image_form {
    const char *word;
    enum { IMAGE_EXT4, IMAGE_TAR, IMAGE_SQUASHFS, IMAGE_DISK } kind;
    const char *decoder; /* program that unpacks it with -dc, or NULL */
    bool in_tar;         /* of a disk: the only file of an archive */
};

struct task_image {
    const struct image_form *form;
    const char *path; /* below the rack's HTTP: "/images/debian.ext4.zst" */
    const char *sha256;
    uint64_t size_bytes;
};

/** A file of the installed system. */
struct task_file {
    const char *path, *content;
    unsigned mode;
};

/** Stands for the release of the system that reads a suite. */
#define TASK_RELEASE_WORD "$RELEASE"

/** An archive that people named. Lists are words with single blanks between. */
struct task_source {
    const char *url, *key; /* armored; NULL = signed by whom the system trusts */
    const char *suites;    /* "$RELEASE-updates" is one of the system that reads it; "path/" */
    const char *components;
};

/** Where Debian packages come from; all may be NULL. */
struct task_packages {
    const char *path;            /* of the repository, below the rack's HTTP: "/images/apt" */
    const char *os, *release;    /* what it is for: "debian", "bookworm" */
    const char *components;      /* "main"; several with blanks between */
    const char *key;             /* armoured, that it is signed with */
    const char *mirror, *proxy;  /* URLs, if people named any */
    struct task_source *archive; /* of Ubuntu */
    struct task_source *sources; /* the other ones */
    int sources_count;
};

struct task {
    enum task_kind kind;
    bool reboot;    /* at the end; else the machine is powered off */
    bool in_memory; /* deploy: without a disk; the system is started at the end */
    bool kexec; /* deploy: the kernel of the system is to start without the firmware, if it can */
    const char *system_id;
    const char *hostname, *kernel_options; /* deploy */
    const char *kernel_package; /* for an image without a kernel; NULL = its system's usual one */
    struct storage_plan storage;
    struct task_image image;
    struct task_file *files;
    int files_count;
    struct task_packages packages; /* deploy, commission, test, release */
    bool quick, secure;            /* erase */
    const char *ssh_keys;          /* rescue: lines of authorized_keys */
};

/** Errors: BAD_INPUT "task: ...". Texts live in the arena. */
enum error_code task_parse(const char *text, size_t size, struct arena *arena, struct task *task,
                           struct error *err);

const char *task_name(enum task_kind kind);
