/*
 * Those who came to a port and are not known yet: how many there may be, and how fast the loop
 * takes more of them. A flood waits in the kernel; it costs neither memory nor the loop's time, and
 * no single address can keep the others out. Pure: the caller has the connections and the clock.
 * One thread at a time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
    CROWD_MOST = 64,      /* at a time; for the next one somebody has to go */
    CROWD_OF_CALLER = 16, /* of one address */
    CROWD_CALLER = 48,    /* an address as text, with the NUL */
    CROWD_PAUSE_MS = 4,   /* how long to wait after crowd_may_take said no */
    CROWD_SHARE = 20,     /* they have one in so many parts of the loop's time, */
    CROWD_CREDIT_MS = 20, /* and so much at once */
};

struct crowd {
    struct crowd_seat {
        void *who;
        char caller[CROWD_CALLER];
    } seats[CROWD_MOST]; /* in the order they came */
    int count;
    int64_t credit_ns; /* may be spent on them */
    uint64_t counted_ns;
};

void crowd_init(struct crowd *crowd, uint64_t now_ns);

/** The loop was busy so long with one who is not known. At most a credit is owed afterwards. */
void crowd_spend(struct crowd *crowd, uint64_t ns);

/** May the loop take one more connection now? No: it stays where it is for CROWD_PAUSE_MS. */
bool crowd_may_take(struct crowd *crowd, uint64_t now_ns);

/**
 * One was taken: it enters, or false = it has to be refused, its caller (an address without port)
 * has CROWD_OF_CALLER here. *out is who leaves for it, already out of the crowd; NULL = nobody. It
 * is the one that is there longest of the caller that has most.
 */
bool crowd_enter(struct crowd *crowd, void *who, const char *caller, void **out);

/** It is known now, or gone. No harm when it is not in the crowd. */
void crowd_leave(struct crowd *crowd, const void *who);
