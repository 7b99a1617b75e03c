/*
 * What a user wants of a machine's disks and interfaces: the parameters storage and interfaces of
 * allocate, read within limits, and which disks and interfaces meet them. Pure; any thread.
 * Source: MAAS API 2.0, machines allocate.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "src/base/arena.h"
#include "src/base/error.h"

enum { CONSTRAINT_ITEMS = 32, CONSTRAINT_TERMS = 32 };

/** One disk: "label:size(tag,tag)". The first one is what the machine boots from. */
struct constraint_disk {
    const char *label;   /* NULL = none */
    uint64_t size_bytes; /* at least */
    const char *tags[CONSTRAINT_TERMS];
    int tags_count;
};

/** One interface: "label:key=value,not_key=value". */
struct constraint_term {
    const char *key, *value;
    bool negated;
};
struct constraint_interface {
    const char *label;
    struct constraint_term terms[CONSTRAINT_TERMS];
    int terms_count;
};

struct constraint_disks {
    struct constraint_disk items[CONSTRAINT_ITEMS];
    int count;
};
struct constraint_interfaces {
    struct constraint_interface items[CONSTRAINT_ITEMS];
    int count;
};

/** "root:50(ssd),data:100.5(hdd,7200)". Texts live in the arena. Errors: BAD_INPUT. */
enum error_code machine_constraint_disks(const char *text, struct arena *arena,
                                         struct constraint_disks *disks, struct error *err);

/** "eth0:space=dmz,vid=10;eth1:fabric=f1". Errors: BAD_INPUT (an unknown key as well). */
enum error_code machine_constraint_interfaces(const char *text, struct arena *arena,
                                              struct constraint_interfaces *interfaces,
                                              struct error *err);

/**
 * Give each of wants its own of offers: fits(subject, want, offer) says which may go together.
 * taken[want] is the offer then. false: it cannot be done. At most CONSTRAINT_ITEMS wants.
 */
bool machine_constraint_match(int wants, int offers,
                              bool (*fits)(const void *subject, int want, int offer),
                              const void *subject, int *taken);
