/* Three replicas with real libraft, TLS and disks on one loop: elect, replicate, kill, cut, heal,
 * snapshot, strangers. Each member is reached through a small proxy that can be cut. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <raft.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "raft/peer_stream.h"
#include "raft/replica.h"
#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/base/file.h"
#include "test/lib/cut_proxy.h"
#include "test/lib/own_host.h"
#include "test/lib/test_ca.h"

enum {
    MEMBERS = 3,
    HEARTBEAT_MS = 50,
    ELECTION_MS = 250,
    SNAPSHOT_EVERY = 64,
    PORT_FROM = 7000,
    PORT_TO = 7100
};

struct member {
    struct replica *replica;
    struct tls_credentials *credentials;
    struct cut_proxy proxy;
    char dir[LIMIT_PATH], name[32], address[32], listen[32];
    bool gone, has_own_disk;
    uint64_t id;
};

static struct test_ca ca;
static struct loop loop;
static struct member members[MEMBERS];
static bool answered;
static enum error_code answer_code;

/* libraft 0.22.1 does not free a snapshot that is sent again while it has just been installed. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:uvServerAllocCb\nleak:decodeInstallSnapshot\n";
}

/* ---- members ---- */

static void on_changed(void *owner)
{
    (void)owner;
}

static bool has_office(void *subject)
{
    struct replica_report report;
    replica_report(((struct member *)subject)->replica, &report);
    return !strcmp(report.role, "leader");
}

static int disks_failed, failed_as_leader;
static bool disks_may_fail;

static void on_failed(void *owner, const struct error *why)
{
    struct member *member = owner;
    if (!disks_may_fail)
        fail_msg("%s", why->text);
    print_message("%s: %s\n", member->name, why->text);
    disks_failed++;
    failed_as_leader += has_office(member);
}

static void on_gone(void *owner)
{
    struct member *member = owner;
    member->replica = NULL;
    member->gone = true;
}

static enum error_code member_try(struct member *member, bool bootstrap, struct error *err)
{
    struct replica_setup setup = {.loop = &loop,
                                  .dir = member->dir,
                                  .id = member->id,
                                  .name = member->name,
                                  .address = member->address,
                                  .listen = member->listen,
                                  .credentials = member->credentials,
                                  .heartbeat_ms = HEARTBEAT_MS,
                                  .election_ms = ELECTION_MS,
                                  .snapshot_every = SNAPSHOT_EVERY,
                                  .owner = member,
                                  .changed = on_changed,
                                  .failed = on_failed};
    member->gone = false;
    return replica_start(&setup, bootstrap, &member->replica, err);
}

static void member_start(struct member *member, bool bootstrap)
{
    struct error err;
    if (member_try(member, bootstrap, &err))
        fail_msg("%s", err.text);
}

static bool is_gone(void *subject)
{
    return ((struct member *)subject)->gone;
}

static void on_tick(struct loop_timer *timer)
{
    (void)timer;
}

/* Run the loop until done(subject), at most for some seconds; returns the ms it took. */
static uint64_t run_until(bool (*done)(void *subject), void *subject)
{
    uint64_t start = clock_boot_ns();
    while (!done(subject)) {
        uv_run(&loop.uv, UV_RUN_ONCE);
        if (clock_boot_ns() - start > 30 * CLOCK_S)
            fail_msg("did not happen in time");
    }
    return (clock_boot_ns() - start) / CLOCK_MS;
}

static void member_stop(struct member *member)
{
    if (!member->replica)
        return;
    replica_close(member->replica, on_gone);
    run_until(is_gone, member);
}

static struct member *leader(void)
{
    for (int i = 0; i < MEMBERS; i++)
        if (members[i].replica && replica_leads(members[i].replica))
            return &members[i];
    return NULL;
}

static bool has_leader(void *other_than)
{
    struct member *member = leader();
    return member && member != other_than;
}

static void on_answer(void *subject, enum error_code code, const char *reason)
{
    (void)subject, (void)reason;
    answered = true;
    answer_code = code;
}

static bool is_answered(void *subject)
{
    (void)subject;
    return answered;
}

