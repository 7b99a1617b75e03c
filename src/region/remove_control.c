/*
 * `gantry cluster remove`. A region leaves step by step, each of them a fact that may be there
 * already, so that an interrupted removal is run again: it is on its way out, its virtual IPs go to
 * others, then it grants no leases, has no data vote, and is no member; the leader then takes it
 * out of raft. Control threads. Source: docs/ha.md (acceptors, data voters).
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ha/lease.h"
#include "src/base/clock.h"
#include "src/region/control_socket.h"
#include "src/region/member_leave.h"
#include "src/region/member_status.h"

enum { STATUS_MS = 700, ASK_MS = 5000, GONE_MS = 15000, POLL_US = 100000, TRIES = 3 };

struct removal {
    struct control_call *call;
    const char *name;
    struct cluster_view view;
    struct cluster_member leaver;
    struct member_leave_look look;
    int acceptors_applied; /* that have applied the facts of before */
};

static bool is_acceptor(const struct cluster_state *facts, uint64_t id)
{
    const struct cluster_member *member = cluster_state_member(facts, id);
    return member && member->acceptor;
}

/* Ask everybody; index: of the facts that an acceptor must have applied to be counted. */
static void look_around(struct removal *removal, uint64_t index)
{
    const struct cluster_state *facts = &removal->view.facts;
    member_status_ask(removal->call->region, STATUS_MS);
    removal->look.view = &removal->view;
    removal->look.count = 0;
    removal->acceptors_applied = 0;
    for (int i = 0; i < facts->members_count; i++) {
        struct member_leave_seen *seen = &removal->look.seen[removal->look.count++];
        int64_t ago_ms;
        *seen = (struct member_leave_seen){.id = facts->members[i].id};
        json_t *said = member_status_of(seen->id, &seen->answers, &ago_ms);
        const char *role = json_string_value(json_object_get(said, "pg_role"));
        json_int_t applied = json_integer_value(json_object_get(said, "raft_applied"));
        seen->has_copy = role && (!strcmp(role, "primary") || !strcmp(role, "standby"));
        if (seen->answers && is_acceptor(facts, seen->id) && (uint64_t)applied >= index)
            removal->acceptors_applied++;
        json_decref(said);
    }
}

/* Facts anew. NOT_FOUND: it is no member, or not any more. */
static enum error_code find(struct removal *removal, struct error *err)
{
    cluster_read(&removal->view);
    const struct cluster_member *member =
        cluster_state_member_named(&removal->view.facts, removal->name);
    if (!removal->view.known)
        return error_set(err, ERR_UNAVAILABLE,
                         "no cluster here, or it has no quorum: `gantry status` says more");
    if (!member)
        return error_set(err, ERR_NOT_FOUND, "no region is named %.80s: see `gantry status`",
                         removal->name);
    removal->leaver = *member;
    return ERR_OK;
}

/* To the member that answers and has the fewest. */
static enum error_code move_vips(struct removal *removal, struct error *err)
{
    struct cluster_state *facts = &removal->view.facts;
    for (int i = 0; i < facts->vips_count; i++) {
        struct cluster_vip *vip = &facts->vips[i];
        struct command command;
        uint64_t best = 0;
        int fewest = LIMIT_VIPS + 1;
        if (vip->holder != removal->leaver.id)
            continue;
        for (int k = 0; k < removal->look.count; k++) {
            int count = 0;
            for (int v = 0; v < facts->vips_count; v++)
                count += facts->vips[v].holder == removal->look.seen[k].id;
            if (removal->look.seen[k].answers && removal->look.seen[k].id != removal->leaver.id &&
                count < fewest) {
                best = removal->look.seen[k].id;
                fewest = count;
            }
        }
        memset(&command, 0, sizeof(command));
        command.kind = COMMAND_VIP_ASSIGN;
        memcpy(command.vip_assign.net, vip->net, sizeof(vip->net));
        command.vip_assign.epoch = vip->epoch;
        command.vip_assign.holder = best;
        control_call_progress(removal->call, "virtual IP %s goes to another region", vip->net);
        enum error_code code = cluster_ask(&command, ASK_MS, err);
        if (code)
            return error_wrap(err, "virtual IP %s", vip->net);
        vip->holder = best;
    }
    return ERR_OK;
}

/* No promise of two sets ago may live: the change before this one is as long ago as promises last,
 * and a majority has applied it. */
