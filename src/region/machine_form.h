/* What a request says of a machine or a device that is to be made or changed. Pool threads. */
#pragma once

#include "src/region/api.h"

enum { MACHINE_MACS = 256 };

/** NULL = not said. Texts are checked and in the form the database keeps. */
struct machine_form {
    const char *hostname, *description, *architecture, *min_hwe_kernel;
    const char *domain_id, *zone_id, *pool_id; /* numbers */
    const char *cpu_count, *memory, *swap_size;
    const char *hardware_uuid, *boot_method;
    const char *macs[MACHINE_MACS]; /* "aa:bb:cc:dd:ee:ff", each once */
    int macs_count;
    bool is_device;
    const char *owner_id, *parent_id; /* numbers; of a new device */
};

/**
 * Read and check all of it; what is wrong becomes field errors of the reply. Only a new machine has
 * mac_addresses, hardware_uuid and boot_method, and must have an architecture.
 * Errors: those of the database; field errors are left to api_fields_valid.
 */
enum error_code machine_form_read(struct api_request *request, struct api_reply *reply, bool is_new,
                                  struct machine_form *form, struct error *err);

/**
 * The same for a device: its host name, description, domain and zone are read, and the
 * mac_addresses of a new one.
 */
enum error_code machine_form_read_device(struct api_request *request, struct api_reply *reply,
                                         bool is_new, struct machine_form *form, struct error *err);

/**
 * A parameter that is a whole number from 0 to most, with a suffix K, M, G, T of thousands when
 * suffix allows it: its text in decimal, NULL when absent; else a field error.
 */
const char *machine_form_number(struct api_request *request, struct api_reply *reply,
                                const char *name, int64_t most, bool suffix);