/* Whoever leads, now or after the election that is under way. */
static struct member *some_leader(void)
{
    run_until(has_leader, NULL);
    return leader();
}

/* What the leader is asked. */
typedef void question(struct replica *replica, const void *subject);

static int asked;

/* Ask whoever leads until one answers for good: on a busy machine a leader may lose its office
 * while it is asked, and that is no failure of it. asked = how often it took. */
static enum error_code ask_leader(question *put, const void *subject)
{
    asked = 0;
    do {
        struct replica *replica = some_leader()->replica;
        answered = false;
        asked++;
        put(replica, subject);
        run_until(is_answered, NULL);
    } while (error_retryable(answer_code));
    return answer_code;
}

static void put_command(struct replica *replica, const void *subject)
{
    replica_propose(replica, subject, on_answer, NULL);
}

static void put_member(struct replica *replica, const void *subject)
{
    replica_add(replica, subject, on_answer, NULL);
}

static void put_promotion(struct replica *replica, const void *subject)
{
    replica_promote(replica, ((const struct member *)subject)->id, on_answer, NULL);
}

static enum error_code ask(const struct command *command)
{
    return ask_leader(put_command, command);
}

/* It was done: now, or before its answer was lost with an office, and refused the next time. */
static void assert_done(enum error_code code)
{
    if (asked == 1 || (code != ERR_CONFLICT && code != ERR_BAD_INPUT))
        assert_int_equal(code, ERR_OK);
}

static bool all_equal(void *subject)
{
    (void)subject;
    uint64_t hash = 0;
    for (int i = 0; i < MEMBERS; i++) {
        const struct cluster_state *facts =
            members[i].replica ? replica_facts(members[i].replica) : NULL;
        if (members[i].replica && (!facts || (hash && cluster_state_hash(facts) != hash)))
            return false;
        if (facts)
            hash = cluster_state_hash(facts);
    }
    return true;
}

static struct cluster_member fact_of(struct member *member)
{
    struct cluster_member fact = {.id = member->id};
    snprintf(fact.address, sizeof(fact.address), "%s", own_host());
    snprintf(fact.name, sizeof(fact.name), "%s", member->name);
    fact.ports[CLUSTER_PORT_RAFT] = (uint32_t)member->proxy.from;
    return fact;
}

static void propose_schema(uint32_t level)
{
    struct command command = {.kind = COMMAND_SCHEMA, .schema = {level}};
    assert_done(ask(&command));
}

/* ---- tests ---- */

static void test_one_becomes_three(void **state)
{
    (void)state;
    struct command init = {.kind = COMMAND_INIT,
                           .init = {.cluster_name = "test", .lease_ms = {800, 800, 800}}};
    memset(init.init.cluster_id, 'a', CLUSTER_ID - 1);
    memset(init.init.ca_fingerprint, 'b', CLUSTER_FINGERPRINT - 1);
    init.init.member = fact_of(&members[0]);
    member_start(&members[0], true);
    run_until(has_leader, NULL);
    assert_done(ask(&init));
    for (int i = 1; i < MEMBERS; i++) {
        struct command add = {.kind = COMMAND_MEMBER_ADD, .member_add = fact_of(&members[i])};
        assert_done(ask(&add));
        member_start(&members[i], false);
        assert_done(ask_leader(put_member, &add.member_add));
        assert_done(ask_leader(put_promotion, &members[i]));
    }
    struct replica_server servers[LIMIT_REGIONS];
    assert_int_equal(replica_servers(some_leader()->replica, servers, LIMIT_REGIONS), 3);
    assert_true(servers[2].votes);
    assert_string_equal(servers[1].address + strlen(members[1].name) + 1, members[1].address);
    run_until(all_equal, NULL);
}

/* One that does not know a command ends when it sees it in the log. */
static void test_what_not_all_know_is_not_proposed(void **state)
{
    (void)state;
    struct command leave = {.kind = COMMAND_MEMBER_LEAVE, .member_leave = {2}};
    assert_int_equal(replica_facts(some_leader()->replica)->schema_level, 1);
    assert_int_equal(ask(&leave), ERR_CONFLICT);
    assert_int_equal(replica_facts(some_leader()->replica)->leaving, 0);
}

