/* The installed kernel in the place of the one that runs: see install_system.h. Source:
 * kexec_file_load(2). */
#include <fcntl.h>
#include <linux/kexec.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "src/agent/install_system.h"
#include "src/base/file.h"

static int open_boot(const struct installed *system, const char *name)
{
    return open(arena_printf(system->log->arena, "%s/boot/%s", system->root, name),
                O_RDONLY | O_CLOEXEC);
}

enum error_code install_kexec(const struct installed *system, struct error *err)
{
    struct installed_kernel kernel;
    __attribute__((cleanup(file_close_fd))) int image = -1;
    __attribute__((cleanup(file_close_fd))) int initrd = -1;
    /* The chain of trust begins in the firmware: it is not left out. */
    if (system->secure_boot)
        return error_set(err, ERR_FORBIDDEN, "not with Secure Boot on");
    enum error_code code = install_kernel(system, &kernel, err);
    if (code)
        return code;
    image = open_boot(system, kernel.file);
    if (image < 0)
        return error_errno(err, "%s", kernel.file);
    if (kernel.initrd && (initrd = open_boot(system, kernel.initrd)) < 0)
        return error_errno(err, "%s", kernel.initrd);
    const char *options = arena_printf(system->log->arena, "root=%s ro %s", kernel.root,
                                       system->task->kernel_options);
    unsigned long flags = kernel.initrd ? 0 : KEXEC_FILE_NO_INITRAMFS;
    if (syscall(SYS_kexec_file_load, image, initrd, strlen(options) + 1, options, flags))
        return error_errno(err, "cannot load %s", kernel.file);
    return ERR_OK;
}
