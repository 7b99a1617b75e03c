/* The facts: what each command may change, in which order; what is refused changes nothing. */
// rooms: raft
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raft/cluster_state.h"
#include "src/base/hash.h"
#include "test/lib/sample_command.h"

static struct cluster_state facts;
static struct command command;

static void apply(enum error_code expected, int line)
{
    uint64_t before = cluster_state_hash(&facts);
    const struct cluster_outcome *outcome = cluster_state_apply(&facts, &command);
    if (outcome->code != expected)
        fail_msg("line %d: %s: %s (%s)", line, command_name((int)command.kind),
                 error_name(outcome->code), outcome->reason);
    assert_non_null(outcome->reason);
    if (expected)
        assert_int_equal(before, cluster_state_hash(&facts));
}

#define ACCEPT()     apply(ERR_OK, __LINE__)
#define REFUSE(code) apply(ERR_##code, __LINE__)
#define SAMPLE(kind) sample_command(COMMAND_##kind, &command)

static int start(void **unused)
{
    (void)unused;
    cluster_state_init(&facts);
    SAMPLE(INIT);
    ACCEPT();
    return 0;
}

/* Epoch 1 serves on member 1. */
static void serve(void)
{
    SAMPLE(FENCE);
    ACCEPT();
    SAMPLE(SET);
    ACCEPT();
    SAMPLE(SERVING);
    ACCEPT();
}

static void test_nothing_before_init_and_only_one(void **unused)
{
    (void)unused;
    cluster_state_init(&facts);
    for (const int *kind = sample_command_kinds; *kind; kind++) {
        sample_command(*kind, &command);
        if (*kind != COMMAND_INIT)
            REFUSE(CONFLICT);
    }
    SAMPLE(INIT);
    command.init.lease_ms[0] = CLUSTER_LEASE_MS_MIN - 1;
    REFUSE(BAD_INPUT);
    SAMPLE(INIT);
    command.init.member.ports[CLUSTER_PORT_RAFT] = 0;
    REFUSE(BAD_INPUT);
    SAMPLE(INIT);
    command.init.member.data_voter = true;
    REFUSE(BAD_INPUT);
    SAMPLE(INIT);
    command.init.member.id = UINT64_MAX; /* there is no next id to give */
    REFUSE(BAD_INPUT);
    command.init.member.id = CLUSTER_COUNT_END - 1; /* the next one could not be read again */
    REFUSE(BAD_INPUT);
    SAMPLE(INIT);
    ACCEPT();
    REFUSE(CONFLICT);
    assert_true(facts.members[0].data_voter && facts.members[0].acceptor);
    assert_int_equal(facts.primary.phase, CLUSTER_NEVER);
}

