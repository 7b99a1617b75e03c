/*
 * The DHCPv4 server of the rack: sockets, leases on disk, configuration from the region and the
 * last good one without it. Loop thread.
 */
#pragma once

#include <jansson.h>

#include "src/base/loop.h"
#include "src/base/spool.h"
#include "src/base/interfaces.h"
#include "src/wire/fence_link.h"

struct dhcp;

struct dhcp_settings {
    struct loop *loop;
    struct fence_link *fence;
    const char *data_dir; /* dhcp.json, dhcp.leases and dhcp.term are kept there */
    void (*hungry)(void); /* dhcp_wants_blocks has become true; may be NULL */
};

/**
 * Read the leases and the last good configuration; serving begins with dhcp_set_interfaces. Blocks:
 * at the start of the program. Without a usable last configuration it waits for the region's.
 * Errors: IO (leases cannot be read or written).
 */
enum error_code dhcp_new(const struct dhcp_settings *settings, struct dhcp **dhcp,
                         struct error *err);

/** Close everything; it is gone when the loop comes round. Leases that wait are written first. */
void dhcp_close(struct dhcp *dhcp);

/** The interfaces as they are now: at the start and whenever something changed. */
void dhcp_set_interfaces(struct dhcp *dhcp, const struct interfaces *interfaces);

/** The version of the configuration in use, "" without one: for the call dhcp_config. */
const char *dhcp_version(const struct dhcp *dhcp);

/**
 * Params of the call dhcp_config, a new object, and what it says of the document in use: confirmed
 * (0 = not yet) and as which owner of blocks it is asked for. dhcp_wants_config: it should be asked
 * at once, for the regions do not know yet what is in use here, or this is another owner by now.
 */
struct dhcp_asked {
    int64_t number, owner;
};
bool dhcp_wants_config(struct dhcp *dhcp);
json_t *dhcp_config_question(struct dhcp *dhcp, struct dhcp_asked *asked);

/**
 * A DHCP document from the region (docs/rack-protocol.md): use it from now on and keep it on disk.
 * One that is only a version says that nothing changed. asked: by the question it answers. Errors:
 * BAD_INPUT, the old one stays.
 */
enum error_code dhcp_configure(struct dhcp *dhcp, const json_t *document,
                               const struct dhcp_asked *asked, struct error *err);

/**
 * Blocks of addresses (docs/dhcp.md): params of the call dhcp_blocks, a new object, with the
 * sequence that is confirmed by it; and the answer to what was asked at asked_ns (BOOTTIME).
 * Errors: BAD_INPUT, nothing is changed then.
 */
json_t *dhcp_question(struct dhcp *dhcp, uint64_t *sequence);
enum error_code dhcp_take_blocks(struct dhcp *dhcp, const json_t *answer, uint64_t asked_ns,
                                 uint64_t sequence, struct error *err);

/** More blocks are needed soon; there are leases that no region has confirmed; time goes by: what
 * was given counts half from now on. */
bool dhcp_wants_blocks(const struct dhcp *dhcp);
bool dhcp_has_news(const struct dhcp *dhcp);
void dhcp_calm(struct dhcp *dhcp);

/** How often the term is to be begun anew, s: well before what is left of it is too short. */
int dhcp_renew_s(const struct dhcp *dhcp);

/** Stop using blocks that are not needed; the question after it is on disk gives them back. */
void dhcp_give_back(struct dhcp *dhcp);

/** No region could be asked since the start: use the blocks that were kept. */
void dhcp_resume(struct dhcp *dhcp);

/** Does the answer to dhcp_blocks say that the region knows of leases that are missing here? */
bool dhcp_is_behind(const struct dhcp *dhcp, const json_t *answer);

/** The region knows of leases that are missing here: own nothing, ask as a new store. */
void dhcp_take_new_store(struct dhcp *dhcp);

/** Which racks no region hears of: their networks' other racks answer at once. Again when the
 * configuration changed. */
void dhcp_set_lost(struct dhcp *dhcp, bool (*lost)(void *subject, const char *rack), void *subject);

/** Leases that other racks gave (list of the call partner_leases), asked for at asked_ns. Errors:
 * BAD_INPUT, LIMIT; what came before stays. */
enum error_code dhcp_take_partner(struct dhcp *dhcp, const json_t *leases, uint64_t asked_ns,
                                  struct error *err);

/**
 * Lease changes that the region does not know yet: params of the call `leases` with at most 256, or
 * NULL when there are none. The caller owns it, and gives it back when the call failed: they are
 * reported again then. All leases count as changed after a start.
 */
json_t *dhcp_take_changes(struct dhcp *dhcp);
void dhcp_give_back_changes(struct dhcp *dhcp, const json_t *params);

/** Prometheus text format, version 0.0.4. */
void dhcp_write_metrics(const struct dhcp *dhcp, struct spool *spool);
