/*
 * The virtual IPs this member should hold: asks fenced to put them on, renews, drops them when it
 * should not hold them any more. Loop thread.
 */
#pragma once

#include "raft/cluster_state.h"
#include "src/base/loop.h"
#include "src/wire/fence_link.h"

struct vip;

struct vip_setup {
    struct loop *loop;
    struct fence_link *fence;
    void (*propose)(void *owner, const struct command *command);
    void (*changed)(void *owner);
    void *owner;
};

struct vip *vip_new(const struct vip_setup *setup);
void vip_free(struct vip *vip);

/**
 * Compare what should be held with what is. fit: this member answers clients (its endpoint runs);
 * an unfit one drops what it holds.
 */
void vip_look(struct vip *vip, const struct cluster_state *facts, uint64_t self, bool leads,
              bool fit);

/** fenced dropped an address: its lease had ended. */
void vip_dropped(struct vip *vip, const char *net);

/** The address is on this host's interface. */
bool vip_held(const struct vip *vip, const char *net);

/** The last trouble with any of them, "" = none. */
const char *vip_problem(const struct vip *vip);
