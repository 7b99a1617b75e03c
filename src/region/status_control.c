/*
 * `gantry status`: a verdict with what to do, then what is known of everything. Answers from what
 * regions report, and waits for theirs a moment only. Control threads.
 */
#include <stdio.h>
#include <string.h>

#include "ha/member_decide.h"
#include "raft/peer_stream.h"
#include "src/base/container.h"
#include "src/region/control_socket.h"
#include "src/region/member_status.h"
#include "src/region/region_part.h"

enum { ASK_MS = 400 };

/* What the verdict is made of; rows are what members last said of themselves, NULL = nothing. */
struct look {
    struct arena *arena;
    struct cluster_view view;
    struct region_report report;
    struct row {
        const struct cluster_member *member;
        bool reachable, votes;
        int64_t ago_ms;
        json_t *said;
    } rows[LIMIT_REGIONS];
    int rows_count;
    struct cluster_member
        unknown[LIMIT_REGIONS]; /* from raft's log, when the facts are not known */
};

struct verdict {
    const char *word, *advice;
};

static json_t *said(const struct row *row, const char *key)
{
    return json_object_get(row->said, key);
}

static const char *said_text(const struct row *row, const char *key)
{
    const char *text = json_string_value(said(row, key));
    return text ? text : "";
}

static const struct row *row_of(const struct look *look, uint64_t id)
{
    for (int i = 0; i < look->rows_count; i++)
        if (look->rows[i].member->id == id)
            return &look->rows[i];
    return NULL;
}

/* What its holder has of a virtual IP, or NULL. */
static json_t *held_of(const struct row *row, const char *net)
{
    json_t *held;
    size_t i;
    if (!row || !row->reachable)
        return NULL;
    json_array_foreach (said(row, "held"), i, held) {
        const char *address = json_string_value(json_object_get(held, "address"));
        if (address && !strcmp(address, net))
            return held;
    }
    return NULL;
}

static const char *member_name(const struct cluster_state *facts, uint64_t id)
{
    const struct cluster_member *member = cluster_state_member(facts, id);
    return member ? member->name : NULL;
}

static struct verdict degraded(const char *advice)
{
    return (struct verdict){"degraded", advice};
}

/* Names of the members that do not answer, "" = all do. */
static const char *unreached(const struct look *look)
{
    const char *names = "";
    for (int i = 0; i < look->rows_count; i++)
        if (!look->rows[i].reachable)
            names = arena_printf(look->arena, "%s%s%s", names, *names ? ", " : "",
                                 look->rows[i].member->name);
    return names;
}

static bool has_no_data(const struct row *row)
{
    return row->reachable && row->member->data_voter &&
           !strcmp(said_text(row, "pg_step"), member_decide_word(MEMBER_ASK_OUT));
}

/* Of two members whose copies count, both are needed: the one without data is not let go by itself,
 * for the other would be a majority alone. NULL = there is none. */
static const char *needed_without_data(const struct look *look)
{
    bool both = cluster_state_voters(&look->view.facts) == 2;
    for (int i = 0; both && i < look->rows_count; i++)
        if (has_no_data(&look->rows[i]))
            return look->rows[i].member->name;
    return NULL;
}

static struct verdict judge_members(const struct look *look)
{
    const char *names = unreached(look), *without = needed_without_data(look);
    const char *leaver = member_name(&look->view.facts, look->view.facts.leaving);
    if (leaver)
        return degraded(arena_printf(look->arena,
                                     "%s is being taken out; if that was cut off, run `gantry "
                                     "cluster remove %s` again",
                                     leaver, leaver));
    if (without)
        return degraded(arena_printf(look->arena,
                                     "writes wait: %s has lost its database, one of the two that "
                                     "count; run `gantry cluster remove %s` on another region, "
                                     "then empty its data_dir and let it join again",
                                     without, without));
    if (*names)
        return degraded(arena_printf(
            look->arena,
            "no answer from %s: start it or see to its network; if it is "
            "lost for good, `gantry cluster remove`%s",
            names, member_status_writes_wait(&look->view) ? "; writes wait for it" : ""));
    for (int i = 0; i < look->rows_count; i++) {
        const struct row *row = &look->rows[i];
        const char *problem = said_text(row, "problem");
        if (*problem)
            return degraded(arena_printf(look->arena, "%s: %s", row->member->name, problem));
        if (!row->votes ||
            !row->member->acceptor) /* it grants leases a little later than it votes */
            return degraded(
                arena_printf(look->arena, "%s joins; wait some seconds", row->member->name));
        if (!json_is_true(said(row, "balancer")))
            return degraded(arena_printf(look->arena, "%s: HAProxy starts", row->member->name));
    }
    for (int i = 0; i < look->view.facts.vips_count; i++) {
        const struct cluster_vip *vip = &look->view.facts.vips[i];
        if (!held_of(row_of(look, vip->holder), vip->net))
            return degraded(arena_printf(look->arena, "virtual IP %s is on its way", vip->net));
    }
    return (struct verdict){"healthy", ""};
}

