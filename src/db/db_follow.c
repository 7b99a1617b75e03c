/* Connections that follow the primary: see db_follow.h. */
#include "src/db/db_follow.h"

#include <stdlib.h>
#include <string.h>

void db_follow_primary(struct db_follow *follow, const char *conninfo, uint64_t epoch)
{
    char *copy = conninfo ? strdup(conninfo) : NULL;
    ASSERT(!conninfo || copy);
    free(follow->conninfo);
    follow->conninfo = copy;
    follow->epoch = epoch;
    follow->generation++;
    for (struct db_follower *each = follow->followers; each; each = each->next)
        db_break(each->db); /* a host that is gone would be waited for for seconds */
}

void db_follow_close(struct db_follow *follow)
{
    ASSERT(!follow->followers);
    free(follow->conninfo);
    follow->conninfo = NULL;
}

void db_follow_join(struct db_follow *follow, struct db_follower *follower)
{
    *follower = (struct db_follower){.db = db_new(""), .next = follow->followers};
    follow->followers = follower;
}

void db_follow_leave(struct db_follow *follow, struct db_follower *follower)
{
    struct db_follower **at = &follow->followers;
    while (*at != follower)
        at = &(*at)->next;
    *at = follower->next;
    db_free(follower->db);
    follower->db = NULL;
}

bool db_follow_turn(const struct db_follow *follow, struct db_follower *follower)
{
    if (follow->conninfo && follower->generation != follow->generation) {
        db_redirect(follower->db, follow->conninfo);
        follower->generation = follow->generation;
        follower->epoch = follow->epoch;
    }
    return follow->conninfo != NULL;
}

bool db_follow_same(const struct db_follow *follow, const struct db_follower *follower)
{
    return follow->conninfo && follow->generation == follower->generation;
}
