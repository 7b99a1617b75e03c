/* May a region leave the cluster: see member_leave.h. */
#include "src/region/member_leave.h"

static const struct member_leave_seen *seen_of(const struct member_leave_look *look, uint64_t id)
{
    for (int i = 0; i < look->count; i++)
        if (look->seen[i].id == id)
            return &look->seen[i];
    return NULL;
}

/* Voters of raft but the leaver, and how many of them answer. */
static enum error_code check_quorum(const struct member_leave_look *look,
                                    const struct cluster_member *leaver, struct error *err)
{
    int voters = 0, answer = 0;
    for (int i = 0; i < look->view->servers_count; i++) {
        const struct replica_server *voter = &look->view->servers[i];
        const struct member_leave_seen *seen = seen_of(look, voter->id);
        if (!voter->votes || voter->id == leaver->id)
            continue;
        voters++;
        answer += seen && seen->answers;
    }
    if (answer > voters / 2)
        return ERR_OK;
    return error_set(err, ERR_CONFLICT,
                     "without %s only %d of %d voting regions would answer, and that is no quorum: "
                     "start the others first, see `gantry status`",
                     leaver->name, answer, voters);
}

/* The others must be able to acknowledge a write: the primary and half of the rest. */
static enum error_code check_data(const struct member_leave_look *look,
                                  const struct cluster_member *leaver, struct error *err)
{
    const struct cluster_state *facts = &look->view->facts;
    int voters = 0, copies = 0;
    if (!leaver->data_voter)
        return ERR_OK;
    for (int i = 0; i < facts->members_count; i++) {
        const struct cluster_member *member = &facts->members[i];
        const struct member_leave_seen *seen = seen_of(look, member->id);
        if (!member->data_voter || member->id == leaver->id)
            continue;
        voters++;
        copies += seen && seen->answers && seen->has_copy;
    }
    if (copies > voters / 2)
        return ERR_OK;
    return error_set(err, ERR_CONFLICT,
                     "%s holds a copy of the data that cannot be spared: of the other %d only %d "
                     "%s there; wait until `gantry status` is healthy, or start them",
                     leaver->name, voters, copies, copies == 1 ? "is" : "are");
}

enum error_code member_leave_check(const struct member_leave_look *look,
                                   const struct cluster_member *leaver, struct error *err)
{
    const struct cluster_state *facts = &look->view->facts;
    if (!look->view->raft.quorum)
        return error_set(err, ERR_UNAVAILABLE,
                         "the cluster has no quorum: nobody can be taken out, see `gantry status`");
    if (facts->members_count == 1)
        return error_set(err, ERR_CONFLICT, "%s is the only region of the cluster", leaver->name);
    if (facts->primary.member == leaver->id)
        return error_set(err, ERR_CONFLICT,
                         "the primary database runs on %s: move it first, with `gantry primary "
                         "switchover`",
                         leaver->name);
    enum error_code code = check_quorum(look, leaver, err);
    return code ? code : check_data(look, leaver, err);
}
