/* Does this region answer clients: see endpoint_check.h. */
#include "ha/endpoint_check.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/limits.h"
#include "src/base/log.h"
#include "src/base/op.h"
#include "src/wire/http_client.h"

struct question {
    struct endpoint_check *check;
    const char *name;
    bool (*ask)(const struct question *question);
    char socket[LIMIT_PATH];
    uint32_t every_ms;
    uint64_t next_ns;
    struct op op;
    bool answered; /* by the thread */
    int misses;
};

struct endpoint_check {
    struct loop *loop;
    struct question door, api;
    bool closing;
};

/* ---- threads ---- */

static int dial(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return -1;
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address))) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool ask_door(const struct question *question)
{
    static const char command[] = "show version\n";
    char answer[256];
    int fd = dial(question->socket);
    if (fd < 0)
        return false;
    struct pollfd readable = {fd, POLLIN, 0};
    bool answered = send(fd, command, sizeof(command) - 1, MSG_NOSIGNAL) > 0 &&
                    poll(&readable, 1, ENDPOINT_DOOR_MS) > 0 &&
                    recv(fd, answer, sizeof(answer), 0) > 0;
    close(fd);
    return answered;
}

/* The version needs no database: that there is no primary is no fault of this region. */
static bool ask_api(const struct question *question)
{
    struct http_client_request request = {
        .url = "http://localhost/MAAS/api/2.0/version/",
        .unix_socket = question->socket,
        .timeout_ms = ENDPOINT_API_ANSWER_MS,
    };
    struct http_client_reply reply = {0};
    struct http_client *client = http_client_new();
    struct arena *arena = arena_new();
    bool answered = !http_client_run(client, &request, arena, &reply, NULL) && reply.status == 200;
    arena_free(arena);
    http_client_free(client);
    return answered;
}

static void run(void *subject)
{
    struct question *question = subject;
    question->answered = question->ask(question);
}

/* ---- loop ---- */

static void free_if_idle(struct endpoint_check *check)
{
    if (check->closing && !op_busy(&check->door.op) && !op_busy(&check->api.op))
        free(check);
}

static void done(void *subject)
{
    struct question *question = subject;
    op_end(&question->op, question->op.serial);
    if (!question->answered && question->misses < ENDPOINT_MISSES &&
        ++question->misses == ENDPOINT_MISSES)
        log_warning("%s does not answer: this region holds no virtual IPs while others can",
                    question->name);
    if (question->answered && question->misses >= ENDPOINT_MISSES)
        log_info("%s answers", question->name);
    if (question->answered)
        question->misses = 0;
    free_if_idle(question->check);
}

static void look_at(struct question *question, uint64_t now_ns)
{
    if (op_busy(&question->op) || now_ns < question->next_ns)
        return;
    op_begin(&question->op, question->name, 0);
    question->next_ns = now_ns + question->every_ms * CLOCK_MS;
    loop_run_blocking(question->check->loop, run, done, question);
}

void endpoint_check_look(struct endpoint_check *check)
{
    uint64_t now_ns = clock_boot_ns();
    look_at(&check->door, now_ns);
    look_at(&check->api, now_ns);
}

bool endpoint_check_fit(const struct endpoint_check *check)
{
    return check->door.misses < ENDPOINT_MISSES && check->api.misses < ENDPOINT_MISSES;
}

static void set_up(struct question *question, struct endpoint_check *check, const char *name,
                   uint32_t every_ms)
{
    question->check = check;
    question->name = name;
    question->every_ms = every_ms;
    question->misses = ENDPOINT_MISSES;
}

struct endpoint_check *endpoint_check_new(struct loop *loop, const struct ha_settings *settings)
{
    struct endpoint_check *check = calloc(1, sizeof(*check));
    ASSERT(check);
    check->loop = loop;
    set_up(&check->door, check, "HAProxy", ENDPOINT_DOOR_MS);
    set_up(&check->api, check, "the API", ENDPOINT_API_MS);
    check->door.ask = ask_door;
    check->api.ask = ask_api;
    snprintf(check->door.socket, LIMIT_PATH, "%s/haproxy.sock", settings->run_dir);
    snprintf(check->api.socket, LIMIT_PATH, "%s", settings->api_socket);
    return check;
}

void endpoint_check_free(struct endpoint_check *check)
{
    check->closing = true;
    free_if_idle(check);
}