static void test_members(void **unused)
{
    (void)unused;
    SAMPLE(MEMBER_ADD);
    command.member_add.id = 3;
    REFUSE(CONFLICT); /* ids are given in order */
    SAMPLE(MEMBER_ADD);
    strcpy(command.member_add.serial, "!1");
    REFUSE(BAD_INPUT); /* revoked it would stand in no snapshot */
    SAMPLE(MEMBER_ADD);
    strcpy(command.member_add.name, "region1");
    REFUSE(CONFLICT);
    SAMPLE(MEMBER_ADD);
    strcpy(command.member_add.address, "10.0.0.1");
    REFUSE(CONFLICT);
    SAMPLE(MEMBER_ADD);
    ACCEPT();
    assert_false(facts.members[1].data_voter || facts.members[1].acceptor);
    strcpy(command.member_add.serial, "a2new");
    ACCEPT(); /* the same key again, signed anew: its answer was lost */
    assert_int_equal(facts.members_count, 2);
    assert_string_equal(facts.members[1].serial, "a2new");
    command.member_add.key[0] = 'c';
    REFUSE(CONFLICT); /* a namesake */
    SAMPLE(MEMBER_REMOVE);
    command.member_remove.id = 1;
    REFUSE(CONFLICT);
    serve();
    SAMPLE(DATA_VOTERS);
    ACCEPT();
    SAMPLE(MEMBER_REMOVE);
    REFUSE(CONFLICT); /* it has data */
    SAMPLE(DATA_VOTERS);
    command.data_voters.version = 2;
    command.data_voters.add = false;
    ACCEPT();
    SAMPLE(MEMBER_LEAVE);
    command.member_leave.id = 1;
    REFUSE(CONFLICT); /* the primary */
    command.member_leave.id = 9;
    REFUSE(NOT_FOUND);
    command.member_leave.id = 2;
    ACCEPT();
    ACCEPT();
    assert_int_equal(facts.leaving, 2);
    SAMPLE(MEMBER_REMOVE);
    assert_false(cluster_state_revoked(&facts, "a2new"));
    ACCEPT();
    assert_true(cluster_state_revoked(&facts, "a2new"));
    assert_int_equal(facts.leaving, 0);
    REFUSE(NOT_FOUND);
    SAMPLE(MEMBER_ADD);
    REFUSE(CONFLICT); /* an id is never used twice */
    command.member_add.id = 3;
    ACCEPT();
    SAMPLE(MEMBER_ADD);
    command.member_add.id = 4;
    strcpy(command.member_add.name, "region4");
    strcpy(command.member_add.address, "10.0.0.4");
    command.member_add.key[0] = 'd';
    ACCEPT();
    SAMPLE(MEMBER_LEAVE);
    command.member_leave.id = 3;
    ACCEPT();
    command.member_leave.id = 4;
    REFUSE(CONFLICT); /* one after the other */
    command.member_leave.id = 0;
    ACCEPT(); /* it stays after all */
    command.member_leave.id = 4;
    ACCEPT();
}

static void test_an_epoch_from_fence_to_serving(void **unused)
{
    (void)unused;
    SAMPLE(SET);
    REFUSE(CONFLICT); /* nothing is fenced */
    SAMPLE(FENCE);
    command.fence.epoch = 1;
    REFUSE(CONFLICT);
    SAMPLE(FENCE);
    command.fence.phase = CLUSTER_SERVING;
    REFUSE(CONFLICT);
    SAMPLE(FENCE);
    ACCEPT();
    REFUSE(CONFLICT); /* the same once more ends nothing */
    assert_int_equal(facts.primary.epoch, 1);
    assert_int_equal(facts.primary.lease_ms, 800);
    SAMPLE(SET);
    command.set.timeline = 1;
    REFUSE(CONFLICT); /* initdb's own is reserved */
    SAMPLE(SET);
    command.set.member = 2;
    REFUSE(BAD_INPUT);
    SAMPLE(SET);
    strcpy(command.set.standby_names, "ANY 1 (repl_2)");
    REFUSE(CONFLICT);
    SAMPLE(SET);
    ACCEPT();
    REFUSE(CONFLICT);
    SAMPLE(SERVING);
    command.serving.timeline = 3;
    REFUSE(CONFLICT);
    SAMPLE(SERVING);
    command.serving.system_id = 0;
    REFUSE(CONFLICT);
    SAMPLE(SERVING);
    command.serving.epoch = 2;
    REFUSE(CONFLICT);
    SAMPLE(SERVING);
    ACCEPT();
    REFUSE(CONFLICT);
    assert_int_equal(facts.primary.served_epoch, 1);
    SAMPLE(FENCE);
    command.fence.epoch = 1;
    command.fence.phase = CLUSTER_SERVING;
    ACCEPT();
    assert_int_equal(facts.primary.epoch, 2);
    assert_int_equal(facts.primary.member, 0);
    assert_int_equal(facts.primary.served_member, 1);
    SAMPLE(SET);
    command.set.epoch = 2;
    REFUSE(CONFLICT); /* its timeline was named before */
    command.set.timeline = 3;
    ACCEPT();
    SAMPLE(SERVING);
    command.serving = (struct command_serving){2, 1, 3, 1, 7000000002};
    REFUSE(CONFLICT); /* another database */
    command.serving.system_id = 7000000001;
    ACCEPT();
}

