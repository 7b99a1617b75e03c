/*
 * The bytes this region keeps by their SHA-256, as files of one folder: FOLDER/SHA256, read-only
 * once it has that name. Which region has which is said by rows (blob_store.h). Blocking; any
 * thread. names: blob_files_ blob_writer_
 */
#pragma once

#include "src/base/arena.h"
#include "src/base/error.h"
#include "src/wire/digest.h"

/** Exactly 64 lower-case hexadecimal digits. */
bool blob_files_name(const char *text);

/** Is a file of this size (-1: of any) there? *found (may be NULL) is its size. */
bool blob_files_has(const char *folder, const char *sha256, int64_t size, int64_t *found);

/** Errors: NOT_FOUND, IO. */
enum error_code blob_files_open(const char *folder, const char *sha256, int *fd, int64_t *size,
                                struct error *err);

/** Look whether the bytes are what the name says; what is not is removed. Reads all of it.
 * Errors: NOT_FOUND, CORRUPT, IO. */
enum error_code blob_files_check(const char *folder, const char *sha256, struct error *err);

/** Bytes that come piece by piece; zeroed but for folder. Ends with keep or drop. */
struct blob_writer {
    const char *folder;
    char path[512];
    int fd;
    int64_t size;
    struct digest_stream *digest;
};
enum error_code blob_writer_open(struct blob_writer *writer, const char *folder, struct error *err);
enum error_code blob_writer_put(struct blob_writer *writer, const void *bytes, size_t size,
                                struct error *err);
/** Durable under its name when it has this SHA-256. Errors: CORRUPT (it has not), IO. */
enum error_code blob_writer_keep(struct blob_writer *writer, const char *sha256, struct error *err);
void blob_writer_drop(struct blob_writer *writer);

/** Remove what lies in the folder under a name that wanted() refuses, or half-made, once it is so
 * old. Errors: IO. */
enum error_code blob_files_sweep(const char *folder, int age_s,
                                 bool (*wanted)(void *subject, const char *sha256), void *subject,
                                 struct error *err);

/** The names of all whole files, in the arena. Errors: IO. */
enum error_code blob_files_list(const char *folder, struct arena *arena, const char *const **names,
                                int *count, struct error *err);
