/* Sockets of the boot services: see boot_doors.h. */
#include "src/rack/boot_doors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/container.h"
#include "src/base/log.h"

enum { RETRY_MS = 2000, TFTP_PORT = 69 };

enum door_kind { DOOR_TFTP, DOOR_HTTP, DOOR_KINDS };

/* One socket of one interface. */
struct door {
    struct boot_doors *doors;
    enum door_kind kind;
    const char *interface;
    unsigned index;  /* of the interface that it is for, 0 = it is not there */
    unsigned asking; /* the index that fenced was asked for, 0 = not asked */
    struct tftp_listener *tftp;
    struct http_boot_listener *http;
    char problem[128]; /* told once */
};

struct boot_doors {
    struct boot_doors_setup setup;
    struct door doors[LIMIT_INTERFACES * DOOR_KINDS];
    int count, asking;
    struct loop_timer retry;
    bool closing, timer_closed;
};

static bool is_open(const struct door *door)
{
    return door->tftp || door->http;
}

static void end_if_done(struct boot_doors *doors)
{
    if (doors->timer_closed && !doors->asking)
        free(doors);
}

static void fail(struct door *door, const struct error *err)
{
    if (strncmp(door->problem, err->text, sizeof(door->problem) - 1) != 0)
        log_error("%s on %s: %s", door->kind == DOOR_TFTP ? "TFTP" : "HTTP boot", door->interface,
                  err->text);
    snprintf(door->problem, sizeof(door->problem), "%.127s", err->text);
}

static void serve(struct door *door, int fd)
{
    struct boot_doors *doors = door->doors;
    struct error err;
    if (door->kind == DOOR_TFTP) {
        door->tftp = tftp_listen(doors->setup.tftp, fd);
    } else if (http_boot_listen(doors->setup.http, fd, &door->http, &err)) {
        fail(door, &err);
        return;
    }
    door->problem[0] = '\0';
    log_info("%s is served on %s", door->kind == DOOR_TFTP ? "TFTP" : "HTTP boot", door->interface);
}

static void on_socket(void *subject, const struct fence_reply *reply, int fd)
{
    struct door *door = subject;
    struct boot_doors *doors = door->doors;
    unsigned asked = door->asking;
    struct error err;
    door->asking = 0;
    doors->asking--;
    if (fd >= 0 && !doors->closing && asked == door->index) {
        serve(door, fd);
    } else if (fd >= 0) { /* for an interface that is gone meanwhile */
        close(fd);
    } else if (!doors->closing) {
        error_set(&err, (enum error_code)reply->code, "%s", reply->text);
        fail(door, &err);
    }
    end_if_done(doors);
}

static void ask(struct door *door)
{
    struct boot_doors *doors = door->doors;
    struct fence_request request = {.type = FENCE_LISTEN};
    bool tftp = door->kind == DOOR_TFTP;
    request.listen.kind = tftp ? FENCE_LISTEN_UDP : FENCE_LISTEN_TCP;
    request.listen.port = tftp ? TFTP_PORT : (uint32_t)doors->setup.settings->boot_port;
    snprintf(request.listen.interface, sizeof(request.listen.interface), "%s", door->interface);
    door->asking = door->index;
    doors->asking++;
    fence_link_send(doors->setup.fence, &request, on_socket, door);
}

static void close_door(struct door *door)
{
    if (door->tftp)
        tftp_listener_close(door->tftp);
    if (door->http)
        http_boot_listener_close(door->http);
    door->tftp = NULL;
    door->http = NULL;
}

static void open_missing(struct boot_doors *doors)
{
    for (int i = 0; i < doors->count; i++) {
        struct door *door = &doors->doors[i];
        if (door->index && !door->asking && !is_open(door))
            ask(door);
    }
}

static void on_retry(struct loop_timer *timer)
{
    open_missing(container_of(timer, struct boot_doors, retry));
}

struct boot_doors *boot_doors_new(const struct boot_doors_setup *setup)
{
    struct boot_doors *doors = calloc(1, sizeof(*doors));
    ASSERT(doors);
    doors->setup = *setup;
    for (int i = 0; i < setup->settings->provision_count; i++)
        for (int kind = 0; kind < DOOR_KINDS; kind++) {
            struct door *door = &doors->doors[doors->count++];
            door->doors = doors;
            door->kind = (enum door_kind)kind;
            door->interface = setup->settings->provision[i];
        }
    loop_timer_init(setup->loop, &doors->retry, on_retry);
    loop_timer_start(&doors->retry, RETRY_MS, RETRY_MS);
    return doors;
}

static void on_timer_closed(struct loop_timer *timer)
{
    struct boot_doors *doors = container_of(timer, struct boot_doors, retry);
    doors->timer_closed = true;
    end_if_done(doors);
}

void boot_doors_free(struct boot_doors *doors)
{
    if (!doors)
        return;
    doors->closing = true;
    loop_timer_close(&doors->retry, on_timer_closed);
}

void boot_doors_look(struct boot_doors *doors, const struct interfaces *interfaces)
{
    for (int i = 0; i < doors->count; i++) {
        struct door *door = &doors->doors[i];
        const struct interface *found = interfaces_find(interfaces, door->interface);
        unsigned index = found ? found->index : 0;
        if (index != door->index)
            close_door(door);
        door->index = index;
    }
    open_missing(doors);
}

void boot_doors_count(const struct boot_doors *doors, int *open, int *wanted)
{
    *open = 0;
    *wanted = doors->count;
    for (int i = 0; i < doors->count; i++)
        *open += is_open(&doors->doors[i]);
}