static void test_a_declined_epoch_never_serves(void **unused)
{
    (void)unused;
    SAMPLE(DECLINE);
    REFUSE(CONFLICT);
    SAMPLE(FENCE);
    ACCEPT();
    SAMPLE(SET);
    ACCEPT();
    SAMPLE(DECLINE);
    command.decline.member = 2;
    REFUSE(CONFLICT);
    SAMPLE(DECLINE);
    ACCEPT();
    SAMPLE(SERVING);
    REFUSE(CONFLICT);
    SAMPLE(FENCE);
    command.fence.epoch = 1;
    command.fence.phase = CLUSTER_SET;
    ACCEPT();
    assert_false(facts.primary.declined);
}

static void test_voters_change_only_under_a_serving_primary(void **unused)
{
    (void)unused;
    char names[CLUSTER_STANDBY_NAMES];
    SAMPLE(MEMBER_ADD);
    ACCEPT();
    SAMPLE(DATA_VOTERS);
    REFUSE(CONFLICT);
    serve();
    SAMPLE(DATA_VOTERS);
    command.data_voters.version = 2;
    REFUSE(CONFLICT);
    SAMPLE(DATA_VOTERS);
    command.data_voters.epoch = 2;
    REFUSE(CONFLICT);
    SAMPLE(DATA_VOTERS);
    command.data_voters.member = 9;
    REFUSE(NOT_FOUND);
    SAMPLE(DATA_VOTERS);
    ACCEPT();
    assert_string_equal(cluster_state_standby_names(&facts, 1, names), "ANY 1 (repl_2)");
    assert_string_equal(cluster_state_standby_names(&facts, 2, names), "ANY 1 (repl_1)");
    SAMPLE(DATA_VOTERS);
    command.data_voters = (struct command_voter){2, 1, 1, false};
    REFUSE(CONFLICT); /* the primary keeps its vote */
    SAMPLE(ACCEPTORS);
    ACCEPT();
    command.acceptors = (struct command_voter){2, 1, 1, false};
    ACCEPT();
    command.acceptors = (struct command_voter){3, 1, 2, false};
    REFUSE(CONFLICT); /* somebody must grant */
}

static void test_a_token_is_used_once(void **unused)
{
    (void)unused;
    SAMPLE(TOKEN_USE);
    REFUSE(UNAUTHORIZED);
    SAMPLE(TOKEN_CREATE);
    command.token_create.token.expires_ms = 1000;
    REFUSE(BAD_INPUT);
    SAMPLE(TOKEN_CREATE);
    ACCEPT();
    REFUSE(CONFLICT);
    SAMPLE(TOKEN_USE);
    command.token_use.secret_hash[31] ^= 1;
    REFUSE(UNAUTHORIZED);
    SAMPLE(TOKEN_USE);
    command.token_use.now_ms = 2000;
    REFUSE(GONE);
    SAMPLE(TOKEN_USE);
    command.token_use.role = CLUSTER_ROLE_REGION;
    REFUSE(FORBIDDEN);
    SAMPLE(TOKEN_USE);
    ACCEPT();
    ACCEPT(); /* the same bearer asks again */
    memset(command.token_use.bearer, 'e', CLUSTER_FINGERPRINT - 1);
    REFUSE(GONE);
    SAMPLE(TOKEN_EXPIRE);
    ACCEPT();
    assert_int_equal(facts.tokens_count, 0);
    for (int i = 0; i <= CLUSTER_TOKENS; i++) {
        SAMPLE(TOKEN_CREATE);
        snprintf(command.token_create.token.id, LIMIT_NAME, "t%d", i);
        apply(i < CLUSTER_TOKENS ? ERR_OK : ERR_LIMIT, __LINE__);
    }
}

