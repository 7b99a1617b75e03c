/*
 * Zones, resource pools and spaces are a name and a description; what the actions of the three
 * have in common. Pool threads, inside the transaction.
 * names: named_
 */
#pragma once

#include "src/region/api.h"

/** The statements of one kind, and what it says. Static storage: statements are prepared once. */
struct named_kind {
    const char *model;         /* "Zone" */
    const char *key;           /* the value of the path that names one */
    bool by_id;                /* the path may also give its id */
    bool gone_is_fine;         /* deleting what is not there succeeds */
    int64_t fixed_id;          /* can neither be renamed nor deleted; not even a row when there
                                  is a reserved_name, which is what it is called then */
    const char *not_renamed;   /* what is said then */
    const char *not_deleted;   /* the same */
    const char *in_use;        /* deleting failed: something refers to it; NULL: nothing does */
    const char *reserved_name; /* nobody may use it; NULL: there is none */
    struct db_statement list;
    struct db_statement read;   /* $1 id */
    struct db_statement find;   /* $1 id or NULL, $2 name: id, name, description */
    struct db_statement create; /* $1 name, $2 description: id */
    struct db_statement update; /* $1 id, $2 name, $3 description */
    struct db_statement remove; /* $1 id */
};

enum error_code named_list(const struct named_kind *kind, struct api_request *request,
                           struct api_reply *reply, struct error *err);
enum error_code named_create(const struct named_kind *kind, struct api_request *request,
                             struct api_reply *reply, struct error *err);
enum error_code named_read(const struct named_kind *kind, struct api_request *request,
                           struct api_reply *reply, struct error *err);
enum error_code named_update(const struct named_kind *kind, struct api_request *request,
                             struct api_reply *reply, struct error *err);
enum error_code named_delete(const struct named_kind *kind, struct api_request *request,
                             struct api_reply *reply, struct error *err);
