/* Makes what runs agree with what the cluster agreed on: see reconcile.h. */
#include "ha/reconcile.h"

#include <stdio.h>
#include <stdlib.h>

#include "ha/balancer.h"
#include "ha/vip.h"
#include "src/base/container.h"
#include "src/base/file.h"

enum { PERIOD_MS = 50 }; /* the sweep beside the triggers */

struct reconcile {
    struct reconcile_setup setup;
    struct floor_values floor;
    char floor_path[LIMIT_PATH];
    struct pg_member *pg;
    struct vip *vip;
    struct balancer *balancer;
    struct cluster_state facts;
    uint64_t self;
    bool have_facts, leads, serves, looking;
    struct loop_timer timer;
};

static void look(struct reconcile *reconcile)
{
    if (!reconcile->have_facts || reconcile->looking)
        return;
    reconcile->looking = true;
    const struct cluster_state *facts = &reconcile->facts;
    pg_member_look(reconcile->pg, facts, reconcile->self, reconcile->leads);
    if (facts->name[0])
        balancer_look(reconcile->balancer, facts);
    vip_look(reconcile->vip, facts, reconcile->self, reconcile->leads,
             reconcile->serves && balancer_runs(reconcile->balancer));
    reconcile->looking = false;
}

static void on_changed(void *owner)
{
    struct reconcile *reconcile = owner;
    if (!reconcile->looking) /* else the sweep sees it */
        look(reconcile);
}

static void on_timer(struct loop_timer *timer)
{
    look(container_of(timer, struct reconcile, timer));
}

static void propose(void *owner, const struct command *command)
{
    struct reconcile *reconcile = owner;
    reconcile->setup.propose(reconcile->setup.owner, command);
}

static void on_open(void *owner, const char *conninfo, uint64_t epoch)
{
    struct reconcile *reconcile = owner;
    reconcile->setup.primary(reconcile->setup.owner, conninfo, epoch);
}

enum error_code reconcile_new(const struct reconcile_setup *setup, struct reconcile **out,
                              struct error *err)
{
    struct reconcile *reconcile = calloc(1, sizeof(*reconcile));
    ASSERT(reconcile);
    reconcile->setup = *setup;
    snprintf(reconcile->floor_path, LIMIT_PATH, "%s/floor", setup->settings->data_dir);
    enum error_code code = floor_read(reconcile->floor_path, &reconcile->floor, err);
    if (code && code != ERR_NOT_FOUND) {
        free(reconcile);
        return code;
    }
    struct pg_member_setup pg = {setup->loop,       setup->fence,
                                 setup->settings,   reconcile->floor_path,
                                 &reconcile->floor, {propose, on_open, on_changed},
                                 reconcile};
    struct vip_setup vip = {setup->loop, setup->fence, propose, on_changed, reconcile};
    reconcile->pg = pg_member_new(&pg);
    reconcile->vip = vip_new(&vip);
    reconcile->balancer =
        balancer_new(setup->loop, setup->fence, setup->settings, on_changed, reconcile);
    loop_timer_init(setup->loop, &reconcile->timer, on_timer);
    loop_timer_start(&reconcile->timer, PERIOD_MS, PERIOD_MS);
    *out = reconcile;
    return ERR_OK;
}

static void on_timer_closed(struct loop_timer *timer)
{
    free(container_of(timer, struct reconcile, timer));
}

void reconcile_free(struct reconcile *reconcile)
{
    if (!reconcile)
        return;
    pg_member_free(reconcile->pg);
    vip_free(reconcile->vip);
    balancer_free(reconcile->balancer);
    reconcile->have_facts = false;
    loop_timer_close(&reconcile->timer, on_timer_closed);
}

void reconcile_look(struct reconcile *reconcile, const struct cluster_state *facts, uint64_t self,
                    bool leads, bool serves)
{
    reconcile->have_facts = facts != NULL;
    if (!facts)
        return;
    reconcile->facts = *facts;
    reconcile->self = self;
    reconcile->leads = leads;
    reconcile->serves = serves;
    look(reconcile);
}

void reconcile_notice(struct reconcile *reconcile, const struct fence_reply *notice)
{
    if (notice->kind == FENCE_NOTICE_PG_ENDED)
        pg_member_ended(reconcile->pg, notice->text);
    else if (notice->kind == FENCE_NOTICE_DROPPED)
        vip_dropped(reconcile->vip, notice->text);
}

bool reconcile_epoch_valid(const struct reconcile *reconcile, uint64_t epoch)
{
    return pg_member_lease_live(reconcile->pg, epoch);
}

void reconcile_report(const struct reconcile *reconcile, struct reconcile_report *report)
{
    pg_member_report(reconcile->pg, &report->pg);
    report->balancer_runs = balancer_runs(reconcile->balancer);
    report->balancer_problem = balancer_problem(reconcile->balancer);
    report->vip_problem = vip_problem(reconcile->vip);
}

bool reconcile_holds(const struct reconcile *reconcile, const char *net)
{
    return vip_held(reconcile->vip, net);
}