static void test_what_all_know_is_proposed(void **state)
{
    (void)state;
    struct command leave = {.kind = COMMAND_MEMBER_LEAVE, .member_leave = {2}};
    assert_true(replica_facts(some_leader()->replica)->schema_level >= 2);
    assert_done(ask(&leave));
    leave.member_leave.id = 0;
    assert_done(ask(&leave));
}

static void test_leader_dies_and_comes_back(void **state)
{
    (void)state;
    struct member *first = some_leader();
    propose_schema(2);
    member_stop(first);
    uint64_t ms = run_until(has_leader, first);
    assert_true(ms < 3000);
    propose_schema(3);
    member_start(first, false);
    run_until(all_equal, NULL);
    assert_int_equal(replica_facts(first->replica)->schema_level, 3);
}

static bool knows_level(void *subject)
{
    const struct cluster_state *facts = replica_facts(subject);
    return facts && facts->schema_level == 4;
}

static void test_cut_and_heal(void **state)
{
    (void)state;
    struct member *first = some_leader();
    cut_proxy_cut(&first->proxy, true);
    run_until(has_leader, first);
    propose_schema(4);
    assert_false(replica_leads(first->replica));
    cut_proxy_cut(&first->proxy, false);
    uint64_t ms = run_until(knows_level, first->replica);
    print_message("reconnected and caught up in %u ms\n", (unsigned)ms);
    assert_true(ms < 2000); /* about 200 ms; the machine may be busy */
    run_until(all_equal, NULL);
}

/* One that slept longer than the log reaches back gets a snapshot, and with it a FENCE that it will
 * never see as an entry. */
static void test_snapshot_install(void **state)
{
    (void)state;
    struct member *sleeper = some_leader() == &members[0] ? &members[1] : &members[0];
    struct command fence = {.kind = COMMAND_FENCE, .fence = {0, CLUSTER_NEVER, 0}};
    uint32_t level = replica_facts(some_leader()->replica)->schema_level;
    assert_int_equal(replica_facts(sleeper->replica)->primary.epoch, 0);
    member_stop(sleeper);
    ask(&fence);
    for (int i = 0; i < 3 * SNAPSHOT_EVERY; i++)
        propose_schema(++level);
    member_start(sleeper, false);
    run_until(all_equal, NULL);
    assert_int_equal(replica_facts(sleeper->replica)->primary.epoch, 1);
    assert_int_equal(replica_facts(sleeper->replica)->primary.phase, CLUSTER_FENCED);
    assert_int_equal(replica_facts(sleeper->replica)->schema_level, level);
}

/* Garbage on the port, and a member of the cluster with another's name. */
static void test_strangers(void **state)
{
    (void)state;
    static const char garbage[] = "GET / HTTP/1.0\r\n\r\n\0\1\2\3 and more than a TLS record";
    struct sockaddr_in at;
    uv_ip4_addr(own_host(), members[0].proxy.to, &at);
    for (int i = 0; i < 20; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
        assert_true(write(fd, garbage, sizeof(garbage)) > 0);
        uv_run(&loop.uv, UV_RUN_NOWAIT);
        close(fd);
    }
    propose_schema(replica_facts(some_leader()->replica)->schema_level + 1);
    run_until(all_equal, NULL);
}

struct dialled {
    bool done, connected, removed;
    struct tls_stream *stream;
};

static void on_dialled(void *owner, struct tls_stream *stream, const struct error *why)
{
    static const struct tls_events quiet = {0};
    struct dialled *dialled = owner;
    dialled->removed = why && why->code == ERR_GONE;
    dialled->done = true;
    dialled->connected = stream != NULL;
    if (stream) {
        tls_stream_own(stream, &quiet, NULL);
        tls_stream_reset(stream);
    }
}

static bool is_dialled(void *subject)
{
    return ((struct dialled *)subject)->done;
}