static enum error_code leave_acceptors(struct removal *removal, struct error *err)
{
    const struct cluster_state *facts = &removal->view.facts;
    uint64_t version = facts->acceptors_version, index = removal->view.raft.applied;
    int acceptors = 0;
    if (!removal->leaver.acceptor)
        return ERR_OK;
    for (int i = 0; i < facts->members_count; i++)
        acceptors += facts->members[i].acceptor;
    control_call_progress(removal->call, "it is to grant no more leases");
    look_around(removal, index);
    if (removal->acceptors_applied <= acceptors / 2)
        return error_set(err, ERR_UNAVAILABLE,
                         "only %d of %d regions that grant leases answer: start the others first",
                         removal->acceptors_applied, acceptors);
    usleep((useconds_t)(2 * lease_promise_end_ns(0, facts->lease_ms_max) / 1000));
    struct command command;
    memset(&command, 0, sizeof(command));
    command.kind = COMMAND_ACCEPTORS;
    command.acceptors =
        (struct command_voter){version, facts->primary.epoch, removal->leaver.id, false};
    return cluster_ask(&command, ASK_MS, err);
}

static enum error_code leave_data_voters(struct removal *removal, struct error *err)
{
    const struct cluster_state *facts = &removal->view.facts;
    struct command command;
    if (!removal->leaver.data_voter)
        return ERR_OK;
    control_call_progress(removal->call, "its copy of the data counts no more");
    memset(&command, 0, sizeof(command));
    command.kind = COMMAND_DATA_VOTERS;
    command.data_voters = (struct command_voter){facts->voters_version, facts->primary.epoch,
                                                 removal->leaver.id, false};
    return cluster_ask(&command, ASK_MS, err);
}

static enum error_code leave_members(struct removal *removal, struct error *err)
{
    struct command command;
    memset(&command, 0, sizeof(command));
    command.kind = COMMAND_MEMBER_REMOVE;
    command.member_remove.id = removal->leaver.id;
    return cluster_ask(&command, ASK_MS, err);
}

/* From here on nobody gives it back what the next steps take; 0 = it stays after all. */
static enum error_code mark_leaving(uint64_t id, struct error *err)
{
    struct command command;
    memset(&command, 0, sizeof(command));
    command.kind = COMMAND_MEMBER_LEAVE;
    command.member_leave.id = id;
    return cluster_ask(&command, ASK_MS, err);
}

/* May it go? When it may not any more, an earlier removal that was cut off ends with that. */
static enum error_code check(struct removal *removal, struct error *err)
{
    struct error ignored;
    look_around(removal, 0);
    enum error_code code = member_leave_check(&removal->look, &removal->leaver, err);
    if (code == ERR_CONFLICT && removal->view.facts.leaving == removal->leaver.id)
        mark_leaving(0, &ignored);
    return code;
}

/* The facts may have moved under a step: then it is refused, and all is looked at again. */
static enum error_code leave(struct removal *removal, struct error *err)
{
    enum error_code code = ERR_CONFLICT;
    for (int i = 0; i < TRIES && code == ERR_CONFLICT; i++) {
        code = find(removal, err);
        if (code)
            break;
        code = check(removal, err);
        if (code)
            return code;
        code = mark_leaving(removal->leaver.id, err);
        code = code ? code : move_vips(removal, err);
        code = code ? code : leave_acceptors(removal, err);
        code = code ? code : leave_data_voters(removal, err);
        code = code ? code : leave_members(removal, err);
        if (code == ERR_CONFLICT)
            usleep(POLL_US);
    }
    return code;
}

static enum error_code wait_until_gone(const struct removal *removal, struct error *err)
{
    struct cluster_view *view = ARENA_NEW(removal->call->arena, struct cluster_view);
    uint64_t end_ns = clock_boot_ns() + GONE_MS * CLOCK_MS;
    bool there = true;
    while (there && clock_boot_ns() < end_ns) {
        usleep(POLL_US);
        cluster_read(view);
        there = false;
        for (int i = 0; i < view->servers_count; i++)
            there |= view->servers[i].id == removal->leaver.id;
    }
    if (!there)
        return ERR_OK;
    return error_set(err, ERR_UNKNOWN_OUTCOME,
                     "%s is no member any more, but consensus still counts it; the leader goes on "
                     "with that: see `gantry status`",
                     removal->name);
}

enum error_code remove_control_run(struct control_call *call, json_t *reply, struct error *err)
{
    struct removal *removal = ARENA_NEW(call->arena, struct removal);
    removal->call = call;
    removal->name = control_call_param(call, "name");
    if (!removal->name || !call->region->replica)
        return error_set(err, removal->name ? ERR_UNAVAILABLE : ERR_BAD_INPUT, "%s",
                         removal->name ? "this host is in no cluster" : "name: which region?");
    enum error_code code = leave(removal, err);
    if (code)
        return code;
    control_call_progress(call, "consensus takes it out");
    code = wait_until_gone(removal, err);
    if (!code)
        json_object_set_new(reply, "removed", json_string(removal->name));
    return code;
}
