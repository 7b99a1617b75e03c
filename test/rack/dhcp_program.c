/*
 * The rack's DHCP and router advertisements without the rest of gantry-rackd: for tests and for
 * measuring. `dhcp_program FOLDER DOCUMENT` (run as root, in a network namespace) keeps its files
 * in FOLDER, serves the DHCP document of that file, prints "ready", and runs until its stdin
 * closes. Lines on stdin: "metrics", "changes", "configure FILE"; each is answered by lines and
 * "ok". Sockets come over a real fence link, opened by fenced's own code on a thread of this
 * program.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/fence/listen.h"
#include "src/fence/request.h"
#include "src/rack/dhcp.h"
#include "src/rack/router_advert.h"

enum { LOOK_MS = 200 };

static struct loop loop;
static struct dhcp *dhcp;
static struct router_advert *advert;
static struct fence_link *fence;
static struct interfaces interfaces;
static uv_poll_t orders;

static void check(enum error_code code, const struct error *err)
{
    if (!code)
        return;
    fprintf(stderr, "%s\n", err->text);
    exit(1);
}

static void reply_with(int link, const struct fence_reply *reply, int fd)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec iov = {(void *)(uintptr_t)reply, sizeof(*reply)};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    if (fd >= 0) {
        message.msg_control = control;
        message.msg_controllen = sizeof(control);
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    }
    sendmsg(link, &message, MSG_NOSIGNAL);
}

/* What fenced does with its child's requests to listen. */
static void *serve_fence(void *subject)
{
    int link = *(int *)subject;
    char bytes[sizeof(struct fence_request)];
    ssize_t n;
    while ((n = recv(link, bytes, sizeof(bytes), 0)) > 0) {
        struct fence_request request;
        struct fence_reply reply = {.kind = FENCE_REPLY};
        struct error err = {0};
        int fd = -1;
        reply.code = request_check(bytes, (size_t)n, REQUEST_FROM_RACKD, &request, &err);
        if (!reply.code)
            reply.code = listen_open(&request, &fd, &err);
        reply.number = request.number;
        snprintf(reply.text, sizeof(reply.text), "%.*s", FENCE_TEXT - 1, err.text);
        reply_with(link, &reply, fd);
        if (fd >= 0)
            close(fd);
    }
    return NULL;
}

static void look(struct loop_timer *timer)
{
    static struct interfaces now;
    struct error err;
    (void)timer;
    check(interfaces_read(&now, &err), &err);
    if (interfaces_equal(&now, &interfaces))
        return;
    interfaces = now;
    dhcp_set_interfaces(dhcp, &interfaces);
    router_advert_set_interfaces(advert, &interfaces);
}

/* All blocks of the ranges, as if a region had given them to this rack. */
static void take_blocks(const json_t *document)
{
    const json_t *network, *range;
    json_t *blocks = json_array();
    size_t i, k;
    ip4 first, last;
    struct error err;
    json_array_foreach (json_object_get(document, "networks"), i, network)
        json_array_foreach (json_object_get(network, "ranges"), k, range)
            if (ip4_parse(json_string_value(json_object_get(range, "first")), &first) &&
                ip4_parse(json_string_value(json_object_get(range, "last")), &last))
                json_array_append_new(blocks, json_pack("[I,I]", (json_int_t)(first / 16),
                                                        (json_int_t)(last / 16 - first / 16 + 1)));
    json_t *answer = json_pack("{s:i, s:o}", "term_s", 86400, "blocks", blocks);
    check(dhcp_take_blocks(dhcp, answer, clock_boot_ns(), 0, &err), &err);
    json_decref(answer);
}

static void configure(const char *path)
{
    json_error_t where;
    struct error err;
    json_t *document = json_load_file(path, 0, &where);
    if (!document)
        check(error_set(&err, ERR_BAD_INPUT, "%s: %s", path, where.text), &err);
    struct dhcp_asked asked = {0};
    if (dhcp_configure(dhcp, document, &asked, &err))
        printf("error %s\n", err.text);
    else
        take_blocks(document);
    json_decref(document);
}

static void print_metrics(void)
{
    struct spool spool;
    spool_init(&spool);
    dhcp_write_metrics(dhcp, &spool);
    router_advert_write_metrics(advert, &spool);
    fwrite(spool.bytes, 1, spool.used, stdout);
    spool_close(&spool);
}

static void print_changes(void)
{
    json_t *changes;
    while ((changes = dhcp_take_changes(dhcp))) {
        json_dumpf(changes, stdout, JSON_COMPACT);
        printf("\n");
        json_decref(changes);
    }
}

static void obey(char *line)
{
    if (!strcmp(line, "metrics"))
        print_metrics();
    else if (!strcmp(line, "changes"))
        print_changes();
    else if (!strncmp(line, "configure ", 10))
        configure(line + 10);
    printf("ok\n");
    fflush(stdout);
}

static void on_order(uv_poll_t *poll, int status, int events)
{
    char line[1200];
    (void)poll;
    (void)status;
    (void)events;
    ssize_t n = read(STDIN_FILENO, line, sizeof(line) - 1);
    if (n <= 0) {
        loop_stop(&loop);
        return;
    }
    line[n] = '\0';
    line[strcspn(line, "\n")] = '\0';
    obey(line);
}

static void on_notice(void *owner, const struct fence_reply *notice)
{
    (void)owner;
    (void)notice;
}

static void on_fence_closed(void *owner)
{
    (void)owner;
    loop_stop(&loop);
}

int main(int argc, char **argv)
{
    static const struct fence_events events = {on_notice, on_fence_closed};
    static int pair[2];
    struct loop_timer timer;
    struct error err;
    pthread_t thread;
    if (argc != 3) {
        fprintf(stderr, "usage: dhcp_program FOLDER DOCUMENT\n");
        return 2;
    }
    log_setup("dhcp_program", LOG_TEXT, LOG_INFO);
    loop_init(&loop);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) ||
        pthread_create(&thread, NULL, serve_fence, &pair[0]))
        return 1;
    check(fence_link_open(&loop, pair[1], &events, NULL, &fence, &err), &err);
    struct dhcp_settings settings = {&loop, fence, argv[1], NULL};
    check(dhcp_new(&settings, &dhcp, &err), &err);
    dhcp_resume(dhcp);
    advert = router_advert_new(&loop, fence);
    if (strcmp(argv[2], "-") != 0) /* "-": only what FOLDER has */
        configure(argv[2]);
    loop_timer_init(&loop, &timer, look);
    look(&timer);
    loop_timer_start(&timer, LOOK_MS, LOOK_MS);
    uv_poll_init(&loop.uv, &orders, STDIN_FILENO);
    uv_poll_start(&orders, UV_READABLE, on_order);
    printf("ready\n");
    fflush(stdout);
    loop_run(&loop);
    dhcp_close(dhcp);
    router_advert_close(advert);
    fence_link_close(fence);
    loop_timer_close(&timer, NULL);
    uv_close((uv_handle_t *)&orders, NULL);
    loop_close(&loop);
    shutdown(pair[0], SHUT_RDWR);
    pthread_join(thread, NULL);
    return 0;
}
