/* Any lines as what an image has, what is asked for and the least a machine needs: refused with a
 * reason, or one of the image's, not older than that and of its flavour. */
// rooms: model
#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "src/model/hwe_kernel.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static bool has(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = strstr(list, name); at; at = strstr(at + 1, name))
        if ((at == list || at[-1] == ',') && (!at[length] || at[length] == ','))
            return true;
    return false;
}

static void check_name(const char *name, struct arena *arena)
{
    struct hwe_kernel kernel;
    if (!hwe_kernel_parse(name, &kernel))
        return;
    ASSERT(kernel.age >= 0 && kernel.age <= 2 && kernel.release >= 0 && kernel.release <= 9999);
    ASSERT(kernel.flavor_length >= 0 && (size_t)kernel.flavor_length < strlen(name));
    ASSERT(!kernel.flavor_length ||
           (kernel.flavor > name && kernel.flavor + kernel.flavor_length <= name + strlen(name)));
    const char *package = hwe_kernel_package(name, arena);
    ASSERT(!package || !strncmp(package, "linux-", 6));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arena *arena = arena_new();
    char *lines[3], *rest = arena_strndup(arena, (const char *)bytes, size),
                    *none = rest + strlen(rest);
    for (int i = 0; i < 3; i++) {
        lines[i] = rest;
        rest += strcspn(rest, "\n");
        if (*rest)
            *rest++ = '\0';
        else
            rest = none;
        check_name(lines[i], arena);
    }
    struct hwe_kernel_wish wish = {lines[0], lines[1], lines[2]};
    struct hwe_kernel kernel, least;
    struct error err = {0};
    const char *chosen = NULL;
    if (hwe_kernel_choose(&wish, arena, &chosen, &err)) {
        ASSERT(err.text[0]);
    } else if (chosen) {
        ASSERT(has(wish.available, chosen) && (!*wish.asked || !strcmp(chosen, wish.asked)));
        if (hwe_kernel_parse(wish.minimum, &least) && hwe_kernel_parse(chosen, &kernel))
            ASSERT(kernel.release > least.release ||
                   (kernel.release == least.release && kernel.age >= least.age));
    } else {
        ASSERT(!*wish.asked);
    }
    arena_free(arena);
    return 0;
}
