/*
 * Subnets in the database. Inside the caller's transaction; pool threads and workers.
 * names: subnet_
 */
#pragma once

#include "src/db/db.h"
#include "src/model/ip_span.h"

struct subnet {
    int64_t id, vlan_id, rdns_mode;
    const char *name, *description, *cidr, *gateway_ip; /* gateway_ip "" = none */
    const char *dns_servers;                            /* "{a,b}": an array as SQL writes it */
    const char *disabled_boot_architectures;            /* the same */
    bool allow_dns, allow_proxy, active_discovery, managed;
    struct ip_network network; /* of cidr */
};
extern const struct field subnet_fields[];
extern const int subnet_fields_count;

/**
 * One as clients name it: id, name, network; also "id:1", "name:x", "cidr:10.0.0.0/24".
 * Texts in the arena. Errors: NOT_FOUND.
 */
enum error_code subnet_store_find(struct db *db, const char *key, struct arena *arena,
                                  struct subnet *subnet, struct error *err);

/** The smallest one that holds this address. Errors: NOT_FOUND; BAD_INPUT: no address. */
enum error_code subnet_store_find_around(struct db *db, const char *address, struct arena *arena,
                                         struct subnet *subnet, struct error *err);

/** What of it is taken and for what: united spans, in the arena. */
enum error_code subnet_store_spans(struct db *db, const struct subnet *subnet, struct arena *arena,
                                   struct ip_span **spans, int *count, struct error *err);
