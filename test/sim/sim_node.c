/* One member: leases, the leader's and its own decisions, in the place of regiond: see sim.h. */
#include <stdio.h>
#include <string.h>

#include "ha/lease.h"
#include "test/sim/sim.h"

enum { LOOK_MS = 20, STATUS_MS = 60, LEASE_MS = 400, G_MS = 20, CLAIM_MS = 300 };

static const struct lease_resource PRIMARY = {CLUSTER_LEASE_PRIMARY, 0};

static void send_member(struct sim_node *node, int to, const struct member_message *message)
{
    struct sim_message letter = {.kind = SIM_MEMBER, .member = *message};
    sim_send(node, to, &letter);
}

/* ---- leases ---- */

static void ask(struct sim_node *node, struct lease_holder *lease)
{
    struct member_message message = {.kind = MEMBER_LEASE_REQUEST};
    uint64_t now_ns = sim_local_ns(node);
    if (now_ns < lease_holder_due_ns(lease) ||
        !lease_holder_ask(lease, now_ns, &node->facts, &message.claim))
        return;
    for (int i = 0; i < lease->acceptors_count; i++)
        send_member(node, (int)lease->acceptors[i] - 1, &message);
}

static void give_back(struct sim_node *node, struct lease_holder *lease)
{
    struct member_message message = {.kind = MEMBER_LEASE_RELEASE};
    if (!lease->epoch || lease->released)
        return;
    lease_holder_release(lease, &message.release);
    for (int i = 0; i < sim.count; i++)
        send_member(node, i, &message);
}

/* What ended is never taken up again: a new epoch is asked for. */
static void vip_drop(struct sim_node *node, void *subject)
{
    struct sim_vip *vip = subject;
    if (vip->holds && sim_local_ns(node) >= vip->deadline_ns) {
        vip->holds = false;
        vip->dropped = true;
        sim_trace(node, "fenced drops vip %d", (int)(vip - node->vips));
    }
}

/* Local time to the world's: an event a little after a local deadline. */
static uint64_t until_local(const struct sim_node *node, uint64_t local_ns)
{
    uint64_t now_ns = sim_local_ns(node);
    return local_ns <= now_ns ? 0 : (uint64_t)((double)(local_ns - now_ns) / node->rate) + 1000;
}

static void on_grant(struct sim_node *node, uint64_t member, const struct lease_claim *grant)
{
    uint64_t until_ns;
    if (PLANTED(late_count_from) && grant->number == node->lease.number)
        node->lease.asked_ns = sim_local_ns(node);
    if (lease_holder_granted(&node->lease, member, grant)) {
        until_ns = node->lease.until_ns;
        sim_check_lease(node, &node->lease);
        sim_pg_lease(node, until_ns - G_MS * CLOCK_MS);
    }
    for (int i = 0; i < SIM_VIPS; i++) {
        struct sim_vip *vip = &node->vips[i];
        if (PLANTED(late_count_from) && grant->number == vip->lease.number)
            vip->lease.asked_ns = sim_local_ns(node);
        if (!vip->lease.epoch || !lease_holder_granted(&vip->lease, member, grant))
            continue;
        vip->deadline_ns = vip->lease.until_ns - G_MS * CLOCK_MS;
        if (sim_local_ns(node) >= vip->deadline_ns)
            continue; /* too late to be of use */
        if (!vip->holds)
            sim_trace(node, "holds vip %d in epoch %d", i, (int)vip->lease.epoch);
        vip->holds = true;
        sim_check_vip(node, i);
        sim_after(until_local(node, vip->deadline_ns), node, vip_drop, vip);
    }
}

/* As in ha/leases.c. */
static bool is_durable(const struct lease_floor *floor, const struct lease_claim *claim)
{
    for (int i = 0; i < floor->count; i++)
        if (lease_resource_equal(floor->rows[i].resource, claim->resource))
            return floor->version >= claim->version && floor->lease_ms_max >= claim->lease_ms &&
                   floor->rows[i].seen >= claim->epoch;
    return false;
}

static void on_request(struct sim_node *node, int from, const struct lease_claim *claim)
{
    struct member_message grant = {.kind = MEMBER_LEASE_GRANT, .claim = *claim};
    if (lease_acceptor_request(&node->acceptor, sim_local_ns(node), claim))
        return;
    for (int i = 0; i < node->disk.floor.count; i++)
        if (lease_resource_equal(node->disk.floor.rows[i].resource, claim->resource) &&
            claim->epoch < node->disk.floor.rows[i].seen)
            sim_break("n%d grants epoch %d below its floor %d", (int)node->id, (int)claim->epoch,
                      (int)node->disk.floor.rows[i].seen);
    if (sim_stalls(node) && !is_durable(&node->disk.floor, claim))
        return; /* by when it is durable nobody waits for it */
    if (!sim_stalls(node))
        lease_acceptor_floor(&node->acceptor, &node->disk.floor); /* durable before it is sent */
    send_member(node, from, &grant);
}

