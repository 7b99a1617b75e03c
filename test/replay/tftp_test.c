/*
 * TFTP conversations in virtual time: test/replay/tftp/FILE.txt, one step a line.
 *
 *   file SIZE [most BLKSIZE]      begin; most is what the path carries
 *   ask NAME=VALUE...             the request's options
 *   < oack NAME=VALUE...          what we send next
 *   < data NUMBER SIZE
 *   < nothing                     until something happens
 *   > ack NUMBER                  what the client sends
 *   ms TIME                       time passes; what is then due, happens
 *   end done|failed|open
 */
// rooms: rack
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/rack/tftp_session.h"

struct replay {
    struct tftp_session session;
    uint64_t size, now_ms;
    uint32_t most;
    enum tftp_session_step step;
    const char *file;
    int line;
};

static void fail_at(const struct replay *replay, const char *text)
{
    fail_msg("%s:%d: %s", replay->file, replay->line, text);
}

static struct tftp_packet_options read_options(char *text)
{
    struct tftp_packet_options options;
    memset(&options, 0, sizeof(options)); /* the padding is compared, too */
    for (char *word = strtok(text, " \n"); word; word = strtok(NULL, " \n")) {
        char *value = strchr(word, '=');
        assert_non_null(value);
        *value++ = '\0';
        uint32_t number = (uint32_t)strtoul(value, NULL, 10);
        if (!strcmp(word, "blksize"))
            options.blksize = number;
        else if (!strcmp(word, "windowsize"))
            options.windowsize = number;
        else if (!strcmp(word, "timeout"))
            options.timeout_s = number;
        else
            options.tsize_given = true, options.tsize = number;
    }
    return options;
}

static void expect_packet(struct replay *replay, char *text)
{
    struct tftp_session_block block;
    bool any = tftp_session_next(&replay->session, replay->now_ms, &block);
    unsigned number, size;
    if (!strncmp(text, "nothing", 7)) {
        if (any)
            fail_at(replay, "something is sent");
    } else if (!any) {
        fail_at(replay, "nothing is sent");
    } else if (!strncmp(text, "oack", 4)) {
        struct tftp_packet_options options = read_options(text + 4);
        if (!block.oack || memcmp(&options, &replay->session.answer, sizeof(options)) != 0)
            fail_at(replay, "another acknowledgement of options, or none");
    } else if (sscanf(text, "data %u %u", &number, &size) != 2 || block.oack ||
               block.number != number || block.size != size) {
        char line[128];
        snprintf(line, sizeof(line), "sent was %s %u %u", block.oack ? "oack" : "data",
                 block.number, block.size);
        fail_at(replay, line);
    }
}

static void expect_end(const struct replay *replay, const char *text)
{
    bool done = replay->step == TFTP_SESSION_DONE, failed = replay->step == TFTP_SESSION_FAILED;
    const char *found = done ? "done" : failed ? "failed" : "open";
    if (strncmp(text, found, strlen(found)) != 0)
        fail_at(replay, found);
}

static void take_line(struct replay *replay, char *line)
{
    unsigned long long number;
    if (sscanf(line, "file %llu most %u", &number, &replay->most) > 0) {
        replay->size = number;
    } else if (!strncmp(line, "ask", 3)) {
        struct tftp_packet_options asked = read_options(line + 3);
        tftp_session_start(&replay->session, &asked, replay->size, replay->most, replay->now_ms);
    } else if (!strncmp(line, "< ", 2)) {
        expect_packet(replay, line + 2);
    } else if (sscanf(line, "> ack %llu", &number) == 1) {
        replay->step = tftp_session_ack(&replay->session, (uint16_t)number, replay->now_ms);
    } else if (sscanf(line, "ms %llu", &number) == 1) {
        replay->now_ms += number;
        replay->step = tftp_session_tick(&replay->session, replay->now_ms);
    } else if (!strncmp(line, "end ", 4)) {
        expect_end(replay, line + 4);
    } else {
        fail_at(replay, "not understood");
    }
}

static void replay_file(const char *path)
{
    struct replay replay = {.most = 1468, .file = path, .now_ms = 1000};
    char line[256];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file)) {
        replay.line++;
        if (line[0] != '#' && line[0] != '\n')
            take_line(&replay, line);
    }
    fclose(file);
}

static void test_conversations(void **unused)
{
    (void)unused;
    int count = 0;
    DIR *folder = opendir("test/replay/tftp");
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        char path[512];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "test/replay/tftp/%s", entry->d_name);
        replay_file(path);
        count++;
    }
    closedir(folder);
    assert_true(count >= 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_conversations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
