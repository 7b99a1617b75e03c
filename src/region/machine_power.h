/*
 * How the power of machines is controlled: their driver and its parameters. Secrets are sealed
 * under the cluster's key before they reach the database. Runs inside the caller's transaction;
 * pool threads.
 */
#pragma once

#include <jansson.h>

#include "src/region/api.h"
#include "src/wire/seal.h"

/** Zero it before use, machine_power_close it. */
struct machine_power {
    const char *system_id;
    const char *type;   /* a row of src/model/power_driver.h, or "" */
    json_t *parameters; /* secrets in clear; owned */
    bool changed;       /* by machine_power_from_form */
};
void machine_power_close(struct machine_power *power);

/** From the first columns of a row. Errors: CORRUPT (what is sealed cannot be opened). */
#define MACHINE_POWER_COLUMNS "system_id, power_type, power_parameters, power_secrets"
enum error_code machine_power_row(const struct db_rows *rows, int row, const struct seal_ring *ring,
                                  struct arena *arena, struct machine_power *power,
                                  struct error *err);

/** Errors: NOT_FOUND, CORRUPT (what is sealed cannot be opened). */
enum error_code machine_power_load(struct db *db, const struct seal_ring *ring,
                                   const char *system_id, struct arena *arena,
                                   struct machine_power *power, struct error *err);

/**
 * Lay power_type, power_parameters (a JSON object) and power_parameters_NAME of the request over
 * what *power holds; another type forgets the old parameters. What is wrong becomes field errors.
 */
enum error_code machine_power_from_form(struct api_request *request, struct api_reply *reply,
                                        struct machine_power *power, struct error *err);

enum error_code machine_power_store(struct db *db, const struct seal_ring *ring,
                                    const struct machine_power *power, struct arena *arena,
                                    struct error *err);

/** {"abc123": {...}}: plain values, for administrators. ids "{1,2}" of rows. */
enum error_code machine_power_write_all(struct db *db, const struct seal_ring *ring,
                                        const char *ids, struct json_out *out, struct arena *arena,
                                        struct error *err);

/** The parameters as an object, plain. */
void machine_power_write(const struct machine_power *power, struct json_out *out);
