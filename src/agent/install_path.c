/* Paths of a system that is being installed: see install_path.h. */
#include "src/agent/install_path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "src/base/file.h"

int install_path_open(const char *root, const char *path, int flags, unsigned mode)
{
    struct open_how how = {.flags = (unsigned)(flags | O_CLOEXEC),
                           .mode = flags & O_CREAT ? mode : 0,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    __attribute__((cleanup(file_close_fd))) int folder =
        open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return folder < 0 ? -1 : (int)syscall(SYS_openat2, folder, path, &how, sizeof(how));
}

bool install_path_has(const char *root, const char *path)
{
    __attribute__((cleanup(file_close_fd))) int fd = install_path_open(root, path, O_PATH, 0);
    return fd >= 0;
}

const char *install_path_text(const char *root, const char *path, size_t limit, struct arena *arena)
{
    __attribute__((cleanup(file_close_fd))) int fd = install_path_open(root, path, O_RDONLY, 0);
    char *text = NULL;
    if (fd < 0 ||
        file_read(arena, arena_printf(arena, "/proc/self/fd/%d", fd), limit, &text, NULL, NULL))
        return NULL;
    return text;
}

enum error_code install_path_make_parents(const char *root, const char *path, struct arena *arena,
                                          struct error *err)
{
    char *folder = arena_strdup(arena, path);
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        char *name = strrchr(folder, '/');
        *name = '\0';
        int parent = install_path_open(root, *folder ? folder : "/", O_PATH | O_DIRECTORY, 0);
        int failed = parent < 0 || (mkdirat(parent, name + 1, 0755) && errno != EEXIST);
        *name = '/';
        if (failed)
            error_errno(err, "make %s", folder);
        if (parent >= 0)
            close(parent);
        if (failed)
            return ERR_IO;
        *slash = '/';
    }
    return ERR_OK;
}

int install_path_folder(const char *root, const char *path, struct arena *arena)
{
    const char *folder = arena_strndup(arena, path, (size_t)(strrchr(path, '/') - path));
    return install_path_open(root, *folder ? folder : "/", O_RDONLY | O_DIRECTORY, 0);
}

enum error_code install_path_remove(const char *root, const char *path, struct arena *arena,
                                    struct error *err)
{
    __attribute__((cleanup(file_close_fd))) int folder = install_path_folder(root, path, arena);
    bool gone = (folder < 0 && errno == ENOENT) ||
                (folder >= 0 && (!unlinkat(folder, strrchr(path, '/') + 1, 0) || errno == ENOENT));
    return gone ? ERR_OK : error_errno(err, "remove %s", path);
}
