/*
 * HAProxy as a child: a configuration written at each start, and listening sockets that fenced
 * opened (fd@N), so that it needs no rights and an address need not be here yet. Loop thread.
 */
#pragma once

#include "src/base/loop.h"
#include "src/wire/fence_link.h"

/* The first socket's descriptor in HAProxy; the others follow in order. */
enum { HAPROXY_FIRST_FD = 3, HAPROXY_SOCKETS = 64 };

struct haproxy;

struct haproxy_socket {
    char address[16];
    int port;
};

/** Texts outlive the child. */
struct haproxy_setup {
    const char *program;
    const char *run_dir, *name;              /* its files are run_dir/NAME.cfg and NAME.pem */
    const char *certificate_file, *key_file; /* PEM: both go into NAME.pem */
    void (*changed)(void *owner);            /* it started, ended or failed: look again */
    void *owner;
};

struct haproxy *haproxy_new(struct loop *loop, struct fence_link *fence,
                            const struct haproxy_setup *setup);

/** Ends the child; the object is gone when the loop comes round. */
void haproxy_free(struct haproxy *haproxy);

/**
 * Start it when it does not run; when sockets or configuration differ from what it runs with, start
 * another one on the same sockets and let the first end what it answers. Without sockets (count 0)
 * it is ended. All is copied.
 */
void haproxy_look(struct haproxy *haproxy, const struct haproxy_socket *sockets, int count,
                  const char *config);

bool haproxy_runs(const struct haproxy *haproxy);

/** The last trouble, "" = none. */
const char *haproxy_problem(const struct haproxy *haproxy);
