/*
 * The long work on machines that is recorded as rows of operation: which kinds there are, the power
 * orders each consists of, and where the machine is when it is done. Any thread.
 */
#pragma once

#include <stdbool.h>

/** What becomes of the machine when the last step is done. */
enum operation_end {
    OPERATION_END_NOTHING, /* it goes on by itself: what it was powered on for */
    OPERATION_END_FREE,    /* released: Ready, nobody's */
    OPERATION_END_BACK,    /* back in the status before */
};

enum { OPERATION_STEPS = 2 };

struct operation_kind {
    const char *name;
    const char *steps[OPERATION_STEPS]; /* power orders "off", "on"; NULL = no more */
    enum operation_end end;
    const char *what; /* for people: "FAILED to WHAT" */
};

/** The row with this name, or NULL. */
const struct operation_kind *operation_kind_find(const char *name);

/** The step behind this one; NULL = that was the last. step NULL: the first. */
const char *operation_kind_next(const struct operation_kind *kind, const char *step);

/** Seconds to wait before an order that failed so many times (from 1) is given again, -1: no more.
 */
int operation_kind_delay_s(int failures);
