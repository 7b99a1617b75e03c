/* Who may connect: the texts, and that the patterns fit whom they should. */
// rooms: ha
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "ha/pg_access.h"
#include "src/db/db.h"
#include "test/lib/temp_postgres.h"

static struct cluster_state facts;
static struct spool spool;
static struct temp_postgres postgres;

static const char *text(void)
{
    spool_put(&spool, "", 1);
    return spool.bytes;
}

static void test_hba(void **unused)
{
    (void)unused;
    spool_reset(&spool);
    pg_access_hba(&facts, 1, false, &spool);
    const char *closed = text();
    assert_null(strstr(closed, " api "));
    assert_null(strstr(closed, "repl_1"));
    assert_non_null(strstr(closed, "hostssl replication,postgres repl_2 all cert map=region"));
    spool_reset(&spool);
    pg_access_hba(&facts, 2, true, &spool);
    assert_non_null(strstr(text(), "hostssl gantry api  all             cert"));
    assert_non_null(strstr(text(), "repl_1"));
}

/* PostgreSQL's own matcher, on the pattern of the line that ends with role. */
static bool fits(const char *role, const char *name)
{
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    DB_STATEMENT(pattern_fits, "SELECT $1 ~ $2");
    struct arena *arena = arena_new();
    struct error err = {0};
    char ending[64];
    snprintf(ending, sizeof(ending), "\"  %s\n", role);
    spool_reset(&spool);
    pg_access_ident(&facts, &spool);
    const char *end = strstr(text(), ending), *begin = end;
    assert_non_null(end);
    while (strncmp(begin, "\"/", 2) != 0)
        begin--;
    const char *pattern = arena_strndup(arena, begin + 2, (size_t)(end - begin - 2));
    struct db *db = db_new(postgres.conninfo);
    if (db_query(db, &pattern_fits, DB_PARAMS(name, pattern), &rows, &err))
        fail_msg("%s", err.text);
    bool yes = db_bool(&rows, 0, 0);
    db_free(db);
    arena_free(arena);
    return yes;
}

static void test_ident(void **unused)
{
    (void)unused;
    assert_true(fits("api", "CN=region1,OU=region,O=lab"));
    assert_true(fits("api", "O=lab,OU=region,CN=region1"));
    assert_false(fits("api", "CN=removed,OU=region,O=lab"));
    assert_false(fits("api", "CN=rack1,OU=rack,O=lab"));
    assert_false(fits("api", "CN=x\\,OU=region,OU=rack,O=lab"));
    assert_false(fits("api", "CN=x,OU=regional,O=lab"));
    assert_true(fits("repl_1", "CN=region1,OU=region,O=lab"));
    assert_true(fits("repl_1", "O=lab,OU=region,CN=region1"));
    assert_false(fits("repl_1", "CN=region1,OU=rack,O=lab"));
    assert_false(fits("repl_1", "CN=region11,OU=region,O=lab"));
    assert_false(fits("repl_1", "CN=x\\,CN=region1,OU=region,O=lab"));
    assert_true(fits("repl_2", "CN=r.2,OU=region,O=lab"));
    assert_false(fits("repl_2", "CN=rx2,OU=region,O=lab"));
}

static void test_conninfo(void **unused)
{
    (void)unused;
    static const struct ha_settings settings = {
        .ca_file = "/d/ca.pem", .certificate_file = "/d/r.pem", .key_file = "/d/r.key"};
    char conninfo[PG_ACCESS_CONNINFO];
    pg_access_conninfo(&settings, &facts.members[1], 1, PG_ACCESS_FOLLOW, conninfo);
    assert_non_null(strstr(conninfo, "host='10.0.0.2' port=5253 user=repl_1 dbname=replication "
                                     "application_name=repl_1 sslmode=verify-full"));
    pg_access_conninfo(&settings, &facts.members[1], 1, PG_ACCESS_CLONE, conninfo);
    assert_non_null(strstr(conninfo, "user=repl_1 dbname=replication application_name=clone-1"));
    pg_access_conninfo(&settings, &facts.members[1], 1, PG_ACCESS_CLIENT, conninfo);
    assert_non_null(strstr(conninfo, "user=api dbname=gantry"));
}

static int set_up(void **unused)
{
    (void)unused;
    static const char *const names[] = {"region1", "r.2"};
    facts.members_count = 2;
    for (int i = 0; i < 2; i++) {
        struct cluster_member *member = &facts.members[i];
        member->id = (uint64_t)i + 1;
        snprintf(member->name, sizeof(member->name), "%s", names[i]);
        snprintf(member->address, sizeof(member->address), "10.0.0.%d", i + 1);
        member->ports[CLUSTER_PORT_POSTGRES] = 5253;
    }
    spool_init(&spool);
    temp_postgres_start(&postgres);
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    spool_close(&spool);
    temp_postgres_stop(&postgres);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hba),
        cmocka_unit_test(test_ident),
        cmocka_unit_test(test_conninfo),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
