/*
 * What hangs on nodes: interfaces, their links, disks and the objects of the
 * network that these name. Read for many nodes by one statement for each kind, in the order of the
 * nodes, and walked along with them: two round trips for any number of nodes. Pool threads. names:
 * node_parts_
 */
#pragma once

#include "src/base/json_out.h"
#include "src/db/db.h"
#include "src/model/script.h"
#include "src/region/node_table.h"

/** The statements. Each one's first column is the node's id, then as said. */
enum node_part {
    NODE_PART_NODES,      /* system_id of the parent, NODE_COLUMNS */
    NODE_PART_INTERFACES, /* NODE_INTERFACE_COLUMNS; by id */
    NODE_PART_ADDRESSES,  /* interface id, id, alloc_type, address, subnet id, gateway; by id */
    NODE_PART_DISKS,      /* NODE_DISK_COLUMNS; by id */
    NODE_PART_RESULTS,    /* enum script_type, enum script_hardware, of interfaces, status */
    NODE_PART_PARENTS,    /* child id, parent id, child's name, parent's name */
    NODE_PARTS,
};

#define NODE_COLUMN_ENUM(key, type, who, sql) NODE_AT_##key,
enum { NODE_AT_ID, NODE_AT_PARENT, NODE_COLUMNS(NODE_COLUMN_ENUM) };
#undef NODE_COLUMN_ENUM
#define NODE_COLUMN_ENUM(key, type, sql) INTERFACE_AT_##key,
enum { INTERFACE_AT_NODE, NODE_INTERFACE_COLUMNS(NODE_COLUMN_ENUM) };
#undef NODE_COLUMN_ENUM
#define NODE_COLUMN_ENUM(key, type, sql) DISK_AT_##key,
enum { DISK_AT_NODE, NODE_DISK_COLUMNS(NODE_COLUMN_ENUM) };
#undef NODE_COLUMN_ENUM
enum { PARENT_AT_CHILD_ID = 1, PARENT_AT_ID, PARENT_AT_CHILD_NAME, PARENT_AT_NAME };
enum {
    ADDRESS_AT_INTERFACE = 1,
    ADDRESS_AT_ID,
    ADDRESS_AT_TYPE,
    ADDRESS_AT_IP,
    ADDRESS_AT_SUBNET,
    ADDRESS_AT_GATEWAY,
};
enum { RESULT_AT_TYPE = 1, RESULT_AT_HARDWARE, RESULT_AT_INSTANCES, RESULT_AT_STATUS };

struct node_parts {
    struct db_rows rows[NODE_PARTS];
    struct db_rows shared;                  /* enum node_shared, id, JSON; by these */
    int first[NODE_PARTS], end[NODE_PARTS]; /* the rows of the node that is visited */
};

/**
 * Read the nodes ids ("{1,2}") and their parts. Zero *parts before, close it always; arena: for
 * what is sent. Errors: those of the database.
 */
enum error_code node_parts_load(struct db *db, const char *ids, struct arena *arena,
                                struct node_parts *parts, struct error *err);
void node_parts_close(struct node_parts *parts);

/**
 * The status of the scripts of a type that concern a kind of hardware (-1 = any) of the node that
 * is visited; of_one: of those alone that were run for one disk or interface. -1 = none was ever
 * run.
 */
int node_parts_status(const struct node_parts *parts, enum script_type type, int hardware,
                      bool of_one);

/** Turn to the node of this row of NODE_PART_NODES; one after the other from row 0. */
void node_parts_visit(struct node_parts *parts, int row);

/** The system_id of the node that is visited. */
const char *node_parts_system_id(const struct node_parts *parts);

/** Objects that many nodes name, by the letters of the statement. */
enum node_shared {
    NODE_DOMAIN = 'd',
    NODE_POOL = 'p',
    NODE_SUBNET = 's',
    NODE_VLAN = 'v',
    NODE_ZONE = 'z',
};

/** The JSON text of such an object; NULL for the id NULL. */
const char *node_parts_shared(const struct node_parts *parts, enum node_shared kind,
                              const char *id);
