/*
 * The virtual IPs this member should hold: asks for their leases, has fenced put them on, drops
 * them and gives the lease back when it should not hold them any more. Loop thread.
 */
#pragma once

#include "ha/callers.h"
#include "ha/leases.h"
#include "src/wire/fence_link.h"

struct vip;

struct vip_setup {
    struct fence_link *fence;
    struct leases *leases;
    struct callers *callers; /* who is nudged when an address comes here */
    /** Have the leader propose it, in this member's name. */
    void (*propose)(void *owner, const struct command *command);
    void (*changed)(void *owner);
    void *owner;
};

struct vip *vip_new(const struct vip_setup *setup);
void vip_free(struct vip *vip);

/**
 * Compare what should be held with what is. fit: this member answers clients, or nobody does; an
 * unfit one drops what it holds.
 */
void vip_look(struct vip *vip, const struct cluster_state *facts, uint64_t self, bool fit);

/** Somebody who was there is not heard: from the next renewal on the wire is told often. */
void vip_silence(struct vip *vip, bool silence);

/** Tell the wire once more where the addresses are: some may not have heard. */
void vip_announce(struct vip *vip);

/** fenced dropped an address: its lease had ended. */
void vip_dropped(struct vip *vip, const char *net);

/** The address is on this host's interface. */
bool vip_held(const struct vip *vip, const char *net);

/** The last trouble with any of them, "" = none. */
const char *vip_problem(const struct vip *vip);
