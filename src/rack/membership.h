/*
 * Who this rack is and which regions it knows: what `gantry cluster join` left below data_dir
 * (src/model/join.h), kept up to date by what regions say. By value; file functions block.
 */
#pragma once

#include <jansson.h>

#include "src/base/arena.h"
#include "src/base/error.h"
#include "src/base/limits.h"
#include "src/wire/tls_credentials.h"

enum { MEMBERSHIP_ADDRESS = 48, MEMBERSHIP_HOP_PORT = 5252 };

struct membership_region {
    char name[LIMIT_NAME];            /* its certificate carries it */
    char address[MEMBERSHIP_ADDRESS]; /* numeric */
    int port;                         /* of rack links */
    int hop_port;                     /* of API and images, mutual TLS */
};

struct membership {
    char name[LIMIT_NAME], system_id[LIMIT_NAME];
    struct membership_region regions[LIMIT_REGIONS];
    int count; /* of regions, at least 1 */
};

/** Errors: NOT_FOUND (this host has not joined: says what to do), CORRUPT, IO. */
enum error_code membership_read(const char *data_dir, struct membership *membership,
                                struct error *err);

/** Certificate, key and CA of this rack. Errors: as above. */
enum error_code membership_credentials(const char *data_dir, struct tls_credentials **credentials,
                                       struct error *err);

/**
 * Take the list of regions from JSON: [{"name","address","port","hop_port"}], the last may be
 * missing. Errors: CORRUPT, *membership is unchanged then.
 */
enum error_code membership_take_regions(struct membership *membership, json_t *list,
                                        struct error *err);

bool membership_equal(const struct membership *a, const struct membership *b);

/** Errors: IO. */
enum error_code membership_write(const char *data_dir, const struct membership *membership,
                                 struct error *err);
