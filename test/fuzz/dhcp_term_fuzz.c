/*
 * Any bytes as a rack's file of terms and blocks: what is none of it is as if it were not there,
 * and what is kept at once is read again by the next start. An odd first byte: of this boot and of
 * the store that has the leases, for any other file is soon done with.
 */
// rooms: rack
#include <string.h>

#include "src/base/clock.h"
#include "src/base/file.h"
#include "src/rack/dhcp_term.h"
#include "test/fuzz/stored_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static struct loop loop;
static bool begun;
static struct dhcp_lease_file leases = {.store_id = "0123456789abcdef0123456789abcdef",
                                        .sequence = 1000};

/* Its path; the JSON in it is of this boot and store. */
static const char *write_own(const uint8_t *bytes, size_t size)
{
    static char boot[64];
    json_t *json = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, NULL);
    if (!*boot) {
        struct arena *arena = arena_new();
        char *text;
        enum error_code code =
            file_read(arena, "/proc/sys/kernel/random/boot_id", 64, &text, NULL, NULL);
        ASSERT(!code);
        snprintf(boot, sizeof(boot), "%.36s", text);
        arena_free(arena);
    }
    if (!json_is_object(json)) {
        json_decref(json);
        return stored_file(bytes, size);
    }
    json_object_set_new(json, "boot", json_string(boot));
    json_object_set_new(json, "store", json_string(leases.store_id));
    char *text = json_dumps(json, 0);
    ASSERT(text);
    const char *path = stored_file(text, strlen(text));
    free(text);
    json_decref(json);
    return path;
}

static void open_term(const char *path, struct dhcp_term *term, struct dhcp_service *service)
{
    struct error err;
    dhcp_service_init(service);
    enum error_code code = dhcp_term_open(term, &loop, path, &leases, service, &err);
    ASSERT(!code);
    while (term->save.job)
        uv_run(&loop.uv, UV_RUN_ONCE);
    uint64_t now_s = dhcp_term_now_s(term);
    ASSERT(now_s <= 253402300800 + clock_boot_ns() / CLOCK_S);
    ASSERT(strlen(term->salt) < DHCP_TERM_STORE && strlen(term->store) == 32);
    ASSERT(service->blocks.count >= 0 && service->blocks.count <= DHCP_BLOCKS_MOST);
    for (int i = 1; i < service->blocks.count; i++)
        ASSERT(service->blocks.number[i - 1] < service->blocks.number[i]);
}

static void close_term(struct dhcp_term *term, struct dhcp_service *service)
{
    dhcp_term_close(term);
    dhcp_service_close(service);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct dhcp_term term, again;
    static struct dhcp_service service, after;
    if (!size)
        return 0;
    if (!begun)
        loop_init(&loop);
    begun = true;
    bool own = bytes[0] & 1;
    const char *path = own ? write_own(bytes + 1, size - 1) : stored_file(bytes + 1, size - 1);
    open_term(path, &term, &service);
    open_term(path, &again, &after);
    ASSERT(term.offset_ms == again.offset_ms && !strcmp(term.store, again.store));
    ASSERT(!strcmp(term.salt, again.salt) && term.confirmed == again.confirmed);
    ASSERT(term.term_s == again.term_s && term.saved_until_s == again.saved_until_s);
    ASSERT(service.blocks.count == after.blocks.count);
    ASSERT(!memcmp(service.blocks.number, after.blocks.number,
                   sizeof(after.blocks.number[0]) * (size_t)after.blocks.count));
    json_t *question = dhcp_term_question(&again, leases.sequence);
    ASSERT(json_is_object(question));
    json_decref(question);
    close_term(&term, &service);
    close_term(&again, &after);
    return 0;
}
