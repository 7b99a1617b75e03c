/*
 * Any bytes as a rack's file of DHCP leases: what is readable of it is kept, and the next start
 * finds just that. The first byte says whether checksums are made right before, so that what they
 * vouch for is looked at as well.
 */
// rooms: rack
#include <string.h>

#include "src/rack/dhcp_lease_file.h"
#include "src/wire/digest.h"
#include "test/fuzz/stored_file.h"

enum { HEADER = 48, RECORD = 120, CHECK = 8, MOST = 64 << 10 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void vouch(uint8_t *at, size_t size)
{
    uint8_t digest[DIGEST_BYTES];
    digest_sha256(at + CHECK, size - CHECK, digest);
    memcpy(at, digest, CHECK);
}

static int open_leases(const char *path, struct dhcp_lease_file *file, bool *mended)
{
    struct dhcp_leases *leases = dhcp_leases_new();
    struct error err;
    enum error_code code = dhcp_lease_file_open(file, path, 1000, leases, &err);
    ASSERT(code == ERR_OK);
    int count = dhcp_leases_count(leases);
    for (int i = 0; i < count; i++) {
        const struct dhcp_lease *lease = dhcp_leases_nth(leases, i);
        ASSERT(strnlen(lease->hostname, LIMIT_NAME) < LIMIT_NAME);
        ASSERT(dhcp_leases_at(leases, lease->address) == lease);
    }
    *mended = file->found[0];
    dhcp_leases_free(leases);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static uint8_t copy[MOST];
    struct dhcp_lease_file file;
    bool mended, again;
    if (!size || size > MOST)
        return 0;
    memcpy(copy, bytes + 1, --size);
    for (size_t at = HEADER; bytes[0] & 1 && at + RECORD <= size; at += RECORD)
        vouch(copy + at, RECORD);
    if (bytes[0] & 1 && size >= HEADER)
        vouch(copy, HEADER);
    const char *path = stored_file(copy, size);
    int count = open_leases(path, &file, &mended);
    struct dhcp_lease lease = {.address = 0x0a000001, .expires_s = 2000, .duration_s = 60};
    struct error err;
    ASSERT(dhcp_lease_file_append(&file, &lease, 1, 1000, &err) == ERR_OK);
    dhcp_lease_file_close(&file);
    int found = open_leases(path, &file, &again);
    ASSERT(!again); /* mended for good */
    ASSERT(mended || found == count || found == count + 1);
    dhcp_lease_file_close(&file);
    return 0;
}
