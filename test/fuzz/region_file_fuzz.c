/*
 * Any bytes as what a region finds on its disk: its floor (first byte 0, with a right digest 1), or
 * who it is (any other). Refused with a reason, or written and read again it is the same.
 */
// rooms: region
#include <string.h>

#include "ha/floor.h"
#include "src/region/member_file.h"
#include "src/wire/digest.h"
#include "test/fuzz/stored_file.h"

enum { MOST = 16 << 10 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void read_floor(const uint8_t *bytes, size_t size, bool vouched)
{
    static char text[MOST + DIGEST_TEXT + 1];
    struct floor_values values = {0};
    struct error err = {0};
    const char *path;
    memcpy(text, bytes, size);
    if (vouched) {
        digest_sha256_text(bytes, size, text + size);
        size += DIGEST_TEXT;
        text[size - 1] = '\n';
    }
    path = stored_file(text, size);
    if (floor_read(path, &values, &err)) {
        ASSERT(err.text[0]);
        return;
    }
    ASSERT(vouched && values.lease.count >= 0 && values.lease.count <= LEASE_ROWS);
}

static void read_member(const uint8_t *bytes, size_t size)
{
    struct member_file member = {0}, again = {0};
    struct error err = {0};
    char name[STORED_PATH];
    const char *path = stored_file(bytes, size);
    snprintf(name, sizeof(name), "%s/member.json", stored_folder);
    ASSERT(!rename(path, name));
    if (member_file_read(stored_folder, &member, &err)) {
        ASSERT(err.text[0]);
    } else {
        ASSERT(member.id && *member.name);
        ASSERT(!member_file_write(stored_folder, &member, &err));
        ASSERT(!member_file_read(stored_folder, &again, &err));
        ASSERT(member.id == again.id && !strcmp(member.name, again.name));
        ASSERT(member.fresh == again.fresh);
    }
    unlink(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (!size || size > MOST)
        return 0;
    if (bytes[0] < 2)
        read_floor(bytes + 1, size - 1, bytes[0]);
    else
        read_member(bytes + 1, size - 1);
    return 0;
}
