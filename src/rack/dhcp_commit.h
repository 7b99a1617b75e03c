/*
 * Leases go to disk before their replies go out. One thread writes: while it waits for the disk new
 * leases gather, and the next fsync is for all of them. It is a thread of its own, not one of
 * loop_run_blocking, where power orders to dead BMCs can hold every place for seconds.
 * Loop thread.
 */
#pragma once

#include "src/base/loop.h"
#include "src/rack/dhcp_lease_file.h"
#include "src/rack/dhcp_service.h"

enum { DHCP_COMMIT_WAITING = 4096 }; /* replies; by then clients have asked again */

/** A lease, and the reply that waits for it. */
struct dhcp_pending {
    struct dhcp_pending *next;
    struct dhcp_lease lease;
    unsigned interface; /* its index */
    uint8_t reply;      /* enum dhcp_type, 0 = no reply is due */
    struct dhcp_target target;
    size_t size;
    uint8_t bytes[];
};

struct dhcp_commit;

/** The batch is on disk (err NULL) or is not; frees nothing. Called on the loop's thread. */
typedef void dhcp_committed(void *owner, const struct dhcp_pending *batch, const struct error *err);

/** file is opened and now the commit's; leases is what a new file is written from. */
struct dhcp_commit *dhcp_commit_new(struct loop *loop, struct dhcp_lease_file *file,
                                    struct dhcp_service *service, dhcp_committed *committed,
                                    void *owner);

/** Copy what the outcome of a datagram says; false when too many wait, nothing is taken then. */
bool dhcp_commit_put(struct dhcp_commit *commit, const struct dhcp_outcome *outcome,
                     unsigned interface);

/** Write what waits (blocks for it), tell the owner, end the thread, close the file. */
void dhcp_commit_free(struct dhcp_commit *commit);