static struct verdict judge(const struct look *look, bool removed)
{
    const struct region_report *report = &look->report;
    const char *names = unreached(look);
    if (removed)
        return (struct verdict){"removed",
                                "this region was removed from its cluster; to join again "
                                "stop gantry-fenced and empty its data_dir"};
    if (!report->member)
        return (struct verdict){"no-cluster", "run `gantry cluster init --name NAME`, or join one"};
    if (!look->view.raft.quorum)
        return (struct verdict){
            "no-quorum",
            *names ? arena_printf(look->arena, "start %s, or look why they are not reached", names)
                   : "a leader is being elected; wait some seconds"};
    if (!look->view.known)
        return degraded("this region learns what the cluster agreed on; wait some seconds");
    if (!look->view.facts.name[0])
        return (struct verdict){"no-cluster", "run the interrupted `gantry cluster init` again"};
    if (report->pg_problem[0])
        return degraded(report->pg_problem);
    if (report->api_problem[0])
        return degraded(report->api_problem);
    return judge_members(look);
}

static json_t *text_or_null(const char *text)
{
    return text && *text ? json_string(text) : json_null();
}

static json_t *lag_of(const struct look *look, const struct row *row)
{
    const struct row *primary = row_of(look, look->view.facts.primary.member);
    json_t *theirs = primary ? said(primary, "pg_lsn_bytes") : NULL,
           *own = said(row, "pg_lsn_bytes");
    if (!json_is_integer(theirs) || !json_integer_value(own))
        return json_null();
    json_int_t lag = json_integer_value(theirs) - json_integer_value(own);
    return json_integer(lag > 0 ? lag : 0);
}

static json_t *describe_member(const struct look *look, const struct row *row)
{
    static const char *const told[] = {"raft_role", "raft_index", "pg_role", "pg_timeline",
                                       "pg_lsn",    "pg_step",    "serves"};
    const struct cluster_member *member = row->member;
    json_t *shown =
        json_pack("{ss sI ss sb sb sb sb sb}", "name", member->name, "id", (json_int_t)member->id,
                  "address", member->address, "reachable", row->reachable, "raft_voter", row->votes,
                  "data_voter", member->data_voter, "acceptor", member->acceptor, "leaving",
                  look->view.facts.leaving == member->id);
    for (size_t i = 0; i < COUNT_OF(told); i++) {
        json_t *value = row->reachable ? said(row, told[i]) : NULL;
        json_object_set_new(shown, told[i], value ? json_deep_copy(value) : json_null());
    }
    json_object_set_new(shown, "pg_lag_bytes", row->reachable ? lag_of(look, row) : json_null());
    json_object_set_new(shown, "last_seen_ms",
                        row->ago_ms >= 0 ? json_integer(row->ago_ms) : json_null());
    return shown;
}

static json_t *describe_vip(const struct look *look, const struct cluster_vip *vip)
{
    const char *holder = member_name(&look->view.facts, vip->holder);
    json_t *held = held_of(row_of(look, vip->holder), vip->net);
    return json_pack("{ss ss so sI sb sb}", "address", vip->net, "interface", vip->interface,
                     "holder", text_or_null(holder), "epoch", (json_int_t)vip->epoch, "held",
                     held != NULL, "guard", json_is_true(json_object_get(held, "guard")));
}

