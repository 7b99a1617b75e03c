/*
 * The local control socket (RUN/regiond.sock, group gantry): what `gantry cluster` and `gantry
 * status` speak to. Each connection has a thread of its own, so that commands are straight-line.
 * The form of what is said: src/model/control_command.h.
 * names: control_call_ control_socket_ cluster_init_ status_control_ token_control_
 * primary_control_ vip_control_ remove_control_ rack_remove_control_
 */
#pragma once

#include <jansson.h>

#include "src/base/arena.h"
#include "src/region/region.h"

/** One request on its way. */
struct control_call {
    struct region *region;
    struct arena *arena;
    json_t *request; /* an object of texts, checked against the command's parameters */
    int fd;
};

/** A parameter, NULL when it was not given. */
const char *control_call_param(const struct control_call *call, const char *name);

/** Tell the caller how far it is. */
void control_call_progress(const struct control_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** What a command answers goes into reply, an object. */
typedef enum error_code control_function(struct control_call *call, json_t *reply,
                                         struct error *err);
control_function status_control_run, cluster_init_run, token_control_run;
control_function primary_control_show, primary_control_switchover;
control_function vip_control_list, vip_control_add, vip_control_move, vip_control_remove;
control_function remove_control_run, rack_remove_control_run;

/** Listen. Errors: IO, CONFLICT (another regiond answers there). */
enum error_code control_socket_open(struct region *region, struct error *err);
