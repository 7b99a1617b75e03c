/*
 * The import: reads the sources, makes rows of what is selected, brings the files. The leader's
 * worker carries it out (image_work.h), in transactions of its own; whoever asks for it writes one
 * row. A run that its region did not end is gone on with by the next leader.
 */
#pragma once

#include "src/db/db.h"
#include "src/region/blob_gather.h"

/** Inside the caller's transaction: a new run is wanted; the present one is to end; is there one?
 */
enum error_code image_import_want(struct db *db, struct error *err);
enum error_code image_import_stop(struct db *db, struct error *err);
enum error_code image_import_runs(struct db *db, bool *runs, struct error *err);

/** Is it time: was one asked for, was one left, is the hourly one due? */
enum error_code image_import_due(struct db *db, bool *due, struct error *err);

struct image_import_place {
    const char *region, *folder;
    const struct tls_files *tls;
    /** "address:port" of a region's hop by its name, in the arena; NULL = not a member. */
    blob_gather_address *peer;
    bool (*goes_on)(void *subject); /* false: another region leads, or the program ends */
    void *subject;
};

/**
 * One run, from sources to files. Problems of single sources and files do not end it: they are
 * noted, as an event and as the problem of the run. Errors: of the database.
 */
enum error_code image_import_run(struct db *db, const struct image_import_place *place,
                                 struct error *err);