void sim_node_member(struct sim_node *node, int from, const struct member_message *message)
{
    switch (message->kind) {
    case MEMBER_LEASE_REQUEST:
        on_request(node, from, &message->claim);
        break;
    case MEMBER_LEASE_GRANT:
        on_grant(node, sim.nodes[from].id, &message->claim);
        break;
    case MEMBER_LEASE_RELEASE:
        lease_acceptor_release(&node->acceptor, &message->release);
        break;
    case MEMBER_STATUS:
        failover_watch_heard(&node->watch, sim_local_ns(node), sim.nodes[from].id,
                             &message->status);
        break;
    default: /* what the model does without: proposals go to the leader at once */
        break;
    }
}

/* ---- the leader ---- */

static bool first_facts(const struct sim_node *node, struct command *command)
{
    const struct cluster_state *facts = &node->facts;
    struct cluster_member member = {.id = (uint64_t)facts->members_count + 1};
    snprintf(member.name, sizeof(member.name), "n%d", facts->members_count + 1);
    snprintf(member.address, sizeof(member.address), "10.0.0.%d", facts->members_count + 1);
    member.ports[CLUSTER_PORT_RAFT] = 1;
    if (!facts->name[0]) {
        *command = (struct command){.kind = COMMAND_INIT, .init = {.cluster_name = "sim"}};
        memset(command->init.cluster_id, 'a', CLUSTER_ID - 1);
        memset(command->init.ca_fingerprint, 'b', CLUSTER_FINGERPRINT - 1);
        command->init.member = member;
        for (int i = 0; i < CLUSTER_LEASES; i++)
            command->init.lease_ms[i] = LEASE_MS;
        return true;
    }
    if (facts->members_count < sim.count) {
        *command = (struct command){.kind = COMMAND_MEMBER_ADD, .member_add = member};
        return true;
    }
    if (facts->vips_count < SIM_VIPS) {
        *command = (struct command){.kind = COMMAND_VIP_DEFINE};
        snprintf(command->vip_define.net, CLUSTER_NET, "10.0.1.%d/24", facts->vips_count + 1);
        snprintf(command->vip_define.interface, CLUSTER_INTERFACE, "eth0");
        command->vip_define.http_port = command->vip_define.https_port = 80;
        return true;
    }
    return false;
}

/* One that grants leases is to grant none any more; it is taken in again later. By the rules of
 * remove_control.c: no promise of two sets ago lives. */
static bool takes_acceptor_out(struct sim_node *node, struct command *command)
{
    const struct cluster_state *facts = &node->facts;
    const struct failover_watch *watch = &node->watch;
    const struct cluster_member *member = &facts->members[sim_random((uint64_t)sim.count)];
    uint64_t since_ns =
        watch->version_ns > watch->barrier_ns ? watch->version_ns : watch->barrier_ns;
    int acceptors = 0;
    for (int i = 0; i < facts->members_count; i++)
        acceptors += facts->members[i].acceptor;
    if (!member->acceptor || acceptors < 2 || !watch->version_ns ||
        watch->now_ns - since_ns < 2 * lease_promise_end_ns(0, facts->lease_ms_max))
        return false;
    *command = (struct command){
        .kind = COMMAND_ACCEPTORS,
        .acceptors = {facts->acceptors_version, facts->primary.epoch, member->id, false}};
    sim_trace(node, "an operator takes n%d out of those that grant", (int)member->id);
    return true;
}

/* Now and then somebody changes a duration or who grants, or asks for a switchover. */
static bool operator_acts(struct sim_node *node, struct command *command)
{
    if (sim.healed || !sim_chance(2) || node->facts.primary.phase != CLUSTER_SERVING)
        return false;
    if (sim_chance(30))
        return takes_acceptor_out(node, command);
    if (sim_chance(50)) {
        const struct cluster_vip *vip = &node->facts.vips[sim_random(SIM_VIPS)];
        *command = (struct command){.kind = COMMAND_VIP_ASSIGN};
        memcpy(command->vip_assign.net, vip->net, sizeof(vip->net));
        command->vip_assign.epoch = vip->epoch;
        command->vip_assign.holder = 1 + sim_random((uint64_t)sim.count);
        return true;
    }
    if (sim_chance(50)) {
        *command = (struct command){
            .kind = COMMAND_DURATION,
            .duration = {(int)sim_random(CLUSTER_LEASES), 300 + (uint32_t)sim_random(900)},
        };
        return true;
    }
    const struct cluster_primary *primary = &node->facts.primary;
    uint64_t prefer = 1 + sim_random((uint64_t)sim.count);
    *command =
        (struct command){.kind = COMMAND_FENCE, .fence = {primary->epoch, primary->phase, prefer}};
    sim_trace(node, "an operator wants n%d as primary", (int)prefer);
    return true;
}