static void test_racks(void **unused)
{
    (void)unused;
    SAMPLE(RACK_ADD);
    ACCEPT();
    strcpy(command.rack_add.serial, "4F09");
    ACCEPT(); /* a new certificate of the same rack */
    assert_int_equal(facts.racks_count, 1);
    assert_string_equal(facts.racks[0].serial, "4F09");
    strcpy(command.rack_add.system_id, "def456");
    REFUSE(CONFLICT); /* its name is taken */
    SAMPLE(RACK_REVOKE);
    ACCEPT();
    assert_true(facts.racks[0].revoked && cluster_state_revoked(&facts, "4F09"));
    SAMPLE(RACK_ADD);
    REFUSE(FORBIDDEN);
    SAMPLE(RACK_REMOVE);
    ACCEPT();
    REFUSE(NOT_FOUND);
    SAMPLE(RACK_ADD);
    strcpy(command.rack_add.serial, "4F09");
    REFUSE(BAD_INPUT); /* a revoked certificate */
    SAMPLE(RACK_ADD);
    ACCEPT();
    for (int i = 1; i <= LIMIT_RACKS; i++) {
        SAMPLE(RACK_ADD);
        snprintf(command.rack_add.system_id, LIMIT_NAME, "id%d", i);
        snprintf(command.rack_add.name, LIMIT_NAME, "name%d", i);
        apply(i < LIMIT_RACKS ? ERR_OK : ERR_LIMIT, __LINE__);
    }
}

static void test_virtual_ips(void **unused)
{
    (void)unused;
    SAMPLE(VIP_ASSIGN);
    REFUSE(NOT_FOUND);
    SAMPLE(VIP_DEFINE);
    strcpy(command.vip_define.net, "10.0.0.100");
    REFUSE(BAD_INPUT);
    SAMPLE(VIP_DEFINE);
    command.vip_define.holder = 1;
    REFUSE(BAD_INPUT);
    SAMPLE(VIP_DEFINE);
    ACCEPT();
    strcpy(command.vip_define.net, "10.0.0.100/16");
    REFUSE(CONFLICT);
    strcpy(command.vip_define.net, "10.0.0.101/24");
    ACCEPT();
    SAMPLE(VIP_ASSIGN);
    command.vip_assign.holder = 2;
    REFUSE(BAD_INPUT);
    SAMPLE(VIP_ASSIGN);
    ACCEPT();
    REFUSE(CONFLICT); /* its epoch has moved on */
    strcpy(command.vip_assign.net, "10.0.0.101/24");
    ACCEPT();
    assert_int_equal(facts.vips[1].epoch, 2); /* no two addresses share an epoch */
    SAMPLE(VIP_REMOVE);
    ACCEPT();
    SAMPLE(VIP_DEFINE);
    ACCEPT();
    SAMPLE(VIP_ASSIGN);
    ACCEPT();
    assert_int_equal(facts.vip_epoch, 3); /* never one again that was given before */
}

static void test_durations_schema_trust(void **unused)
{
    (void)unused;
    SAMPLE(DURATION);
    command.duration.ms = CLUSTER_LEASE_MS_MIN - 1;
    REFUSE(BAD_INPUT);
    SAMPLE(DURATION);
    ACCEPT();
    assert_int_equal(facts.lease_ms[CLUSTER_LEASE_VIP], 400);
    assert_int_equal(facts.lease_ms_max, 800); /* the largest there ever was */
    command.duration.ms = 3000;
    ACCEPT();
    assert_int_equal(facts.lease_ms_max, 3000);
    SAMPLE(SCHEMA);
    ACCEPT();
    REFUSE(CONFLICT);
    SAMPLE(TRUST);
    command.trust.add = false;
    REFUSE(CONFLICT);
    SAMPLE(TRUST);
    ACCEPT();
    REFUSE(CONFLICT);
    memset(command.trust.fingerprint, 'b', CLUSTER_FINGERPRINT - 1);
    command.trust.add = false;
    ACCEPT();
    memset(command.trust.fingerprint, 'd', CLUSTER_FINGERPRINT - 1);
    REFUSE(CONFLICT); /* the last one stays */
    SAMPLE(REVOKE);
    ACCEPT();
    ACCEPT();
    assert_int_equal(facts.revoked_count, 1);
}

