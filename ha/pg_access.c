/* Who may connect: see pg_access.h. */
#include "ha/pg_access.h"

#include <stdio.h>
#include <string.h>

/* An element of a distinguished name. A comma within a value is written \, and ends nothing. */
#define ELEMENT_BEFORE "(.*[^\\\\],)?"
#define ELEMENT_AFTER  "(,|$)"

void pg_access_hba(const struct cluster_state *facts, uint64_t self, bool open, struct spool *spool)
{
    char role[CLUSTER_REPL_NAME];
    spool_printf(spool, "# Written by gantry-regiond. Gate: %s.\n", open ? "open" : "closed");
    spool_text(spool, "local  all     gantry              peer map=os\n");
    if (open)
        spool_text(spool, "local  gantry  api                 peer map=os\n"
                          "hostssl gantry api  all             cert map=region clientname=DN\n");
    for (int i = 0; i < facts->members_count; i++) {
        const struct cluster_member *member = &facts->members[i];
        if (member->id != self)
            spool_printf(spool,
                         "hostssl replication,postgres %s all cert map=region clientname=DN\n",
                         cluster_state_repl_name(member->id, role));
    }
}

/* The name as a pattern that fits nothing else. */
static void put_escaped(struct spool *spool, const char *name)
{
    for (; *name; name++) {
        if (strchr("\\^$.|?*+()[]{}", *name))
            spool_put(spool, "\\", 1);
        spool_put(spool, name, 1);
    }
}

void pg_access_ident(const struct cluster_state *facts, struct spool *spool)
{
    char role[CLUSTER_REPL_NAME];
    spool_text(spool, "os  gantry  gantry\n"
                      "os  gantry  api\n");
    for (int i = 0; i < 2 * facts->members_count; i++) {
        const struct cluster_member *member = &facts->members[i / 2];
        spool_text(spool, "region  \"/^(?=" ELEMENT_BEFORE "CN=");
        put_escaped(spool, member->name);
        spool_printf(spool, ELEMENT_AFTER ")" ELEMENT_BEFORE "OU=region" ELEMENT_AFTER "\"  %s\n",
                     i % 2 ? "api" : cluster_state_repl_name(member->id, role));
    }
}

void pg_access_conninfo(const struct ha_settings *settings, const struct cluster_member *to,
                        uint64_t self, enum pg_access_use use, char text[PG_ACCESS_CONNINFO])
{
    char role[CLUSTER_REPL_NAME], name[CLUSTER_REPL_NAME + 8];
    static const char *const databases[] = {
        [PG_ACCESS_FOLLOW] = "replication",
        [PG_ACCESS_CLONE] = "replication",
        [PG_ACCESS_REWIND] = "postgres",
        [PG_ACCESS_CLIENT] = "gantry",
    };
    cluster_state_repl_name(self, role);
    switch (use) {
    case PG_ACCESS_FOLLOW:
        snprintf(name, sizeof(name), "%s", role);
        break;
    case PG_ACCESS_CLONE:
        snprintf(name, sizeof(name), "clone-%llu", (unsigned long long)self);
        break;
    case PG_ACCESS_REWIND:
        snprintf(name, sizeof(name), "rewind-%llu", (unsigned long long)self);
        break;
    case PG_ACCESS_CLIENT:
        snprintf(name, sizeof(name), "api");
        snprintf(role, sizeof(role), "api");
        break;
    }
    /* The receiver's idea of the database is replication whatever is said here. */
    int n = snprintf(text, PG_ACCESS_CONNINFO,
                     "host='%s' port=%u user=%s dbname=%s application_name=%s sslmode=verify-full "
                     "sslrootcert='%s' sslcert='%s' sslkey='%s' connect_timeout=2 "
                     "tcp_user_timeout=3000 keepalives_idle=1 keepalives_interval=1 "
                     "keepalives_count=3",
                     to->address, (unsigned)to->ports[CLUSTER_PORT_POSTGRES], role, databases[use],
                     name, settings->ca_file, settings->certificate_file, settings->key_file);
    ASSERT(n > 0 && n < PG_ACCESS_CONNINFO);
}
