/* Any JSON as a boot answer: refused, or rendered for every loader within its own lines. */
// rooms: rack
#include <stdint.h>
#include <string.h>

#include "src/rack/boot_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const int most_lines[] = {[BOOT_IPXE] = 8, [BOOT_PXELINUX] = 8, [BOOT_GRUB] = 10};
    const struct boot_answer_place place = {.rack = 0x0a4d0015,
                                            .http_port = 5248,
                                            .proxy_port = 5240,
                                            .mac = {{0x52, 0x54, 0, 0, 0, 1}},
                                            .timed = true,
                                            .here = true};
    json_t *json = json_loadb((const char *)bytes, size, 0, NULL);
    struct arena *arena = arena_new();
    struct boot_answer answer;
    struct error err;
    if (!boot_answer_read(json, arena, &answer, &err)) {
        for (int loader = BOOT_IPXE; loader <= BOOT_GRUB; loader++) {
            struct spool text;
            int lines = 0;
            spool_init(&text);
            boot_answer_write(&answer, (enum boot_loader)loader, &place, &text, &err);
            for (size_t i = 0; i < text.used; i++)
                lines += text.bytes[i] == '\n';
            ASSERT(lines <= most_lines[loader]);
            spool_close(&text);
        }
    }
    json_decref(json);
    arena_free(arena);
    return 0;
}
