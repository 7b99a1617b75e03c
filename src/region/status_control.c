/*
 * `gantry status`: a verdict with what to do, then what is known of everything. Answers from what
 * was last reported, so it never waits. Control threads.
 */
#include <stdio.h>
#include <string.h>

#include "src/region/control_socket.h"
#include "src/region/region_part.h"

struct look {
    struct cluster_view view;
    struct region_report report;
};

struct verdict {
    const char *word, *advice;
};

static bool all_held(const struct look *look)
{
    return look->report.held_count >= look->view.facts.vips_count;
}

static struct verdict judge(const struct look *look)
{
    const struct region_report *report = &look->report;
    if (!report->member)
        return (struct verdict){"no-cluster", "run `gantry cluster init --name NAME`, or join one"};
    if (!look->view.known)
        return (struct verdict){"no-quorum",
                                "start the other regions, or look why they are not reached"};
    if (!look->view.facts.name[0])
        return (struct verdict){"no-cluster", "run the interrupted `gantry cluster init` again"};
    if (report->pg_problem[0])
        return (struct verdict){"degraded", report->pg_problem};
    if (report->api_problem[0])
        return (struct verdict){"degraded", report->api_problem};
    if (!report->serves)
        return (struct verdict){"degraded", "the database has no primary yet; wait some seconds"};
    if (!report->balancer_runs)
        return (struct verdict){"degraded", report->balancer_problem[0] ? report->balancer_problem
                                                                        : "HAProxy starts"};
    if (!all_held(look))
        return (struct verdict){"degraded", report->vip_problem[0] ? report->vip_problem
                                                                   : "a virtual IP is on its way"};
    return (struct verdict){"healthy", ""};
}

static json_t *text_or_null(const char *text)
{
    return text && *text ? json_string(text) : json_null();
}

static const char *member_name(const struct cluster_state *facts, uint64_t id)
{
    const struct cluster_member *member = cluster_state_member(facts, id);
    return member ? member->name : NULL;
}

static json_t *describe_member(const struct look *look, const struct cluster_member *member)
{
    const struct region_report *report = &look->report;
    char lsn[32];
    json_t *row = json_pack("{ss sI ss}", "name", member->name, "id", (json_int_t)member->id,
                            "address", member->address);
    if (member->id != look->view.self) { /* known from facts alone */
        json_object_update_new(row, json_pack("{sb sn sn sn sn sn sn sn}", "reachable", 0,
                                              "raft_role", "raft_index", "pg_role", "pg_timeline",
                                              "pg_lsn", "pg_lag_bytes", "last_seen_ms"));
        return row;
    }
    snprintf(lsn, sizeof(lsn), "%X/%X", (unsigned)(report->pg_lsn >> 32), (unsigned)report->pg_lsn);
    json_object_update_new(row, json_pack("{sb ss sI ss si ss si si}", "reachable", 1, "raft_role",
                                          look->view.raft.role, "raft_index",
                                          (json_int_t)look->view.raft.index, "pg_role",
                                          report->pg_role, "pg_timeline", (int)report->pg_timeline,
                                          "pg_lsn", lsn, "pg_lag_bytes", 0, "last_seen_ms", 0));
    return row;
}

static bool is_held(const struct region_report *report, const char *net)
{
    for (int i = 0; i < report->held_count; i++)
        if (!strcmp(report->held[i], net))
            return true;
    return false;
}

static json_t *describe_vip(const struct look *look, const struct cluster_vip *vip)
{
    const char *holder = member_name(&look->view.facts, vip->holder);
    json_t *row = json_pack("{ss ss so sI}", "address", vip->net, "interface", vip->interface,
                            "holder", text_or_null(holder), "epoch", (json_int_t)vip->epoch);
    if (vip->holder == look->view.self)
        json_object_set_new(row, "held", json_boolean(is_held(&look->report, vip->net)));
    json_object_set_new(row, "guard", json_false());
    return row;
}

static json_t *describe_rack(const struct cluster_rack *rack)
{
    return json_pack("{ss ss sn s[] sn sb}", "name", rack->name, "system_id", rack->system_id,
                     "region", "vlans", "last_seen_ms", "revoked", rack->revoked);
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
        json_pack("{so sI ss so}", "name", text_or_null(member_name(facts, primary->member)),
                  "epoch", (json_int_t)primary->epoch, "phase", cluster_phase_word(primary->phase),
                  "step", text_or_null(look->report.pg_step)));
}

enum error_code status_control_run(struct control_call *call, json_t *reply, struct error *err)
{
    struct look look;
    (void)call, (void)err;
    cluster_read(&look.view);
    region_read(&look.report);
    const struct cluster_state *facts = &look.view.facts;
    struct verdict verdict = judge(&look);
    json_t *members = json_array(), *vips = json_array(), *racks = json_array();
    for (int i = 0; i < facts->members_count; i++)
        json_array_append_new(members, describe_member(&look, &facts->members[i]));
    for (int i = 0; i < facts->vips_count; i++)
        json_array_append_new(vips, describe_vip(&look, &facts->vips[i]));
    for (int i = 0; i < facts->racks_count; i++)
        json_array_append_new(racks, describe_rack(&facts->racks[i]));
    json_object_set_new(reply, "verdict", json_string(verdict.word));
    json_object_set_new(reply, "advice", json_string(verdict.advice));
    add_cluster(&look, reply);
    json_object_set_new(reply, "members", members);
    json_object_set_new(reply, "vips", vips);
    json_object_set_new(reply, "racks", racks);
    for (int i = 0; i < region_parts_count; i++)
        if (region_parts[i].status)
            region_parts[i].status(reply);
    return ERR_OK;
}
