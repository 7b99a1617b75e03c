/*
 * The DHCP leases of this rack on disk: a file that grows by records of fixed size, each with a
 * sequence number and a checksum, and is written anew when most of it is outdated. What append
 * returned for is there after any crash. Blocking: on a thread of loop_run_blocking, one call at a
 * time; opening at the start of the program.
 */
#pragma once

#include "src/rack/dhcp_lease.h"

enum { DHCP_STORE_ID_TEXT = 33 };

struct dhcp_lease_file {
    char path[LIMIT_PATH];
    int fd;
    char store_id[DHCP_STORE_ID_TEXT]; /* a new one whenever leases may be missing */
    uint64_t sequence;                 /* of the last record that is on disk for sure */
    uint64_t last_time_s;              /* the clock's highest value in the file */
    uint64_t records;                  /* in the file */
    bool damaged;                      /* write anew before the next append */
    char found[160];                   /* what open had to mend, for the log; "" = nothing */
};

/**
 * Open or create, and put what the file holds into leases. A tail that a crash left half-written is
 * cut off: nobody was told of it. Damage before that: what is readable is kept, the store gets a
 * new id and the old file stays as PATH.damaged. Errors: IO, BAD_INPUT (path too long).
 */
enum error_code dhcp_lease_file_open(struct dhcp_lease_file *file, const char *path, uint64_t now_s,
                                     struct dhcp_leases *leases, struct error *err);
void dhcp_lease_file_close(struct dhcp_lease_file *file);

/**
 * Append count records; on ERR_OK they are on disk. After an error the file has to be written anew
 * (damaged is set). Errors: IO.
 */
enum error_code dhcp_lease_file_append(struct dhcp_lease_file *file,
                                       const struct dhcp_lease *leases, int count, uint64_t now_s,
                                       struct error *err);

/** Replace the file's content by these leases, durably, or keep it. Errors: IO. */
enum error_code dhcp_lease_file_rewrite(struct dhcp_lease_file *file,
                                        const struct dhcp_lease *leases, int count, uint64_t now_s,
                                        struct error *err);

/** Most of the file is outdated, when live leases count, or it is damaged. */
bool dhcp_lease_file_is_stale(const struct dhcp_lease_file *file, int live);