/* The rack abc123 with owner 1 in its first term. */
static void own_blocks(void)
{
    SAMPLE(RACK_ADD);
    ACCEPT();
    SAMPLE(BLOCK_OWN);
    ACCEPT();
}

static void test_owners_of_blocks(void **unused)
{
    (void)unused;
    SAMPLE(BLOCK_OWN);
    REFUSE(FORBIDDEN); /* no such rack */
    own_blocks();
    REFUSE(CONFLICT); /* the store has an owner: renew it */
    command.block_own.owner = 1;
    REFUSE(CONFLICT); /* in its first term */
    command.block_own.renewals = 1;
    command.block_own.sequence = 6;
    REFUSE(GONE); /* leases up to 7 were confirmed */
    command.block_own.sequence = 9;
    command.block_own.term_s = 3600;
    command.block_own.longest_s = 1200;
    ACCEPT();
    assert_int_equal(facts.block_owners[0].renewals, 2);
    assert_int_equal(facts.block_owners[0].sequence, 9);
    assert_int_equal(facts.block_owners[0].term_s, 86400); /* may still run */
    assert_int_equal(facts.block_owners[0].longest_s, 1200);
    SAMPLE(BLOCK_OWN);
    command.block_own.store[0] = 'f'; /* a new store is another owner */
    ACCEPT();
    assert_int_equal(facts.block_owners[1].id, 2);
    command.block_own.term_s = CLUSTER_BLOCK_TERM_MIN_S - 1;
    REFUSE(BAD_INPUT);
    command.block_own.term_s = 60;
    for (int i = 2; i < CLUSTER_BLOCK_OWNERS; i++) {
        command.block_own.store[1] = (char)('0' + i % 64);
        command.block_own.store[2] = (char)('0' + i / 64);
        ACCEPT();
    }
    command.block_own.store[3] = '0';
    REFUSE(LIMIT);
    SAMPLE(RACK_REVOKE);
    ACCEPT();
    SAMPLE(BLOCK_OWN);
    command.block_own.owner = 1;
    command.block_own.renewals = 2;
    REFUSE(FORBIDDEN); /* what it has runs out */
}

static void test_blocks_have_one_owner(void **unused)
{
    (void)unused;
    bool found;
    SAMPLE(BLOCK_GRANT);
    REFUSE(CONFLICT);
    own_blocks();
    SAMPLE(BLOCK_GRANT);
    command.block_grant.renewals = 0;
    REFUSE(CONFLICT); /* another term */
    SAMPLE(BLOCK_GRANT);
    ACCEPT();
    REFUSE(CONFLICT);
    command.block_grant.number -= 1;
    REFUSE(CONFLICT); /* the second of them is given */
    command.block_grant.number += 2;
    REFUSE(CONFLICT);
    command.block_grant.number += 1;
    ACCEPT();
    command.block_grant.count = 0;
    REFUSE(BAD_INPUT);
    command.block_grant.number = UINT32_MAX / CLUSTER_BLOCK_SIZE;
    command.block_grant.count = 2;
    REFUSE(BAD_INPUT);
    command.block_grant.count = 1;
    ACCEPT();
    assert_int_equal(facts.blocks_count, 5);
    assert_int_equal(cluster_state_block_at(&facts, 0xa4d008, &found), 2);
    assert_true(found);
    cluster_state_block_at(&facts, 0xa4d005, &found);
    assert_false(found);
    SAMPLE(BLOCK_EXPIRE);
    command.block_expire.renewals = 2;
    REFUSE(CONFLICT);
    SAMPLE(BLOCK_EXPIRE);
    ACCEPT();
    REFUSE(CONFLICT);
    assert_int_equal(facts.blocks_count + facts.block_owners_count, 0);
    SAMPLE(BLOCK_OWN);
    ACCEPT();
    assert_int_equal(facts.block_owners[0].id, 2); /* never the same again */
}