static struct dialled dial_as(const char *name, const char *role, uint64_t self, uint64_t id)
{
    struct dialled dialled = {0};
    char address[PEER_ADDRESS], from[PEER_ADDRESS];
    struct tls_credentials *credentials = test_ca_credentials(&ca, &ca, name, role, 10);
    peer_address_format(members[0].name, own_host(), members[0].proxy.to, address);
    peer_address_format(name, own_host(), 1, from);
    struct peer_target target = {address, from, self, id, PEER_RAFT};
    peer_dial(&loop, credentials, &target, on_dialled, &dialled);
    run_until(is_dialled, &dialled);
    tls_credentials_free(credentials);
    return dialled;
}

static bool may_enter(const char *name, const char *role, uint64_t self, uint64_t id)
{
    struct dialled dialled = dial_as(name, role, self, id);
    assert_false(dialled.removed);
    return dialled.connected;
}

static void test_who_may_speak(void **state)
{
    (void)state;
    assert_true(may_enter("region2", CA_ROLE_REGION, 2, 1));
    assert_false(may_enter("region2", CA_ROLE_REGION, 3, 1)); /* another's id */
    assert_false(may_enter("region2", CA_ROLE_REGION, 9, 1)); /* known by another id */
    assert_false(may_enter("region2", CA_ROLE_REGION, 2, 5)); /* means another */
    assert_false(may_enter("region2", CA_ROLE_RACK, 2, 1));
    assert_true(may_enter("region9", CA_ROLE_REGION, 9, 1)); /* added, and not known here yet */
}

/* An empty AppendEntries of a leader of term 1 that has committed entry 1. */
static void send_old_word(void *owner, struct tls_stream *stream, const struct error *why)
{
    static const struct tls_events quiet = {0};
    struct dialled *dialled = owner;
    uint8_t frame[16 + 48] = {RAFT_APPEND_ENTRIES, [8] = 48};
    (void)why;
    assert_non_null(stream);
    for (int field = 0; field < 4; field++) /* term, index and term before, committed */
        frame[16 + 8 * field] = 1;
    tls_stream_own(stream, &quiet, NULL);
    assert_int_equal(tls_stream_write(stream, frame, sizeof(frame), NULL), ERR_OK);
    dialled->stream = stream;
    dialled->done = true;
}

static bool is_late(void *subject)
{
    return clock_boot_ns() > *(uint64_t *)subject;
}

/* A leader that was paused while another one was elected wakes up and tells a member that has just
 * started, whose snapshot is old, how far it had come: no reason to act on what is in it. */
static void test_a_deposed_leader_is_not_believed(void **state)
{
    (void)state;
    struct member *leads = some_leader(), *sleeper = &members[0], *other = &members[1];
    struct dialled dialled = {0};
    char address[PEER_ADDRESS], from[PEER_ADDRESS];
    sleeper = leads == sleeper ? &members[2] : sleeper;
    other = leads == other ? &members[2] : other;
    cut_proxy_cut(&sleeper->proxy, true);
    member_stop(sleeper);
    member_start(sleeper, false);
    peer_address_format(sleeper->name, own_host(), sleeper->proxy.to, address);
    peer_address_format(other->name, own_host(), other->proxy.from, from);
    struct peer_target target = {address, from, other->id, sleeper->id, PEER_RAFT};
    peer_dial(&loop, other->credentials, &target, send_old_word, &dialled);
    run_until(is_dialled, &dialled);
    uint64_t end = clock_boot_ns() + 4 * HEARTBEAT_MS * CLOCK_MS;
    run_until(is_late, &end);
    struct replica_report report;
    replica_report(sleeper->replica, &report);
    assert_true(report.applied > 1); /* its snapshot */
    assert_null(replica_facts(sleeper->replica));
    tls_stream_reset(dialled.stream);
    cut_proxy_cut(&sleeper->proxy, false);
    run_until(all_equal, NULL);
}

static bool has_failed(void *subject)
{
    return disks_failed >= *(int *)subject;
}

static bool knows_leader(void *subject)
{
    struct replica_report report;
    replica_report(((struct member *)subject)->replica, &report);
    return report.leader != 0;
}

