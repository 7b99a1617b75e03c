/*
 * Runs of scripts on one machine: which are to run with which parameters, how far they are. Runs
 * inside the caller's transaction; pool threads and workers. Source: MAAS API 2.0, machine
 * operations commission, test, release; results.
 */
#pragma once

#include <jansson.h>

#include "src/region/api.h"

/** What a run is to be. */
struct script_choice {
    int64_t node_id;
    int type; /* of src/model/script.h */
    /*
     * Names, ids and tags with commas between them. NULL: as usual (all commissioning scripts
     * without the tag "noauto"; tests with the tag "commissioning"; no release scripts). "none":
     * nothing beyond the commissioning scripts that come with the program, which always run.
     */
    const char *wanted;
    /* Parameters as the request gives them: {"NAME_PARAMETER": "text", "PARAMETER": "text"}; NULL
     * none. Others than the scripts' own are passed by. */
    json_t *parameters;
};

/**
 * Begin a run: a new set with one pending result for each script (and for each disk or interface
 * that it takes), remembered in the node as its current of this type. *set_id is 0 when there is
 * nothing to run; then the node's is none.
 * Errors: BAD_INPUT for people: an unknown name, a parameter that is missing or bad.
 */
enum error_code script_set_start(struct db *db, const struct script_choice *choice,
                                 struct arena *arena, int64_t *set_id, struct error *err);

/**
 * Parameters that said "all" disks or interfaces become one result for each that is known now:
 * after the inventory came in.
 */
enum error_code script_set_expand(struct db *db, int64_t set_id, struct arena *arena,
                                  struct error *err);

/** The node's current set of a type; 0 = none. */
enum error_code script_set_current(struct db *db, int64_t node_id, int type, struct arena *arena,
                                   int64_t *set_id, struct error *err);

/** What of the node's current runs has not ended ends as aborted; installations go on. */
enum error_code script_set_abort(struct db *db, int64_t node_id, struct arena *arena,
                                 struct error *err);
