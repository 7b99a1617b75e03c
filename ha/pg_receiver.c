/* The WAL receiver: see pg_receiver.h. A reload alone leaves it streaming for seconds. */
#include "ha/pg_receiver.h"

#include <signal.h>
#include <unistd.h>

#include "src/base/clock.h"

enum { LOOK_MS = 2 };

DB_STATEMENT(receiver_look, "SELECT coalesce(max(pid), 0), coalesce(bool_or(status = 'streaming'),"
                            " false) FROM pg_stat_wal_receiver");

enum error_code pg_receiver_look(struct db *db, struct pg_receiver *receiver, struct error *err)
{
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(db, &receiver_look, DB_NO_PARAMS, &rows, err);
    if (code)
        return code;
    receiver->pid = (int)db_int(&rows, 0, 0);
    receiver->streams = db_bool(&rows, 0, 1);
    return ERR_OK;
}

enum error_code pg_receiver_end(struct db *db, struct error *err)
{
    uint64_t now = clock_boot_ns(), end = now + PG_RECEIVER_END_MS * CLOCK_MS, gone_since = 0;
    for (; now < end || gone_since; now = clock_boot_ns()) {
        struct pg_receiver receiver;
        enum error_code code = pg_receiver_look(db, &receiver, err);
        if (code)
            return code;
        if (receiver.pid)
            kill(receiver.pid, SIGTERM); /* pg_terminate_backend refuses what is no backend */
        if (receiver.pid)
            gone_since = 0;
        else if (!gone_since)
            gone_since = now;
        else if (now - gone_since >= PG_RECEIVER_GONE_MS * CLOCK_MS)
            return ERR_OK;
        usleep(LOOK_MS * 1000);
    }
    return error_set(err, ERR_TIMEOUT, "the WAL receiver does not end");
}
