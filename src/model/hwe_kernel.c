/* Kernels of Ubuntu's images: see hwe_kernel.h. */
#include "src/model/hwe_kernel.h"

#include <ctype.h>
#include <string.h>

enum { GA, HWE, EDGE };

#define EDGE_WORD "-edge"

/* "24.04"; two releases a year. NULL: it is none. */
static const char *read_release(const char *text, int *release)
{
    for (int i = 0; i < 5; i++)
        if (i == 2 ? text[i] != '.' : !isdigit((unsigned char)text[i]))
            return NULL;
    *release =
        (text[0] - '0') * 1000 + (text[1] - '0') * 100 + (text[3] - '0') * 10 + text[4] - '0';
    return text + 5;
}

/* Before 16.04 a kernel had the first letter of its release: p is 12.04, q 12.10. */
static const char *read_letter(const char *text, int *release)
{
    if (*text < 'p' || *text > 'w' || (text[1] && text[1] != '-'))
        return NULL;
    int halves = *text - 'p';
    *release = 1204 + halves / 2 * 100 + halves % 2 * 6;
    return text + 1;
}

bool hwe_kernel_parse(const char *name, struct hwe_kernel *kernel)
{
    bool hwe = !strncmp(name, "hwe-", 4);
    *kernel = (struct hwe_kernel){.age = hwe ? HWE : GA, .flavor = ""};
    if (!hwe && strncmp(name, "ga-", 3) != 0)
        return false;
    const char *from = name + (hwe ? 4 : 3);
    const char *rest = read_release(from, &kernel->release);
    if (!rest && hwe)
        rest = read_letter(from, &kernel->release);
    if (!rest || (*rest && *rest != '-'))
        return false;
    size_t length = strlen(rest), edge = strlen(EDGE_WORD);
    if (length >= edge && !strcmp(rest + length - edge, EDGE_WORD)) {
        kernel->age = EDGE;
        length -= edge;
    }
    if (length) {
        kernel->flavor = rest + 1;
        kernel->flavor_length = (int)length - 1;
    }
    return kernel->flavor_length > 0 || !length;
}

static bool same_flavor(const struct hwe_kernel *a, const struct hwe_kernel *b)
{
    return a->flavor_length == b->flavor_length &&
           !memcmp(a->flavor, b->flavor, (size_t)a->flavor_length);
}

static int compare(const struct hwe_kernel *a, const struct hwe_kernel *b)
{
    return a->release != b->release ? a->release - b->release : a->age - b->age;
}

static bool has_name(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = list; *at; at += strcspn(at, ","), at += *at == ',')
        if (strcspn(at, ",") == length && !strncmp(at, name, length))
            return true;
    return false;
}

/* The oldest of the list that is not older than this one, of its flavour; NULL: there is none. */
static const char *find_least(const char *list, const struct hwe_kernel *least, struct arena *arena)
{
    const char *found = NULL;
    struct hwe_kernel best = {0}, kernel;
    for (const char *at = list; *at; at += strcspn(at, ","), at += *at == ',') {
        const char *name = arena_strndup(arena, at, strcspn(at, ","));
        if (!hwe_kernel_parse(name, &kernel) || !same_flavor(&kernel, least) ||
            compare(&kernel, least) < 0 || (found && compare(&kernel, &best) >= 0))
            continue;
        found = name;
        best = kernel;
    }
    return found;
}

static const char *given(const char *text)
{
    return text && *text ? text : NULL;
}

static enum error_code check_asked(const struct hwe_kernel_wish *wish,
                                   const struct hwe_kernel *least, struct error *err)
{
    struct hwe_kernel asked;
    if (!has_name(wish->available, wish->asked))
        return error_set(err, ERR_BAD_INPUT,
                         "%.100s is not available. It should be one of: %.300s.", wish->asked,
                         *wish->available ? wish->available : "(none)");
    if (hwe_kernel_parse(wish->asked, &asked) && compare(&asked, least) < 0)
        return error_set(err, ERR_BAD_INPUT,
                         "%.100s does not meet the minimum kernel of the machine (%.100s).",
                         wish->asked, wish->minimum);
    return ERR_OK;
}

enum error_code hwe_kernel_choose(const struct hwe_kernel_wish *wish, struct arena *arena,
                                  const char **chosen, struct error *err)
{
    const struct hwe_kernel any = {.flavor = ""};
    struct hwe_kernel least = any;
    const char *minimum = given(wish->minimum);
    *chosen = NULL;
    if (minimum && !hwe_kernel_parse(minimum, &least))
        least = any;
    if (given(wish->asked)) {
        *chosen = arena_strdup(arena, wish->asked);
        return check_asked(wish, &least, err);
    }
    *chosen = find_least(wish->available, &least, arena);
    bool has_kernels = *chosen || find_least(wish->available, &any, arena);
    if (!*chosen && has_kernels)
        return error_set(err, ERR_BAD_INPUT,
                         "No kernel is available that meets the minimum of the machine (%.100s). "
                         "There is: %.300s.",
                         minimum, wish->available);
    return ERR_OK;
}

const char *hwe_kernel_package(const char *name, struct arena *arena)
{
    struct hwe_kernel kernel;
    if (!hwe_kernel_parse(name, &kernel))
        return NULL;
    const char *flavor = kernel.flavor_length
                             ? arena_strndup(arena, kernel.flavor, (size_t)kernel.flavor_length)
                             : "generic";
    if (kernel.age == GA)
        return arena_printf(arena, "linux-%s", flavor);
    return arena_printf(arena, "linux-%s-hwe-%02d.%02d%s", flavor, kernel.release / 100,
                        kernel.release % 100, kernel.age == EDGE ? EDGE_WORD : "");
}
