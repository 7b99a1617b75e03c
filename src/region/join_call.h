/*
 * One request to join (src/model/join.h) on its way through join_api.c, which knows tokens, to
 * what admits a rack (join_rack.c) or a region (join_region.c). Pool threads. names: join_
 */
#pragma once

#include <jansson.h>

#include "raft/cluster_door.h"
#include "src/region/api.h"
#include "src/region/http.h"
#include "src/wire/ca.h"

enum { JOIN_ASK_MS = 5000 };

struct join {
    struct arena *arena;
    const struct http_settings *settings;
    json_t *body;
    const char *id, *secret, *role, *name, *csr;
    int role_number;                  /* enum cluster_role */
    char bearer[CLUSTER_FINGERPRINT]; /* of the key to be certified */
    uint8_t secret_hash[CLUSTER_HASH];
};

/** A text of the request's body. Errors: BAD_INPUT. */
enum error_code join_take(const struct join *join, const char *key, size_t most, const char **text,
                          struct error *err);

/** What a region says of itself, of the virtual IP too if it names one (else its net is ""); its id
 * and serial are not in it. Errors: BAD_INPUT. */
enum error_code join_region_read(const struct join *join, struct cluster_member *member,
                                 struct cluster_vip *vip, struct error *err);

/** Spend the token; the same bearer may again. */
enum error_code join_use_token(const struct join *join, struct error *err);

/** The token is good: admit the host. Errors: BAD_INPUT, CONFLICT, those of cluster_ask. */
enum error_code join_rack(struct join *join, const struct cluster_view *view,
                          struct api_reply *reply, struct error *err);
enum error_code join_region(struct join *join, const struct cluster_view *view,
                            struct api_reply *reply, struct error *err);
