/* `gantry primary show` and `gantry primary switchover`. Control threads. */
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/region/control_socket.h"
#include "src/region/loop_ask.h"

enum { SWITCH_MS = 20000, POLL_US = 20000 };

static void describe(const struct cluster_state *facts, json_t *reply)
{
    const struct cluster_primary *primary = &facts->primary;
    const struct cluster_member *member = cluster_state_member(facts, primary->member);
    json_t *voters = json_array();
    for (int i = 0; i < facts->members_count; i++)
        if (facts->members[i].data_voter)
            json_array_append_new(voters, json_string(facts->members[i].name));
    json_object_set_new(reply, "name", member ? json_string(member->name) : json_null());
    json_object_set_new(reply, "epoch", json_integer((json_int_t)primary->epoch));
    json_object_set_new(reply, "phase", json_string(cluster_phase_word(primary->phase)));
    json_object_set_new(reply, "timeline", json_integer(primary->timeline));
    json_object_set_new(reply, "lease_ms", json_integer(primary->lease_ms));
    json_object_set_new(reply, "data_voters", voters);
}

static enum error_code read_view(struct cluster_view *view, struct error *err)
{
    cluster_read(view);
    return view->known && view->facts.name[0]
               ? ERR_OK
               : error_set(err, ERR_UNAVAILABLE,
                           "no cluster here, or it has no quorum: `gantry status` says more");
}

enum error_code primary_control_show(struct control_call *call, json_t *reply, struct error *err)
{
    struct cluster_view view;
    (void)call;
    enum error_code code = read_view(&view, err);
    if (!code)
        describe(&view.facts, reply);
    return code;
}

struct asking {
    struct region *region;
    uint64_t to;
    enum error_code code;
    struct error err;
};

static void ask_on_loop(void *subject)
{
    struct asking *asking = subject;
    asking->code = asking->region->reconcile
                       ? reconcile_switch(asking->region->reconcile, asking->to, &asking->err)
                       : error_set(&asking->err, ERR_UNAVAILABLE, "no cluster here");
}

/* Until a later epoch serves. */
static enum error_code wait_for_epoch(uint64_t epoch, struct cluster_view *view, struct error *err)
{
    uint64_t end = clock_boot_ns() + SWITCH_MS * CLOCK_MS;
    for (;;) {
        cluster_read(view);
        const struct cluster_primary *primary = &view->facts.primary;
        if (view->known && primary->epoch > epoch && primary->phase == CLUSTER_SERVING)
            return ERR_OK;
        if (clock_boot_ns() > end)
            return error_set(err, ERR_TIMEOUT,
                             "no other primary serves after %d s: is there a standby that streams? "
                             "`gantry status` says more",
                             SWITCH_MS / 1000);
        usleep(POLL_US);
    }
}

enum error_code primary_control_switchover(struct control_call *call, json_t *reply,
                                           struct error *err)
{
    struct cluster_view view;
    struct asking asking = {.region = call->region};
    const char *name = control_call_param(call, "to");
    enum error_code code = read_view(&view, err);
    if (code)
        return code;
    const struct cluster_member *to = name ? cluster_state_member_named(&view.facts, name) : NULL;
    uint64_t epoch = view.facts.primary.epoch;
    if (name && !to)
        return error_set(err, ERR_NOT_FOUND, "no region is named %s", name);
    if (to && to->id == view.facts.primary.member)
        return error_set(err, ERR_CONFLICT, "%s is the primary already", name);
    if (to && !to->data_voter)
        return error_set(err, ERR_CONFLICT, "%s has no data vote yet", name);
    asking.to = to ? to->id : 0;
    loop_ask(&call->region->loop, ask_on_loop, &asking);
    if (asking.code) {
        *err = asking.err;
        return asking.code;
    }
    control_call_progress(call, "epoch %llu ends", (unsigned long long)epoch);
    code = wait_for_epoch(epoch, &view, err);
    if (!code)
        describe(&view.facts, reply);
    return code;
}
