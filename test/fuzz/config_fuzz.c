/* Any bytes as a configuration file: an error with a place, or values inside their bounds. */
// rooms: base
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "src/base/config.h"
#include "src/base/container.h"

struct sample {
    const char *name, *folder, *address, *net;
    int port, mode;
    bool on;
};

static const struct config_key schema[] = {
    {"a", "name", CONFIG_TEXT, offsetof(struct sample, name), "x"},
    {"a", "folder", CONFIG_PATH, offsetof(struct sample, folder), "/tmp"},
    {"b", "port", CONFIG_INT, offsetof(struct sample, port), "5250", 1, 65535},
    {"b", "on", CONFIG_BOOL, offsetof(struct sample, on), "no"},
    {"b", "mode", CONFIG_CHOICE, offsetof(struct sample, mode), "x", .choices = {"x", "y"}},
    {"b", "address", CONFIG_IP, offsetof(struct sample, address), ""},
    {"b", "net", CONFIG_NET, offsetof(struct sample, net), ""},
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    int fd = memfd_create("config", MFD_CLOEXEC);
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
        return 0;
    struct arena *arena = arena_new();
    struct sample sample = {0};
    struct error err = {0};
    struct config_source source = {path, true, NULL, 0};
    enum error_code code =
        config_load(schema, (int)COUNT_OF(schema), &source, arena, &sample, &err);
    ASSERT(code == ERR_OK ? sample.port >= 1 && sample.port <= 65535 : err.text[0]);
    arena_free(arena);
    close(fd);
    return 0;
}