/* Only its own, all of a run or none, and only once: a question that comes late returns nothing. */
static void test_blocks_given_back(void **unused)
{
    (void)unused;
    bool found;
    own_blocks();
    SAMPLE(BLOCK_GRANT);
    command.block_grant.count = 4;
    ACCEPT();
    SAMPLE(BLOCK_OWN);
    command.block_own.store[0] = 'f';
    ACCEPT();
    SAMPLE(BLOCK_GRANT);
    command.block_grant.owner = 2;
    command.block_grant.number += 4;
    ACCEPT();
    SAMPLE(BLOCK_RETURN);
    command.block_return.count = 5;
    REFUSE(CONFLICT); /* the fifth is another's */
    command.block_return.count = 7;
    REFUSE(CONFLICT);
    command.block_return.count = 2;
    command.block_return.renewals = 2;
    REFUSE(CONFLICT);
    command.block_return.renewals = 1;
    command.block_return.owner = 2;
    REFUSE(CONFLICT);
    command.block_return.owner = 1;
    command.block_return.number++;
    ACCEPT();
    assert_int_equal(facts.blocks_count, 4);
    for (uint32_t i = 0; i < 6; i++) {
        cluster_state_block_at(&facts, 0x0a4d006 + i, &found);
        assert_int_equal(found, i != 1 && i != 2);
    }
    REFUSE(CONFLICT);
    command.block_return.count = 0;
    REFUSE(BAD_INPUT);
    SAMPLE(BLOCK_GRANT);
    command.block_grant.owner = 2;
    command.block_grant.number++;
    ACCEPT();
}

/* As many as there can be, and all of it in a snapshot. */
static void test_all_blocks(void **unused)
{
    (void)unused;
    static struct cluster_state seen;
    struct record_out out = {0};
    struct error err;
    own_blocks();
    for (uint32_t i = 0; i < CLUSTER_BLOCKS / CLUSTER_BLOCK_RUN; i++) {
        SAMPLE(BLOCK_GRANT);
        command.block_grant.number = i * 2 * CLUSTER_BLOCK_RUN; /* with gaps */
        command.block_grant.count = CLUSTER_BLOCK_RUN;
        ACCEPT();
    }
    command.block_grant.number = 0x800000;
    command.block_grant.count = 1;
    REFUSE(LIMIT);
    cluster_state_encode(&facts, &out);
    assert_true(out.size < CLUSTER_SNAPSHOT_BYTES / 2);
    assert_int_equal(cluster_state_decode(out.bytes, out.size, &seen, &err), ERR_OK);
    assert_int_equal(cluster_state_hash(&seen), cluster_state_hash(&facts));
    record_out_free(&out);
}

static void tell_story(void)
{
    for (const int *kind = sample_command_kinds; *kind; kind++) {
        sample_command(*kind, &command);
        cluster_state_apply(&facts, &command);
    }
}

static void test_a_snapshot_is_the_facts(void **unused)
{
    (void)unused;
    static struct cluster_state seen;
    struct record_out out = {0}, again = {0};
    struct error err;
    SAMPLE(VIP_DEFINE);
    ACCEPT();
    SAMPLE(RACK_ADD);
    ACCEPT();
    SAMPLE(TOKEN_CREATE);
    ACCEPT();
    SAMPLE(BLOCK_OWN);
    ACCEPT();
    SAMPLE(BLOCK_GRANT);
    ACCEPT();
    serve();
    cluster_state_encode(&facts, &out);
    assert_int_equal(cluster_state_decode(out.bytes, out.size, &seen, &err), ERR_OK);
    cluster_state_encode(&seen, &again);
    assert_int_equal(out.size, again.size);
    assert_memory_equal(out.bytes, again.bytes, out.size);
    assert_int_equal(cluster_state_hash(&seen), cluster_state_hash(&facts));
    for (size_t at = 0; at < out.size; at++) {
        out.bytes[at] ^= 0x10;
        assert_int_not_equal(cluster_state_decode(out.bytes, out.size, &seen, &err), ERR_OK);
        out.bytes[at] ^= 0x10;
        assert_int_not_equal(cluster_state_decode(out.bytes, at, &seen, &err), ERR_OK);
    }
    record_out_free(&out);
    facts.vip_epoch = UINT64_MAX; /* the next one would be 0 */
    cluster_state_encode(&facts, &out);
    assert_int_equal(cluster_state_decode(out.bytes, out.size, &seen, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.text, "a counter that nobody reaches"));
    record_out_free(&out);
    facts.vip_epoch = CLUSTER_COUNT_END - 1;
    SAMPLE(VIP_ASSIGN);
    REFUSE(LIMIT);
    record_out_free(&again);
}

