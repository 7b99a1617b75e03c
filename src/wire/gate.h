/*
 * A TCP port where strangers come in by a crowd (crowd.h): what the crowd does not let in yet is
 * not accepted, waits with the kernel, and is looked at again a moment later. On the loop's thread.
 */
#pragma once

#include <sys/socket.h>
#include <uv.h>

#include "src/base/loop.h"
#include "src/wire/crowd.h"

struct gate {
    uv_tcp_t tcp;
    struct loop_timer pause; /* while more may not be taken */
    struct crowd crowd;
    void (*take)(struct gate *gate);   /* accept one from &gate->tcp */
    void (*closed)(struct gate *gate); /* may free what gate is part of */
    int handles;                       /* not yet closed */
};

/** gate lives until closed is called: also one that never listened has to be closed. */
void gate_init(struct gate *gate, struct loop *loop, void (*take)(struct gate *gate),
               void (*closed)(struct gate *gate));

/** 0, or libuv's error. */
int gate_listen(struct gate *gate, const struct sockaddr *address);

/** Once. */
void gate_close(struct gate *gate);
