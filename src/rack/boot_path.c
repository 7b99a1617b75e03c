/* Names machines ask for: see boot_path.h. */
#include "src/rack/boot_path.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool allowed(char c)
{
    return isalnum((unsigned char)c) || (c && strchr("._:+@~/-", c));
}

/* Copy without needless slashes; what a segment may not hold is refused. */
static enum error_code clean(const char *name, size_t size, char *to, struct error *err)
{
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        char c = name[i];
        bool begins = !used || to[used - 1] == '/';
        if (!allowed(c))
            return error_set(err, ERR_BAD_INPUT, "character %d is not allowed in a name",
                             (unsigned char)c);
        if (c == '/' && begins)
            continue;
        if (c == '.' && begins)
            return error_set(err, ERR_BAD_INPUT, "names beginning with a dot are not served");
        if (c == '.' && to[used - 1] == '.')
            return error_set(err, ERR_BAD_INPUT, "names with two dots are not served");
        if (used + 1 == BOOT_PATH_BYTES)
            return error_set(err, ERR_BAD_INPUT, "the name is too long");
        to[used++] = c;
    }
    to[used] = '\0';
    if (!used || to[used - 1] == '/')
        return error_set(err, ERR_NOT_FOUND, "a file has to be named");
    return ERR_OK;
}

static bool ends_in_mac(const char *path, const char *prefix, struct mac *mac)
{
    size_t length = strlen(prefix);
    return !strncmp(path, prefix, length) && mac_parse(path + length, mac);
}

static bool is_blob(const char *path)
{
    const char *digits = path + 6;
    return !strncmp(path, "blobs/", 6) && strspn(digits, "0123456789abcdef") == 64 && !digits[64];
}

static enum boot_path_kind sort(struct boot_path *path)
{
    if (!strncmp(path->path, "images/", 7) && path->path[7]) {
        memmove(path->path, path->path + 7, strlen(path->path + 7) + 1);
        return BOOT_PATH_IMAGE;
    }
    if (is_blob(path->path))
        return BOOT_PATH_BLOB;
    if (!strcmp(path->path, "ipxe.cfg"))
        return BOOT_PATH_IPXE;
    if (ends_in_mac(path->path, "ipxe.cfg-", &path->mac))
        return BOOT_PATH_IPXE_MAC;
    if (ends_in_mac(path->path, "pxelinux.cfg/01-", &path->mac))
        return BOOT_PATH_PXELINUX_MAC;
    if (!strcmp(path->path, "pxelinux.cfg/default"))
        return BOOT_PATH_PXELINUX_DEFAULT;
    if (!strcmp(path->path, "grub/grub.cfg"))
        return BOOT_PATH_GRUB;
    if (ends_in_mac(path->path, "grub/grub.cfg-", &path->mac))
        return BOOT_PATH_GRUB_MAC;
    return BOOT_PATH_FILE;
}

enum error_code boot_path_read(const char *name, size_t size, struct boot_path *path,
                               struct error *err)
{
    memset(path, 0, sizeof(*path));
    enum error_code code = clean(name, size, path->path, err);
    if (code)
        return code;
    path->kind = sort(path);
    return ERR_OK;
}