static bool is_handed_over(void *subject)
{
    struct member *leads = leader();
    if (leads && leads != subject)
        replica_step_down(leads->replica); /* it may fail: again */
    return has_office(subject);
}

/* Mostly: the leader and full alone, so that nobody else can take over. */
static void try_to_make_leader(struct member *full)
{
    struct member *leads = some_leader();
    struct member *third = leads == &members[1] ? &members[2] : &members[1];
    run_until(knows_leader, full);
    member_stop(third);
    for (uint64_t end = clock_boot_ns() + CLOCK_S; clock_boot_ns() < end && !is_handed_over(full);)
        uv_run(&loop.uv, UV_RUN_ONCE);
    member_start(third, false);
}

/* With its disk full a leader makes another one, then ends. */
static void test_a_full_disk(void **state)
{
    (void)state;
    struct member *full = &members[0];
    char path[LIMIT_PATH + 16];
    static char block[1 << 16];
    int once = 1, status;
    struct error err;
    snprintf(path, sizeof(path), "%s/ballast", full->dir);
    if (!full->has_own_disk) {
        print_message("no right to mount a disk of its own\n");
        skip();
    }
    member_stop(full);
    FILE *ballast = fopen(path, "wb");
    assert_non_null(ballast);
    setvbuf(ballast, NULL, _IONBF, 0);
    while (fwrite(block, sizeof(block), 1, ballast) == 1)
        continue;
    off_t size = ftello(ballast);
    fclose(ballast);
    pid_t child = fork(); /* who cannot start exits */
    if (child == 0)
        _exit(member_try(full, false, &err) == ERR_IO && strstr(err.text, full->dir) ? 7 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 7);
    assert_int_equal(truncate(path, size - (1 << 20)),
                     0); /* it starts, and has no room for entries */
    disks_failed = failed_as_leader = 0;
    disks_may_fail = true;
    member_start(full, false);
    try_to_make_leader(full);
    run_until(has_failed, &once);
    disks_may_fail = false;
    assert_int_equal(failed_as_leader, 0);
    member_stop(full);
    uint32_t level = replica_facts(some_leader()->replica)->schema_level;
    propose_schema(level + 1);
    assert_int_equal(unlink(path), 0);
    member_start(full, false);
    run_until(all_equal, NULL);
    assert_int_equal(replica_facts(full->replica)->schema_level, level + 1);
}

/* One that was removed while it was away is told so; no id below is given to another. */
static void test_a_removed_member_is_told(void **state)
{
    (void)state;
    struct command add = {.kind = COMMAND_MEMBER_ADD, .member_add = fact_of(&members[0])};
    add.member_add.id = 4;
    strcpy(add.member_add.name, "region4");
    strcpy(add.member_add.address, "127.0.0.4");
    assert_done(ask(&add));
    run_until(all_equal, NULL);
    assert_false(dial_as("region4", CA_ROLE_REGION, 4, 1).removed);
    struct command remove = {.kind = COMMAND_MEMBER_REMOVE, .member_remove = {4}};
    assert_done(ask(&remove));
    run_until(all_equal, NULL);
    struct dialled dialled = dial_as("region4", CA_ROLE_REGION, 4, 1);
    assert_true(dialled.removed && !dialled.connected);
    assert_true(may_enter("region2", CA_ROLE_REGION, 2, 1));
}

static void keep_stream(void *owner, struct tls_stream *stream, const struct error *why)
{
    static const struct tls_events quiet = {0};
    struct dialled *dialled = owner;
    (void)why;
    assert_non_null(stream);
    tls_stream_own(stream, &quiet, NULL);
    dialled->stream = stream;
    dialled->done = true;
}

static bool has_just_carried(void *subject)
{
    return clock_boot_ns() - ((struct cut_proxy *)subject)->carried_ns < 2 * CLOCK_MS;
}

static void pass_ms(unsigned ms)
{
    uint64_t end = clock_boot_ns() + ms * CLOCK_MS;
    run_until(is_late, &end);
}

/* Heartbeats come to each follower at another time: who is asked for a vote does not keep a leader
 * that it heard two heartbeats later than the asker. */