static void lead(struct sim_node *node)
{
    struct command command;
    const char *why = "";
    uint64_t now_ns = sim_local_ns(node);
    bool leads = sim_raft_leads(node);
    if (leads && !node->leads)
        failover_watch_start(&node->watch, now_ns);
    node->leads = leads;
    if (!leads)
        return;
    failover_watch_facts(&node->watch, now_ns, &node->facts);
    if (node->proposing)
        return;
    if (first_facts(node, &command) || operator_acts(node, &command)) {
        sim_raft_propose(node, &command);
    } else if (failover_decide(&node->facts, &node->watch, &command, &why)) {
        sim_trace(node, "proposes %s: %s", command_name((int)command.kind), why);
        sim_raft_propose(node, &command);
    }
}

static void tell_status(struct sim_node *node, void *subject)
{
    struct member_message message = {.kind = MEMBER_STATUS};
    struct member_status *status = &message.status;
    raft_id leader = 0;
    const char *address;
    sim_after(STATUS_MS * CLOCK_MS, node, tell_status, subject);
    raft_leader(node->raft, &leader, &address);
    if (node->sleeps_ns > sim.now_ns || !leader || !node->passed)
        return;
    status->incarnation = node->incarnation;
    status->applied = node->applied;
    status->acceptors = node->facts.acceptors_version;
    status->fit = true;
    status->level = COMMAND_LEVEL;
    sim_pg_status(node, &status->pg);
    status->promised_count =
        lease_acceptor_promised(&node->acceptor, sim_local_ns(node), status->promised);
    send_member(node, (int)leader - 1, &message);
}

/* ---- the member ---- */

void sim_node_propose(struct sim_node *node, const struct command *command)
{
    for (int i = 0; i < sim.count; i++) /* asked of whoever leads */
        if (sim.nodes[i].up && sim_raft_leads(&sim.nodes[i]) && !sim.cut[node->index][i] &&
            !sim.cut[i][node->index])
            sim_raft_propose(&sim.nodes[i], command);
}

/* An epoch that is an earlier process', or was given back: a new one of the own address. */
static void claim(struct sim_node *node, struct sim_vip *vip, const struct cluster_vip *fact)
{
    struct command command = {.kind = COMMAND_VIP_ASSIGN};
    if (sim_local_ns(node) < vip->claimed_ns + CLAIM_MS * CLOCK_MS)
        return;
    vip->claimed_ns = sim_local_ns(node);
    memcpy(command.vip_assign.net, fact->net, sizeof(fact->net));
    command.vip_assign.epoch = fact->epoch;
    command.vip_assign.holder = node->id;
    sim_node_propose(node, &command);
}

static void want_vip(struct sim_node *node, struct sim_vip *vip, const struct cluster_vip *fact)
{
    bool ours = fact->holder == node->id;
    if (!node->looked && ours)
        vip->foreign = fact->epoch;
    if (vip->lease.epoch && (!ours || vip->lease.epoch != fact->epoch || vip->dropped)) {
        vip->holds = vip->dropped = false; /* stop first, then give back */
        vip->foreign = vip->lease.epoch;
        give_back(node, &vip->lease);
        vip->lease = (struct lease_holder){0};
    }
    if (ours && !vip->lease.epoch && vip->foreign == fact->epoch)
        claim(node, vip, fact);
    else if (ours && !vip->lease.epoch)
        lease_holder_init(&vip->lease, lease_resource_vip(fact), fact->epoch, node->incarnation,
                          fact->lease_ms);
    if (vip->lease.epoch)
        ask(node, &vip->lease);
}

static void want_vips(struct sim_node *node)
{
    for (int i = 0; i < node->facts.vips_count; i++)
        want_vip(node, &node->vips[i], &node->facts.vips[i]);
    node->looked = true;
}

/* The lease of the primary is wanted from LEASE on, as long as what runs is of its epoch. */
static void keep_primary_lease(struct sim_node *node, enum member_step step)
{
    const struct cluster_primary *primary = &node->facts.primary;
    struct lease_holder *lease = &node->lease;
    bool ours = primary->member == node->id && !primary->declined;
    if (lease->epoch && (!ours || lease->epoch != primary->epoch)) {
        if (!node->pg.running) /* else it is given back when that was ended */
            give_back(node, lease);
        if (!node->pg.running || !node->pg.promoted)
            *lease = (struct lease_holder){0};
        return;
    }
    if (step == MEMBER_LEASE && !lease->epoch)
        lease_holder_init(lease, PRIMARY, primary->epoch, node->incarnation, primary->lease_ms);
    if (lease->epoch && (node->pg.running || step == MEMBER_LEASE) && !sim_pg_failed(node))
        ask(node, lease);
}