/* The facts as an older version wrote them: without the numbers at the end of the head, and, in
 * version 1, without the lists of blocks. */
static void encode_old(int version, struct record_out *out)
{
    enum { LEAVING = 8, OWNER_NEXT = 4, HASH = 8, COUNTS = 2 * 2 };
    size_t gone = version == 1 ? LEAVING + OWNER_NEXT : LEAVING;
    struct record_out other = {0};
    cluster_state_encode(&facts, out);
    out->bytes[4] = (uint8_t)version;
    out->size -= version == 1 ? HASH + COUNTS : HASH;
    /* Before the lists stand the numbers: find them as all that differs when they are not zero. */
    facts.block_owner_next = version == 1 ? 0x11223344 : facts.block_owner_next;
    facts.leaving = version == 1 ? 0 : 0x11;
    cluster_state_encode(&facts, &other);
    size_t at = 8;
    while (out->bytes[at] == other.bytes[at])
        at++;
    memmove(out->bytes + at, out->bytes + at + gone, out->size - at - gone);
    out->size -= gone;
    record_put_number(out, hash_bytes(out->bytes, out->size), HASH);
    record_out_free(&other);
    facts.leaving = 0;
}

static void test_snapshots_of_older_versions(void **unused)
{
    (void)unused;
    static struct cluster_state seen;
    struct error err;
    facts.schema_level = 2;
    for (int version = 1; version < CLUSTER_SNAPSHOT_VERSION; version++) {
        struct record_out out = {0};
        facts.leaving = 0;
        encode_old(version, &out);
        if (cluster_state_decode(out.bytes, out.size, &seen, &err))
            fail_msg("version %d: %s", version, err.text);
        facts.block_owner_next = version == 1 ? 0 : facts.block_owner_next;
        assert_int_equal(cluster_state_hash(&seen), cluster_state_hash(&facts));
        record_out_free(&out);
    }
}

/* While a member's program may be older, it can read what it is sent. */
static void test_a_snapshot_is_of_the_level(void **unused)
{
    (void)unused;
    static struct cluster_state seen;
    struct error err;
    for (uint32_t level = 1; level <= COMMAND_LEVEL; level++) {
        struct record_out out = {0};
        facts.schema_level = level;
        cluster_state_encode(&facts, &out);
        assert_int_equal(out.bytes[4], level == 1 ? 2 : 3);
        assert_int_equal(cluster_state_decode(out.bytes, out.size, &seen, &err), ERR_OK);
        assert_int_equal(cluster_state_hash(&seen), cluster_state_hash(&facts));
        record_out_free(&out);
    }
}

/* A proposer that knows the facts, more or less. */
static void vary_blocks(void)
{
    uint32_t pick = (uint32_t)random();
    const struct cluster_block_owner *owner =
        facts.block_owners_count ? &facts.block_owners[(int)pick % facts.block_owners_count] : NULL;
    bool knows = owner && pick & 0x1000;
    if (command.kind == COMMAND_BLOCK_OWN) {
        command.block_own.store[0] = (char)('a' + pick % 5);
        command.block_own.sequence = pick % 64;
        command.block_own.owner = knows ? owner->id : 0;
        command.block_own.renewals = knows ? owner->renewals : 0;
        if (knows)
            memcpy(command.block_own.store, owner->store, sizeof(owner->store));
    } else if (command.kind == COMMAND_BLOCK_GRANT || command.kind == COMMAND_BLOCK_RETURN) {
        command.block_grant.number = pick >> 8 & 0xff;
        command.block_grant.count = pick % 7;
        command.block_grant.owner = owner ? owner->id : 1;
        command.block_grant.renewals = owner ? owner->renewals - (pick >> 20) % 2 : 1;
    } else {
        command.block_expire.owner = owner ? owner->id : 1;
        command.block_expire.renewals = owner ? owner->renewals - (pick >> 20) % 2 : 1;
    }
}

