/*
 * Hears what the database notifies (LISTEN), on a thread and a connection of its own. Notices can
 * be lost with a connection, so every new connection counts as one.
 */
#pragma once

struct db_notify;

/** heard(subject) runs on that thread, once for all that came in at a time; it may block. */
struct db_notify_setup {
    const char *channel; /* a plain identifier; outlives the listener */
    void (*heard)(void *subject);
    void *subject;
};

/** Start listening as soon as there is a database: see db_notify_primary. */
struct db_notify *db_notify_start(const struct db_notify_setup *setup);

/** Where the primary is now, NULL = nowhere. Copied; any thread, does not block. */
void db_notify_primary(struct db_notify *notify, const char *conninfo);

/** End the thread and its connection; waits for heard. NULL is fine. */
void db_notify_stop(struct db_notify *notify);
