/* Any bytes as what a region says of itself when it joins: refused with a reason, or a member and a
 * virtual IP that the log takes: written as commands they are read as the same. */
// rooms: region
#include <stdio.h>
#include <string.h>

#include "src/region/join_call.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_command(const struct command *command)
{
    static struct command again;
    struct record_out out = {0};
    struct error err = {0};
    ASSERT(command_encode(command, &out, &err) == ERR_OK);
    ASSERT(command_decode(out.bytes, out.size, &again, &err) == ERR_OK);
    ASSERT(!memcmp(command, &again, sizeof(again)));
    record_out_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct command member, vip;
    struct join join = {.name = "region2"};
    struct error err = {0};
    memset(join.bearer, 'a', sizeof(join.bearer) - 1);
    join.body = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(join.body)) {
        json_decref(join.body);
        return 0;
    }
    memset(&member, 0, sizeof(member));
    memset(&vip, 0, sizeof(vip));
    member.kind = COMMAND_MEMBER_ADD;
    vip.kind = COMMAND_VIP_DEFINE;
    if (join_region_read(&join, &member.member_add, &vip.vip_define, &err)) {
        ASSERT(err.text[0]);
    } else {
        member.member_add.id = 2;
        snprintf(member.member_add.serial, sizeof(member.member_add.serial), "00ff");
        check_command(&member);
        if (vip.vip_define.net[0])
            check_command(&vip);
    }
    json_decref(join.body);
    return 0;
}
