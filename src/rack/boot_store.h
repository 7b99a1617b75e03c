/*
 * What this rack remembers of the machines it booted: the answers that it may give by itself when
 * no region can be reached, on disk. Loop thread only, but for boot_store_open.
 */
#pragma once

#include "src/base/address.h"
#include "src/base/loop.h"

enum {
    BOOT_STORE_MACHINES = 4096,    /* the one not seen for longest makes room */
    BOOT_STORE_ANSWER_BYTES = 4096 /* longest answer that is kept */
};

struct boot_store;

/**
 * Read what path holds; blocking, before the loop runs. A damaged file is set aside (path.damaged)
 * and said in err with CORRUPT, and the store is empty: it is given in any case.
 * Errors: CORRUPT, IO.
 */
enum error_code boot_store_open(struct loop *loop, const char *path, struct boot_store **store,
                                struct error *err);

/** The last changes are written before it is gone, which it is when the loop comes round. */
void boot_store_close(struct boot_store *store);

/** mac was booted now; answer is JSON text that may be given again, or NULL: none may. */
void boot_store_note(struct boot_store *store, struct mac mac, const char *answer);

/** Was it ever booted here? Then *answer is what may be given again, or NULL. */
bool boot_store_find(const struct boot_store *store, struct mac mac, const char **answer);

/** Keep no answer of *mac, or of anybody (NULL). That they were booted here stays known. */
void boot_store_forget(struct boot_store *store, const struct mac *mac);

/** How many machines are known; why the last write failed, "" = it did not. */
int boot_store_count(const struct boot_store *store);
const char *boot_store_problem(const struct boot_store *store);
