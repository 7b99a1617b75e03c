/*
 * Any bytes as what a region answers a rack's DHCP: its blocks (first byte 0), or what other racks
 * gave. Refused with a reason and without a change, or blocks that are the ones in the JSON.
 */
// rooms: rack
#include <string.h>

#include "src/base/clock.h"
#include "src/rack/dhcp.h"
#include "src/rack/dhcp_term.h"
#include "test/fuzz/stored_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static struct loop loop;
static bool begun;

static int count_said(const json_t *runs)
{
    const json_t *run;
    size_t i;
    json_int_t count = 0;
    json_array_foreach (runs, i, run)
        count += json_integer_value(json_array_get(run, 1));
    return (int)count;
}

static void take_blocks(const json_t *answer, const char *path)
{
    static struct dhcp_lease_file leases = {.store_id = "0123456789abcdef0123456789abcdef"};
    static struct dhcp_term term;
    static struct dhcp_service service;
    static struct dhcp_blocks before;
    struct error err = {0};
    if (!term.store[0]) {
        dhcp_service_init(&service);
        ASSERT(!dhcp_term_open(&term, &loop, path, &leases, &service, &err));
    }
    before = service.blocks;
    uint64_t now_ns = clock_boot_ns(), owner = (uint64_t)term.owner;
    if (dhcp_term_take(&term, answer, now_ns, 0, &err)) {
        ASSERT(err.text[0] && !memcmp(&before, &service.blocks, sizeof(before)));
        ASSERT(owner == (uint64_t)term.owner);
        return;
    }
    const struct dhcp_blocks *blocks = &service.blocks;
    ASSERT(blocks->count == count_said(json_object_get(answer, "blocks")));
    for (int i = 1; i < blocks->count; i++)
        ASSERT(blocks->number[i - 1] < blocks->number[i]);
    ASSERT(blocks->until_s == dhcp_term_at_s(&term, now_ns) + term.term_s);
    ASSERT(!blocks->count || blocks->number[blocks->count - 1] <= UINT32_MAX / DHCP_BLOCK_SIZE);
    uv_run(&loop.uv, UV_RUN_NOWAIT); /* what was written to disk */
}

static void take_partner(const json_t *leases)
{
    static struct dhcp *dhcp;
    struct dhcp_settings settings = {.loop = &loop, .data_dir = stored_folder};
    struct error err = {0};
    if (!dhcp)
        ASSERT(!dhcp_new(&settings, &dhcp, &err));
    enum error_code code = dhcp_take_partner(dhcp, leases, clock_boot_ns(), &err);
    ASSERT(code == ERR_OK || code == ERR_BAD_INPUT || code == ERR_LIMIT);
    ASSERT(!code == !err.text[0]);
}

static void clean(void)
{
    static const char *const names[] = {"dhcp.leases", "dhcp.term"};
    char path[STORED_PATH];
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s", stored_folder, names[i]);
        unlink(path);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (!size)
        return 0;
    const char *path = stored_file("{}", 2);
    if (!begun) {
        loop_init(&loop);
        atexit(clean);
    }
    begun = true;
    json_t *json = json_loadb((const char *)bytes + 1, size - 1, JSON_REJECT_DUPLICATES, NULL);
    if (json && !bytes[0])
        take_blocks(json, path);
    else if (json)
        take_partner(json);
    json_decref(json);
    return 0;
}
