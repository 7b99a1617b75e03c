/*
 * Where machines reach the boot services: TFTP and HTTP on each provisioning interface, by sockets
 * that fenced opens and that belong to the interface alone. Loop thread.
 */
#pragma once

#include "src/rack/http_boot.h"
#include "src/base/interfaces.h"
#include "src/rack/settings.h"
#include "src/rack/tftp.h"
#include "src/wire/fence_link.h"

struct boot_doors;

/** All but settings' texts are borrowed and outlive it. */
struct boot_doors_setup {
    struct loop *loop;
    struct fence_link *fence;
    const struct settings *settings;
    struct tftp *tftp;
    struct http_boot *http;
};

struct boot_doors *boot_doors_new(const struct boot_doors_setup *setup);

/** Listeners that are open are left to tftp and http. Gone when the loop comes round. */
void boot_doors_free(struct boot_doors *doors);

/** Open what is missing, close what belongs to an interface that is gone or was made anew. */
void boot_doors_look(struct boot_doors *doors, const struct interfaces *interfaces);

/** How many sockets are open, of how many that should be. */
void boot_doors_count(const struct boot_doors *doors, int *open, int *wanted);
