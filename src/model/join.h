/*
 * How a host joins a cluster: the token that an operator carries to it, the two JSON texts of the
 * exchange, and the files that a joined host holds. Any thread.
 *
 *   POST https://ADDRESS/MAAS/cluster/join      the CA is known by the token's fingerprint
 *   request  {"id", "secret", "role", "name", "csr"}              csr: PEM, subject CN=name OU=role
 *            a region also: {"address", "ports": {"raft", "racks", "hop", "postgres", "health",
 *            "https"}, "vip": {"address", "interface", "http_port", "https_port"}}   vip may lack
 *   reply    to a rack: {"system_id", "certificate", "ca", "regions": [{"name", "address",
 *            "port"}]}
 *            to a region: {"cluster", "cluster_id", "id", "certificate", "ca", "ca_key",
 *            "seal_ring"}; certificates and keys are PEM texts
 *
 * A token is base64url (no padding) of {"id", "secret", "role", "ca", "addresses":
 * ["10.0.0.1:5443"]}.
 */
#pragma once

#include <stdbool.h>

#include "src/base/arena.h"
#include "src/base/error.h"
#include "src/base/limits.h"

enum { JOIN_TOKEN_BYTES = 4096, JOIN_ADDRESSES = LIMIT_REGIONS };

/* What a joined rack keeps, below its data_dir. */
#define JOIN_FILE_CERTIFICATE "tls/rack.pem"
#define JOIN_FILE_KEY         "tls/rack.key" /* 0600 */
#define JOIN_FILE_CA          "tls/ca.pem"
#define JOIN_FILE_REGIONS     "regions.json" /* {"name", "system_id", "regions": [...]} */

/* What a joined region keeps. */
#define JOIN_REGION_CERTIFICATE "tls/region.pem"
#define JOIN_REGION_KEY         "tls/region.key" /* 0600 */
#define JOIN_REGION_RING        "tls/seal.keys"  /* 0600 */
#define JOIN_REGION_CA_DIR      "ca"             /* ca.pem, ca.key */
#define JOIN_REGION_MEMBER      "member.json"    /* src/region/member_file.h; written last */

struct join_token {
    const char *id, *secret, *role;
    const char *ca; /* SHA-256 of the CA certificate's DER form: 64 hex digits */
    const char *addresses[JOIN_ADDRESSES]; /* "address:port" of the regions' HTTPS endpoints */
    int addresses_count;
};

/** The text an operator carries. The token must be one that join_token_parse accepts. */
const char *join_token_format(const struct join_token *token, struct arena *arena);

/** Texts live in the arena. Errors: BAD_INPUT (cut off, changed, or no token at all). */
enum error_code join_token_parse(const char *text, struct arena *arena, struct join_token *token,
                                 struct error *err);
