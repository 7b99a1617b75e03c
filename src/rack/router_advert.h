/*
 * Answers router solicitations with an advertisement that advertises nothing: firmware that asks
 * for IPv6 as well (iPXE) then boots at once instead of waiting for a router. Loop thread.
 * Source: RFC 4861 4.1, 4.2, 6.1.1, 6.2.6.
 */
#pragma once

#include <netinet/in.h>

#include "src/base/loop.h"
#include "src/base/spool.h"
#include "src/base/interfaces.h"
#include "src/wire/fence_link.h"

struct router_advert;

struct router_advert *router_advert_new(struct loop *loop, struct fence_link *fence);
void router_advert_close(struct router_advert *advert);

/** Answer on those that are up, of the interfaces as they are now. */
void router_advert_set_interfaces(struct router_advert *advert,
                                  const struct interfaces *interfaces);

/** Is it a solicitation as RFC 4861 6.1.1 wants it: else it is not answered. Pure. */
bool router_advert_is_solicit(const void *bytes, size_t size, int hop_limit,
                              const struct in6_addr *from);

/** Prometheus text format, version 0.0.4. */
void router_advert_write_metrics(const struct router_advert *advert, struct spool *spool);