/* The first region that this rack is linked to, by what regions say: NULL = none. */
static const char *region_of_rack(const struct look *look, const char *system_id)
{
    json_t *rack;
    size_t i;
    for (int k = 0; k < look->rows_count; k++) {
        if (!look->rows[k].reachable)
            continue;
        json_array_foreach (said(&look->rows[k], "racks"), i, rack)
            if (json_string_value(rack) && !strcmp(json_string_value(rack), system_id))
                return look->rows[k].member->name;
    }
    return NULL;
}

static json_t *describe_rack(const struct look *look, const struct cluster_rack *rack)
{
    return json_pack("{ss ss so s[] sn sb}", "name", rack->name, "system_id", rack->system_id,
                     "region", text_or_null(region_of_rack(look, rack->system_id)), "vlans",
                     "last_seen_ms", "revoked", rack->revoked);
}

static void add_cluster(const struct look *look, json_t *reply)
{
    const struct cluster_state *facts = &look->view.facts;
    const struct cluster_primary *primary = &facts->primary;
    json_object_set_new(
        reply, "cluster",
        json_pack("{so so sb sI si}", "name", text_or_null(facts->name), "id",
                  text_or_null(facts->id), "quorum", look->view.known && look->view.raft.quorum,
                  "term", (json_int_t)look->view.raft.term, "schema", (int)facts->schema_level));
    json_object_set_new(
        reply, "primary",
        json_pack("{so sI ss so sb}", "name", text_or_null(member_name(facts, primary->member)),
                  "epoch", (json_int_t)primary->epoch, "phase", cluster_phase_word(primary->phase),
                  "step", text_or_null(look->report.pg_step), "writes_wait",
                  member_status_writes_wait(&look->view)));
}

static void add_row(struct look *look, const struct cluster_member *member)
{
    struct row *row = &look->rows[look->rows_count++];
    row->member = member;
    row->said = member_status_of(member->id, &row->reachable, &row->ago_ms);
    for (int i = 0; i < look->view.servers_count; i++)
        if (look->view.servers[i].id == member->id)
            row->votes = look->view.servers[i].votes;
}

/* Without facts raft's log still knows who the members are. */
static void add_unknown(struct look *look)
{
    for (int i = 0; i < look->view.servers_count && i < LIMIT_REGIONS; i++) {
        const struct replica_server *known = &look->view.servers[i];
        struct cluster_member *member = &look->unknown[i];
        struct peer_address address;
        if (peer_address_parse(known->address, &address, NULL))
            continue;
        member->id = known->id;
        memcpy(member->name, address.name, sizeof(member->name));
        memcpy(member->address, address.ip, sizeof(member->address));
        add_row(look, member);
    }
}

static void fill(struct look *look, struct region *region)
{
    cluster_read(&look->view);
    region_read(&look->report);
    if (look->report.member)
        member_status_ask(region, ASK_MS);
    cluster_read(&look->view);
    for (int i = 0; i < look->view.facts.members_count; i++)
        add_row(look, &look->view.facts.members[i]);
    if (!look->view.facts.members_count)
        add_unknown(look);
}

enum error_code status_control_run(struct control_call *call, json_t *reply, struct error *err)
{
    struct look *look = ARENA_NEW(call->arena, struct look);
    (void)err;
    look->arena = call->arena;
    fill(look, call->region);
    const struct cluster_state *facts = &look->view.facts;
    struct verdict verdict = judge(look, call->region->removed);
    json_t *members = json_array(), *vips = json_array(), *racks = json_array();
    for (int i = 0; i < look->rows_count; i++)
        json_array_append_new(members, describe_member(look, &look->rows[i]));
    for (int i = 0; i < facts->vips_count; i++)
        json_array_append_new(vips, describe_vip(look, &facts->vips[i]));
    for (int i = 0; i < facts->racks_count; i++)
        json_array_append_new(racks, describe_rack(look, &facts->racks[i]));
    json_object_set_new(reply, "verdict", json_string(verdict.word));
    json_object_set_new(reply, "advice", json_string(verdict.advice));
    add_cluster(look, reply);
    json_object_set_new(reply, "members", members);
    json_object_set_new(reply, "vips", vips);
    json_object_set_new(reply, "racks", racks);
    for (int i = 0; i < region_parts_count; i++)
        if (region_parts[i].status)
            region_parts[i].status(reply);
    for (int i = 0; i < look->rows_count; i++)
        json_decref(look->rows[i].said);
    return ERR_OK;
}
