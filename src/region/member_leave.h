/*
 * May a region leave the cluster? Pure: facts, raft's members and who answers in, a refusal with
 * what to do out. Any thread.
 */
#pragma once

#include "raft/cluster_door.h"

/* What a region says of itself that matters here. */
struct member_leave_seen {
    uint64_t id;
    bool answers, has_copy; /* has_copy: its database runs, as primary or standby */
};

struct member_leave_look {
    const struct cluster_view *view;
    struct member_leave_seen seen[LIMIT_REGIONS];
    int count;
};

/**
 * Errors: CONFLICT (the last region, the primary, no quorum of the others, no copies enough),
 * UNAVAILABLE (no quorum now).
 */
enum error_code member_leave_check(const struct member_leave_look *look,
                                   const struct cluster_member *leaver, struct error *err);