struct step_done {
    enum member_step step;
    uint64_t serial;
};
static void on_step_done(struct sim_node *node, void *subject);

/* A copy that a marker waits for may take longer than a SET is given otherwise. */
static int duration_ms(const struct sim_node *node, enum member_step step)
{
    switch (step) {
    case MEMBER_CLONE:
        return node->facts.primary.phase == CLUSTER_SET ? 4000 : 150;
    case MEMBER_REWIND:
        return 150;
    case MEMBER_START:
    case MEMBER_INITIALISE:
        return 60;
    default:
        return 15;
    }
}

static void look(struct sim_node *node)
{
    struct member_observed seen;
    if (!node->passed || !node->facts.name[0])
        return;
    lease_acceptor_facts(&node->acceptor, &node->facts, node->id);
    lead(node);
    sim_pg_observe(node, &seen);
    enum member_step step = member_decide(&node->facts, node->id, &seen);
    node->asks_out = step == MEMBER_ASK_OUT;
    keep_primary_lease(node, step);
    want_vips(node);
    if (node->step == MEMBER_CLONE && node->step_epoch != node->facts.primary.epoch)
        node->step = MEMBER_WAIT; /* given up */
    if (node->step != MEMBER_WAIT || step == MEMBER_WAIT || step == MEMBER_LEASE ||
        step == MEMBER_STEADY || step == MEMBER_FOLLOWING || step == MEMBER_ASK_OUT)
        return;
    node->step = step;
    node->step_epoch = node->facts.primary.epoch;
    struct step_done *done = sim_alloc(sizeof(*done));
    *done = (struct step_done){step, ++node->step_serial};
    sim_after(sim_between_ms(0, duration_ms(node, step)), node, on_step_done, done);
}

/* What was begun takes effect if it is still the step to take: facts and leases are looked at again
 * at the last moment. */
static void on_step_done(struct sim_node *node, void *subject)
{
    enum member_step step = ((struct step_done *)subject)->step;
    struct member_observed seen;
    if (((struct step_done *)subject)->serial != node->step_serial || node->step != step)
        return; /* it was given up */
    uint64_t held_up_ns = node->sleeps_ns > node->stalls_ns ? node->sleeps_ns : node->stalls_ns;
    if (held_up_ns > sim.now_ns && step != MEMBER_STOP) { /* each of them writes */
        sim_after(held_up_ns - sim.now_ns, node, on_step_done, subject);
        return;
    }
    node->step = MEMBER_WAIT;
    sim_pg_observe(node, &seen);
    if (member_decide(&node->facts, node->id, &seen) == step)
        sim_pg_step(node, step);
}

static void on_look(struct sim_node *node, void *subject)
{
    sim_after(LOOK_MS * CLOCK_MS, node, on_look, subject);
    if (node->sleeps_ns <= sim.now_ns)
        look(node);
}

/* Before there is a cluster the raft leader makes one. */
static void on_first_look(struct sim_node *node, void *subject)
{
    (void)subject;
    struct command command;
    if (node->facts.name[0])
        return;
    sim_after(LOOK_MS * CLOCK_MS, node, on_first_look, subject);
    if (sim_raft_leads(node) && first_facts(node, &command))
        sim_raft_propose(node, &command);
}

void sim_node_start(struct sim_node *node)
{
    node->up = true;
    node->life++;
    node->incarnation = 1 + sim_random(UINT64_MAX - 1);
    node->leads = node->looked = false;
    node->step = MEMBER_WAIT;
    node->sleeps_ns = 0;
    memset(&node->lease, 0, sizeof(node->lease));
    memset(node->vips, 0, sizeof(node->vips));
    memset(&node->pg, 0, sizeof(node->pg));
    memset(&node->watch, 0, sizeof(node->watch));
    lease_acceptor_start(&node->acceptor, &node->disk.floor, sim_local_ns(node));
    sim_trace(node, "starts");
    sim_raft_start(node);
    if (sim.options.raft_only)
        return;
    sim_after(sim_between_ms(1, LOOK_MS), node, on_look, NULL);
    sim_after(sim_between_ms(1, LOOK_MS), node, on_first_look, NULL);
    sim_after(sim_between_ms(1, STATUS_MS), node, tell_status, NULL);
    sim_pg_start_loops(node);
}

void sim_node_crash(struct sim_node *node)
{
    sim_trace(node, "crashes");
    node->up = false;
    node->life++;
    memset(&node->pg, 0, sizeof(node->pg));
    memset(&node->lease, 0, sizeof(node->lease));
    memset(node->vips, 0, sizeof(node->vips));
}
