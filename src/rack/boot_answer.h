/*
 * What a machine shall boot, as a region says it (docs/rack-protocol.md), and that rendered for the
 * loader that asks. Pure; any thread.
 */
#pragma once

#include <jansson.h>

#include "src/base/address.h"
#include "src/base/arena.h"
#include "src/base/error.h"
#include "src/base/spool.h"

enum { BOOT_ANSWER_TEXT = 2048 }; /* longest text of an answer, with the NUL */

enum boot_purpose {
    BOOT_ENLIST,
    BOOT_COMMISSIONING,
    BOOT_TESTING,
    BOOT_DEPLOY,
    BOOT_EPHEMERAL,
    BOOT_RESCUE,
    BOOT_ERASE,
    BOOT_LOCAL,    /* from its own disk: no files */
    BOOT_POWEROFF, /* no files */
    BOOT_WAIT,     /* ask again in a while: no files; said by racks alone */
    BOOT_PURPOSES,
};

struct boot_answer {
    enum boot_purpose purpose;
    bool keep;                          /* the rack may give it when no region is reachable */
    const char *kernel, *initrd, *root; /* of the manifest, or blobs/SHA256; NULL: no files */
    const char *preseed;                /* path of a URL, or NULL */
    const char *options;                /* rest of the kernel's command line */
};

enum boot_loader { BOOT_IPXE, BOOT_PXELINUX, BOOT_GRUB };

/**
 * Where the answer goes: the rack's address that the machine reached, and the machine. A timed
 * iPXE is told to give up a transfer of which nothing comes any more, but for what is not here yet.
 */
struct boot_answer_place {
    ip4 rack;
    int http_port, proxy_port;
    struct mac mac;
    bool timed; /* an iPXE that can */
    bool here;  /* kernel and initrd can be sent at once */
};

/**
 * Check and copy into the arena. Errors: BAD_INPUT "purpose: ..." (missing, wrong type, characters
 * that no command line may hold).
 */
enum error_code boot_answer_read(const json_t *json, struct arena *arena,
                                 struct boot_answer *answer, struct error *err);

/** Ask again: what a rack without regions says to a machine that was last told to run our system.
 */
struct boot_answer boot_answer_wait(void);

/** Word of a purpose, as in the protocol. */
const char *boot_answer_purpose(enum boot_purpose purpose);

/**
 * The configuration for one machine and loader. Errors: BAD_INPUT when the loader's language cannot
 * say the options (iPXE: "${", "&&", "||", ";" as words).
 */
enum error_code boot_answer_write(const struct boot_answer *answer, enum boot_loader loader,
                                  const struct boot_answer_place *place, struct spool *out,
                                  struct error *err);

/** The configuration that asks for the machine's own one (BOOT_IPXE, BOOT_GRUB). */
void boot_answer_write_first(enum boot_loader loader, const struct boot_answer_place *place,
                             struct spool *out);
