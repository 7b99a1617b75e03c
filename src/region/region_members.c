/* This region among the others: see region_members.h. */
#include "src/region/region_members.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/region/member_duty.h"
#include "src/region/member_file.h"
#include "src/region/member_status.h"
#include "src/wire/digest.h"

enum {
    PROPOSE_MS = 5000,
    COUNTED_MS = 5000, /* the leader takes who left out of raft's configuration */
};

/* ---- a proposal to the leader ---- */

struct forwarded {
    replica_answer *answer;
    void *subject;
};

static void on_proposed(void *subject, json_t *result, const struct error *why)
{
    struct forwarded *forwarded = subject;
    const char *name = json_string_value(json_object_get(result, "code"));
    const char *reason = json_string_value(json_object_get(result, "reason"));
    enum error_code code = why->code;
    if (code == ERR_TIMEOUT)
        code = ERR_UNKNOWN_OUTCOME;
    else if (!code)
        code = name && !strcmp(name, error_name(ERR_OK)) ? ERR_OK : error_named(name);
    if (forwarded->answer)
        forwarded->answer(forwarded->subject, code, why->code ? why->text : reason ? reason : "");
    free(forwarded);
}

static void ask_leader(struct region *region, uint64_t leader, const struct command *command,
                       struct forwarded *forwarded)
{
    struct record_out out = {0};
    struct error err;
    struct arena *arena = arena_new();
    enum error_code code = command_encode(command, &out, &err);
    ASSERT(!code); /* who proposes has checked what came from outside */
    json_t *params = json_pack("{ss}", "command", digest_base64(arena, out.bytes, out.size));
    struct call_link_call call = {"propose", params, PROPOSE_MS};
    member_calls_call(region->members, leader, &call, on_proposed, forwarded);
    json_decref(params);
    record_out_free(&out);
    arena_free(arena);
}

void region_members_propose(struct region *region, const struct command *command,
                            replica_answer *answer, void *subject)
{
    struct replica_report report;
    replica_report(region->replica, &report);
    if (!report.leader || report.leader == region->self) {
        replica_propose(region->replica, command, answer, subject);
        return;
    }
    struct forwarded *forwarded = malloc(sizeof(*forwarded));
    ASSERT(forwarded);
    *forwarded = (struct forwarded){answer, subject};
    ask_leader(region, report.leader, command, forwarded);
}

/* ---- what others ask ---- */

static void answer_proposal(void *subject, enum error_code code, const char *reason)
{
    json_t *result = json_pack("{ss ss}", "code", error_name(code), "reason", reason);
    call_link_answer(subject, result);
    json_decref(result);
}

static void take_proposal(struct region *region, json_t *params, struct call_link_request *request)
{
    const char *text = json_string_value(json_object_get(params, "command"));
    struct arena *arena = arena_new();
    struct command command;
    struct error why;
    size_t size = 0;
    char *bytes = text ? digest_base64_parse(arena, text, strlen(text), &size) : NULL;
    enum error_code code = bytes ? command_decode(bytes, size, &command, &why)
                                 : error_set(&why, ERR_BAD_INPUT, "propose: no command in base64");
    arena_free(arena);
    if (code)
        call_link_refuse(request, &why);
    else
        replica_propose(region->replica, &command, answer_proposal, request);
}

/* Its stream may be older than its removal. */
static bool is_counted(const struct region *region, uint64_t member)
{
    struct replica_server servers[LIMIT_REGIONS + 1];
    int count = replica_servers(region->replica, servers, LIMIT_REGIONS + 1);
    for (int i = 0; i < count; i++)
        if (servers[i].id == member)
            return true;
    return false;
}

static void on_called(void *owner, uint64_t member, const char *method, json_t *params,
                      struct call_link_request *request)
{
    struct region *region = owner;
    struct error why;
    if (!region->replica) {
        error_set(&why, ERR_UNAVAILABLE, "this region starts");
        call_link_refuse(request, &why);
    } else if (!is_counted(region, member)) {
        error_set(&why, ERR_FORBIDDEN, "the asker was removed from the cluster");
        call_link_refuse(request, &why);
    } else if (!strcmp(method, "propose")) {
        take_proposal(region, params, request);
    } else if (!strcmp(method, "status")) {
        json_t *status = member_status_own(region);
        call_link_answer(request, status);
        json_decref(status);
    } else {
        error_set(&why, ERR_NOT_FOUND, "this region has no method %s", method);
        call_link_refuse(request, &why);
    }
}

void region_members_called(void *owner, uint64_t id, struct tls_stream *stream)
{
    struct region *region = owner;
    member_calls_called(region->members, id, stream);
}

/* It was a member, and the cluster has agreed that it is none any more. */
static void leave(void *owner)
{
    struct region *region = owner;
    struct error err;
    if (member_file_removed(region->settings.data_dir, &err))
        region_fail(&err);
    log_warning("this region was removed from its cluster: it stops what it runs");
    _exit(0); /* started again it finds the mark, and idles */
}

/* leave: it was away while it was removed, and another region says so. */
void region_members_open(struct region *region)
{
    struct member_calls_setup setup = {.loop = &region->loop,
                                       .credentials = region->credentials,
                                       .self = region->self,
                                       .called = on_called,
                                       .removed = leave,
                                       .owner = region};
    region->members = member_calls_new(&setup);
}

/*
 * Until raft does not count it any more, or for a while when it does not hear of that: with two
 * members the leader could not take it out alone.
 */
static void look_removed(struct region *region)
{
    static uint64_t since_ns;
    uint64_t now_ns = clock_boot_ns();
    if (!since_ns)
        since_ns = now_ns;
    if (!is_counted(region, region->self) || now_ns - since_ns > COUNTED_MS * CLOCK_MS)
        leave(region);
}

void region_members_look(struct region *region, const struct cluster_view *view)
{
    member_calls_members(region->members, view->servers, view->servers_count);
    member_status_look(region, view);
    if (!view->known || !view->facts.name[0])
        return;
    if (view->leads)
        member_duty_look(region, view);
    else if (!cluster_state_member(&view->facts, view->self) &&
             view->self < view->facts.member_next)
        look_removed(region);
}
