/*
 * Files of images on their way in: parts in the database until all of them are there, then bytes on
 * this region's disk. names: image_upload_
 */
#pragma once

#include "src/db/db.h"

/** Take the next part; *whole: it was the last. Inside the caller's transaction. Errors: NOT_FOUND,
 * BAD_INPUT (the file is whole already; more than it was to be). */
struct image_upload_part {
    const char *resource_id, *file_id; /* NULL finds nothing */
    const char *bytes;
    size_t size;
};
enum error_code image_upload_take(struct db *db, const struct image_upload_part *part,
                                  struct arena *arena, bool *whole, struct error *err);

/** Where this region keeps bytes. */
struct image_upload_place {
    const char *folder, *region;
};

/**
 * Put the parts together, check, note that this region has it, forget the parts: in transactions of
 * its own. Done twice, or by two regions, it is done once. Errors: BAD_INPUT (another SHA-256: the
 * parts are gone, the file waits from its start), NOT_FOUND (no such upload), IO.
 */
enum error_code image_upload_finish(struct db *db, const struct image_upload_place *place,
                                    const char *file_id, struct arena *arena, struct error *err);

/** rows: ids of files that are whole and were not put together: whoever should have is gone. */
enum error_code image_upload_left(struct db *db, struct db_rows *rows, struct error *err);
