/*
 * The values of nodes' keys: how one column of a node, an interface or a disk becomes JSON, with
 * what hangs on it. Pool threads. names: node_value_ VALUE_
 */
#pragma once

#include "src/region/node_parts.h"

/** The types of node_table.h: what the column holds, or what the value is made of. */
enum node_value_type {
    VALUE_TEXT,
    VALUE_INT, /* PostgreSQL's text of a whole number is JSON */
    VALUE_BOOL,
    VALUE_JSON,
    VALUE_SYSTEM_ID, /* of the node */
    VALUE_DOMAIN,    /* the object with the column's id; so also the next three */
    VALUE_POOL,
    VALUE_VLAN,
    VALUE_ZONE,
    VALUE_STORAGE, /* MB of the physical disks */
    VALUE_ADDRESSES,
    VALUE_INTERFACES,
    VALUE_BOOT_INTERFACE, /* the one with the column's id, else the first */
    VALUE_GATEWAYS,  /* of its links; column: chosen ones (IPv4, IPv6), interface before others */
    VALUE_DISKS,     /* those of the column's type, all when it is NULL */
    VALUE_BOOT_DISK, /* as BOOT_INTERFACE */
    VALUE_PARENTS,   /* of the interface with the column's id; so also the next three */
    VALUE_CHILDREN,
    VALUE_LINKS,
    VALUE_DISCOVERED,
};

/** Write the key of the node that is visited, or of its interface or disk, from its column. */
void node_value_write(const struct node_parts *parts, struct json_out *out, const char *key,
                      enum node_value_type type, const char *column);
