/*
 * What this rack may give and until when, beyond a restart: its clock for leases, the term of its
 * configuration, its blocks. Loop thread; open blocks. Rules: docs/dhcp.md, docs/ha.md.
 *
 * The clock for leases runs with BOOTTIME, so that steps of the wall clock change no lease. A
 * process of the same boot goes on with it; after a boot it begins at the wall clock.
 */
#pragma once

#include <jansson.h>

#include "src/rack/dhcp_lease_file.h"
#include "src/rack/dhcp_save.h"
#include "src/rack/dhcp_service.h"

enum { DHCP_TERM_STORE = 33 };

struct dhcp_term {
    struct dhcp_service *service;
    struct dhcp_save save;
    int64_t offset_ms; /* of the lease clock to BOOTTIME */
    char boot[40];
    char salt[DHCP_TERM_STORE];  /* "" = the file's store is the one regions know */
    char store[DHCP_TERM_STORE]; /* who owns the blocks */
    uint64_t confirmed;          /* sequence that a region knows of */
    uint64_t renewals;           /* of the answer that is in force */
    int64_t owner;               /* as the regions know the store, 0 = not asked yet */
    int64_t config_owner;        /* as which it has its document */
    uint64_t until_s;            /* the owner's term */
    struct dhcp_blocks back;     /* not used any more: to be given back */
    uint64_t saved_until_s;      /* of the blocks that were kept, until they are used */
    uint64_t written_s;          /* the terms on disk were begun then */
    uint32_t term_s;
};

/**
 * Read path, as far as it fits the lease file (it may be missing): fills the service's
 * config_until_s and the blocks, which dhcp_term_resume puts to use. Errors: BAD_INPUT (path too
 * long).
 */
enum error_code dhcp_term_open(struct dhcp_term *term, struct loop *loop, const char *path,
                               const struct dhcp_lease_file *file, struct dhcp_service *service,
                               struct error *err);
void dhcp_term_close(struct dhcp_term *term);

/** The clock for leases, s since 1970; as it was at a BOOTTIME. */
uint64_t dhcp_term_now_s(const struct dhcp_term *term);
uint64_t dhcp_term_at_s(const struct dhcp_term *term, uint64_t boot_ns);

/** No region could be asked since the start: go on with the blocks that were kept. */
void dhcp_term_resume(struct dhcp_term *term);

/**
 * The document is one that a region gave to this owner: it may be served for the owner's term. One
 * that was given to an owner whose term was over may not: addresses mean something else by then.
 */
void dhcp_term_bind(struct dhcp_term *term, int64_t owner);

/** Is the document one of the owner that it is now? */
bool dhcp_term_is_bound(const struct dhcp_term *term);

/** Stop using blocks that are not needed: the next question gives them back, once that is on disk.
 */
void dhcp_term_give_back(struct dhcp_term *term);

/** Params of the call dhcp_blocks: a new object. sequence: of the last lease on disk. */
json_t *dhcp_term_question(const struct dhcp_term *term, uint64_t sequence);

/** The answer to what was asked at asked_ns. Errors: BAD_INPUT, nothing is changed then. */
enum error_code dhcp_term_take(struct dhcp_term *term, const json_t *answer, uint64_t asked_ns,
                               uint64_t sequence, struct error *err);

/** A region knows of leases that this store lacks: own nothing, and ask as a new store. */
void dhcp_term_take_new_store(struct dhcp_term *term, const struct dhcp_lease_file *file);
