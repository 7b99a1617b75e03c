/*
 * The rack's boot services without a rack: for tests and for measuring. `boot_program FOLDER
 * ADDRESS [TFTP_PORT HTTP_PORT]` serves FOLDER/boot and FOLDER/cache on ADDRESS (ports 0 = any),
 * keeps answers in FOLDER/answers, and plays the region with FOLDER/region/MAC.json (no folder: no
 * region can be reached). Prints one JSON line when ready, a line of counters for each line on
 * stdin, and ends when that closes.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/arena.h"
#include "src/base/limits.h"
#include "src/base/log.h"
#include "src/rack/http_boot.h"
#include "src/rack/tftp.h"

enum { TEXT = LIMIT_PATH };

struct program {
    struct loop loop;
    uv_pipe_t input;
    const char *folder;
    struct boot_store *store;
    struct image_cache *cache;
    struct boot_source *source;
    struct tftp *tftp;
    struct http_boot *http;
};

static void check(enum error_code code, const struct error *err)
{
    if (!code)
        return;
    fprintf(stderr, "%s\n", err->text);
    exit(1);
}

/* One question on its way; answered when the loop comes round, as a real one is. */
struct question {
    struct program *program;
    json_t *params;
    boot_source_answered *answered;
    void *subject;
};

static void answer(void *subject)
{
    struct question *question = subject;
    char path[TEXT];
    struct error err;
    const char *mac = json_string_value(json_object_get(question->params, "mac"));
    snprintf(path, sizeof(path), "%s/region", question->program->folder);
    bool reachable = !access(path, F_OK);
    snprintf(path, sizeof(path), "%s/region/%s.json", question->program->folder, mac);
    json_t *result = json_load_file(path, 0, NULL);
    if (!result)
        error_set(&err, reachable ? ERR_NOT_FOUND : ERR_UNAVAILABLE, "no answer for %s", mac);
    question->answered(question->subject, result, result ? NULL : &err);
    json_decref(result);
    json_decref(question->params);
    free(question);
}

static void ask_region(void *owner, json_t *params, boot_source_answered *answered, void *subject)
{
    struct question *question = calloc(1, sizeof(*question));
    *question = (struct question){owner, params, answered, subject};
    loop_post(&question->program->loop, answer, question);
}

static int open_socket(const char *address, int port, int type, int *bound)
{
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t size = sizeof(where);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
    inet_pton(AF_INET, address, &where.sin_addr);
    if (type == SOCK_STREAM)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    else
        setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&where, size) || (type == SOCK_STREAM && listen(fd, 1024)) ||
        getsockname(fd, (struct sockaddr *)&where, &size)) {
        perror("bind");
        exit(1);
    }
    *bound = ntohs(where.sin_port);
    return fd;
}

static void print_counts(const struct program *program)
{
    struct tftp_counts t = tftp_counts(program->tftp);
    struct http_boot_counts h = http_boot_counts(program->http);
    printf("{\"requests\": %ju, \"completed\": %ju, \"bytes\": %ju, \"resent\": %ju, "
           "\"not_found\": %ju, \"refused\": %ju, \"malformed\": %ju, \"limited\": %ju, "
           "\"aborted\": %ju, \"timed_out\": %ju, \"running\": %d, "
           "\"http_requests\": %ju, \"http_refused\": %ju, \"http_bytes\": %ju}\n",
           t.requests, t.completed, t.bytes, t.resent, t.not_found, t.refused, t.malformed,
           t.limited, t.aborted, t.timed_out, t.running, h.requests, h.refused, h.bytes);
    fflush(stdout);
}

static void stop(struct program *program)
{
    uv_close((uv_handle_t *)&program->input, NULL);
    tftp_free(program->tftp);
    http_boot_free(program->http);
    image_cache_free(program->cache);
    boot_source_free(program->source);
    boot_store_close(program->store);
    loop_stop(&program->loop);
}

static void give_buffer(uv_handle_t *handle, size_t size, uv_buf_t *buffer)
{
    static char bytes[64];
    (void)handle;
    (void)size;
    *buffer = uv_buf_init(bytes, sizeof(bytes));
}

static void on_input(uv_stream_t *input, ssize_t size, const uv_buf_t *buffer)
{
    struct program *program = input->data;
    (void)buffer;
    if (size < 0)
        stop(program);
    else if (size > 0)
        print_counts(program);
}

int main(int argc, char **argv)
{
    struct program *program = calloc(1, sizeof(*program));
    struct error err = {0};
    struct arena *arena = arena_new();
    struct http_boot_listener *listener;
    int tftp_port, http_port;
    if (argc < 3)
        return 2;
    log_setup("boot_program", LOG_TEXT, getenv("GANTRY_DEBUG") ? LOG_DEBUG : LOG_INFO);
    program->folder = argv[1];
    loop_init(&program->loop);
    int tftp_fd = open_socket(argv[2], argc > 3 ? atoi(argv[3]) : 0, SOCK_DGRAM, &tftp_port);
    int http_fd = open_socket(argv[2], argc > 4 ? atoi(argv[4]) : 0, SOCK_STREAM, &http_port);
    struct image_cache_settings images = {.folder = arena_printf(arena, "%s/cache", argv[1]),
                                          .limit_bytes = 1 << 30};
    check(image_cache_new(&program->loop, &images, &program->cache, &err), &err);
    if (boot_store_open(&program->loop, arena_printf(arena, "%s/answers", argv[1]), &program->store,
                        &err))
        log_error("%s", err.text);
    struct boot_source_settings settings = {.boot_dir = arena_printf(arena, "%s/boot", argv[1]),
                                            .http_port = http_port,
                                            .proxy_port = 5240,
                                            .ask_region = ask_region,
                                            .owner = program};
    program->source = boot_source_new(&program->loop, &settings, program->store, program->cache);
    program->tftp = tftp_new(&program->loop, program->source);
    program->http = http_boot_new(&program->loop, program->source);
    tftp_listen(program->tftp, tftp_fd);
    check(http_boot_listen(program->http, http_fd, &listener, &err), &err);
    uv_pipe_init(&program->loop.uv, &program->input, 0);
    uv_pipe_open(&program->input, STDIN_FILENO);
    program->input.data = program;
    uv_read_start((uv_stream_t *)&program->input, give_buffer, on_input);
    printf("{\"tftp\": %d, \"http\": %d}\n", tftp_port, http_port);
    fflush(stdout);
    loop_run(&program->loop);
    loop_close(&program->loop);
    arena_free(arena);
    free(program);
    return 0;
}
