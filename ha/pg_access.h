/*
 * Who may connect to a member's PostgreSQL and how it connects to others: the texts of hba and
 * ident, and conninfos. Clients show a certificate of the cluster; each member replicates under a
 * role of its own. Pure; any thread. Source: PostgreSQL manual, "Client Authentication".
 */
#pragma once

#include <stddef.h>

#include "ha/ha_settings.h"
#include "raft/cluster_state.h"
#include "src/base/spool.h"

/**
 * hba: always the supervisor's socket and the other members' replication; clients only behind the
 * open gate.
 */
void pg_access_hba(const struct cluster_state *facts, uint64_t self, bool open,
                   struct spool *spool);

/** ident: which certificate may be which role. */
void pg_access_ident(const struct cluster_state *facts, struct spool *spool);

/* What a connection to another member is for. */
enum pg_access_use {
    PG_ACCESS_FOLLOW, /* the standby's receiver, under the member's own name */
    PG_ACCESS_CLONE,  /* pg_basebackup: never a name that counts in the quorum */
    PG_ACCESS_REWIND, /* pg_rewind, in the database postgres */
    PG_ACCESS_CLIENT, /* the API, in the database gantry */
};
enum { PG_ACCESS_CONNINFO = 4 * LIMIT_PATH };

/** conninfo of self to another member's PostgreSQL. Holds no secret: files are named. */
void pg_access_conninfo(const struct ha_settings *settings, const struct cluster_member *to,
                        uint64_t self, enum pg_access_use use, char text[PG_ACCESS_CONNINFO]);