/* Any commands in any order: cluster_state_apply asserts that the facts agree after each. */
static void test_random_histories(void **unused)
{
    (void)unused;
    int kinds = 0, accepted = 0, grants = 0, returns = 0;
    while (sample_command_kinds[kinds])
        kinds++;
    srandom(7);
    tell_story();
    for (int i = 0; i < 20000; i++) {
        sample_command(sample_command_kinds[random() % kinds], &command);
        uint64_t *words = (uint64_t *)&command.init;
        if (random() % 2 && command.kind >= COMMAND_FENCE && command.kind <= COMMAND_DECLINE) {
            words[0] = facts.primary.epoch; /* a proposer that knows the facts */
            if (command.kind == COMMAND_FENCE)
                command.fence.phase = facts.primary.phase;
            if (command.kind == COMMAND_SET)
                command.set.timeline = facts.primary.timeline_reserved + 1;
            if (command.kind == COMMAND_SERVING)
                command.serving.timeline = facts.primary.timeline;
        }
        if (command.kind == COMMAND_VIP_ASSIGN && facts.vips_count)
            command.vip_assign.epoch = facts.vips[0].epoch;
        bool ends = command.kind == COMMAND_RACK_REMOVE || command.kind == COMMAND_RACK_REVOKE ||
                    command.kind == COMMAND_REVOKE || command.kind == COMMAND_BLOCK_EXPIRE;
        if (ends && random() % 16)
            continue;
        if (command.kind == COMMAND_RACK_ADD) /* its old certificate may be revoked */
            snprintf(command.rack_add.serial, sizeof(command.rack_add.serial), "%X", i);
        if (command.kind >= COMMAND_BLOCK_OWN && command.kind <= COMMAND_BLOCK_RETURN)
            vary_blocks();
        enum error_code code = cluster_state_apply(&facts, &command)->code;
        accepted += code == ERR_OK;
        grants += code == ERR_OK && command.kind == COMMAND_BLOCK_GRANT;
        returns += code == ERR_OK && command.kind == COMMAND_BLOCK_RETURN;
    }
    assert_true(accepted > 2000);
    assert_true(grants > 100 && returns > 10);
    assert_true(facts.primary.epoch > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_before_init_and_only_one),
        cmocka_unit_test_setup(test_members, start),
        cmocka_unit_test_setup(test_an_epoch_from_fence_to_serving, start),
        cmocka_unit_test_setup(test_a_declined_epoch_never_serves, start),
        cmocka_unit_test_setup(test_voters_change_only_under_a_serving_primary, start),
        cmocka_unit_test_setup(test_a_token_is_used_once, start),
        cmocka_unit_test_setup(test_racks, start),
        cmocka_unit_test_setup(test_virtual_ips, start),
        cmocka_unit_test_setup(test_durations_schema_trust, start),
        cmocka_unit_test_setup(test_owners_of_blocks, start),
        cmocka_unit_test_setup(test_blocks_have_one_owner, start),
        cmocka_unit_test_setup(test_blocks_given_back, start),
        cmocka_unit_test_setup(test_all_blocks, start),
        cmocka_unit_test_setup(test_a_snapshot_is_the_facts, start),
        cmocka_unit_test_setup(test_snapshots_of_older_versions, start),
        cmocka_unit_test_setup(test_a_snapshot_is_of_the_level, start),
        cmocka_unit_test_setup(test_random_histories, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