static void test_who_is_asked_has_no_leader_either(void **state)
{
    (void)state;
    struct member *leads = some_leader(), *asked_one = &members[0], *other = &members[1];
    struct dialled dialled = {0};
    struct replica_report report;
    char address[PEER_ADDRESS], from[PEER_ADDRESS];
    uint8_t frame[16 + 40] = {RAFT_REQUEST_VOTE, [8] = 40, [16 + 8] = 1, [16 + 32] = 2};
    asked_one = leads == asked_one ? &members[2] : asked_one;
    other = leads == other ? &members[2] : other;
    run_until(knows_leader, asked_one);
    peer_address_format(asked_one->name, own_host(), asked_one->proxy.to, address);
    peer_address_format(other->name, own_host(), other->proxy.from, from);
    struct peer_target target = {address, from, other->id, asked_one->id, PEER_RAFT};
    peer_dial(&loop, other->credentials, &target, keep_stream, &dialled);
    run_until(is_dialled, &dialled);
    replica_report(asked_one->replica, &report);
    frame[16] = (uint8_t)(report.term + 1);
    frame[24] = (uint8_t)other->id;
    asked_one->proxy.carried_ns = 0;
    run_until(has_just_carried, &asked_one->proxy);
    pass_ms(5);
    cut_proxy_cut(&asked_one->proxy, true);
    pass_ms(ELECTION_MS - 2 * HEARTBEAT_MS);
    assert_int_equal(tls_stream_write(dialled.stream, frame, sizeof(frame), NULL), ERR_OK);
    pass_ms(10);
    replica_report(asked_one->replica, &report);
    assert_int_equal(report.leader, 0);
    tls_stream_reset(dialled.stream);
    cut_proxy_cut(&asked_one->proxy, false);
    run_until(all_equal, NULL);
}

static int set_up(void **state)
{
    (void)state;
    static struct loop_timer tick;
    test_ca_open(&ca);
    loop_init(&loop);
    loop_timer_init(&loop, &tick, on_tick);
    loop_timer_start(&tick, 20, 20);
    for (int i = 0; i < MEMBERS; i++) {
        struct member *member = &members[i];
        member->id = (uint64_t)i + 1;
        snprintf(member->name, sizeof(member->name), "region%d", i + 1);
        snprintf(member->dir, sizeof(member->dir), "%s/raft%d", ca.folder, i + 1);
        assert_int_equal(file_make_folders(member->dir, 0700, NULL), ERR_OK);
        member->has_own_disk = i == 0 && !mount("none", member->dir, "tmpfs", 0, "size=24m");
        member->proxy.from = PORT_FROM + i;
        member->proxy.to = PORT_TO + i;
        snprintf(member->address, sizeof(member->address), "%s:%d", own_host(), member->proxy.from);
        snprintf(member->listen, sizeof(member->listen), "%s:%d", own_host(), member->proxy.to);
        member->credentials = test_ca_credentials(&ca, &ca, member->name, CA_ROLE_REGION, 10);
        cut_proxy_open(&member->proxy, &loop.uv);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < MEMBERS; i++) {
        cut_proxy_cut(&members[i].proxy, true);
        member_stop(&members[i]);
        uv_close((uv_handle_t *)&members[i].proxy.tcp, NULL);
        tls_credentials_free(members[i].credentials);
        if (members[i].has_own_disk)
            umount2(members[i].dir, MNT_DETACH);
    }
    uv_run(&loop.uv, UV_RUN_NOWAIT);
    test_ca_close(&ca);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_becomes_three),
        cmocka_unit_test(test_what_not_all_know_is_not_proposed),
        cmocka_unit_test(test_leader_dies_and_comes_back),
        cmocka_unit_test(test_what_all_know_is_proposed),
        cmocka_unit_test(test_cut_and_heal),
        cmocka_unit_test(test_snapshot_install),
        cmocka_unit_test(test_a_deposed_leader_is_not_believed),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_who_may_speak),
        cmocka_unit_test(test_a_removed_member_is_told),
        cmocka_unit_test(test_who_is_asked_has_no_leader_either),
        cmocka_unit_test(test_a_full_disk),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
