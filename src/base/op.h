/*
 * The mark of one asynchronous step in flight. Embedded in the object it works for, which allows
 * one at a time; every completion ends in that object's one reconcile function.
 * Loop thread only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct op {
    const char *name;     /* what runs, NULL when idle */
    uint64_t deadline_ns; /* BOOTTIME; 0 = none */
    uint64_t serial;      /* counts begins: a late completion carries an older one */
};

/** Start name; asserts that nothing is in flight. timeout_ns 0 = no deadline. Returns the serial.
 */
uint64_t op_begin(struct op *op, const char *name, uint64_t timeout_ns);

/** True once for the completion that belongs to serial; false = late, ignore it. */
bool op_end(struct op *op, uint64_t serial);

/** Something is in flight; it is past its deadline. */
bool op_busy(const struct op *op);
bool op_expired(const struct op *op);

/** Give up what is in flight: its completion will be late. */
void op_abandon(struct op *op);
