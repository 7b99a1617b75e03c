/*
 * The control loop: one libuv loop, never blocked. Blocking work runs on threads of our own, not on
 * libuv's pool, where libraft writes its log. All functions on the loop's thread unless said.
 */
#pragma once

#include <stdint.h>
#include <uv.h>

#include "src/base/error.h"

struct loop {
    uv_loop_t uv;
    uv_async_t wake;
    uv_mutex_t lock;
    struct loop_call *calls;     /* posted from other threads, newest first */
    struct loop_worker *waiting; /* blocking work that waits its turn */
    int workers;
    bool closing;
};

/** One per control plane; close runs the loop until all handles are gone. */
void loop_init(struct loop *loop);
void loop_close(struct loop *loop);

/** Until loop_stop. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/** Run call(subject) on the loop's thread soon, in the order posted. From any thread. */
void loop_post(struct loop *loop, void (*call)(void *subject), void *subject);

/**
 * Run work(subject) on a thread of our own, then done(subject) on the loop. At most
 * LOOP_WORKERS_MAX at a time; more wait their turn.
 */
void loop_run_blocking(struct loop *loop, void (*work)(void *subject), void (*done)(void *subject),
                       void *subject);

/**
 * A timer embedded in its owner. start re-arms; repeat_ms 0 = once. stop may be called any time.
 * The owner must stay alive until loop_timer_close's closed() was called.
 */
struct loop_timer {
    uv_timer_t uv;
    void (*fire)(struct loop_timer *timer);
    void (*closed)(struct loop_timer *timer);
};
void loop_timer_init(struct loop *loop, struct loop_timer *timer,
                     void (*fire)(struct loop_timer *timer));
void loop_timer_start(struct loop_timer *timer, uint64_t after_ms, uint64_t repeat_ms);
void loop_timer_stop(struct loop_timer *timer);
void loop_timer_close(struct loop_timer *timer, void (*closed)(struct loop_timer *timer));
