/*
 * The conversation with the region through the machine's racks: requests that are tried again until
 * they are answered or the time is over, signals, status events. Blocking; never on a loop.
 * Source: docs/inventory.md, docs/deploy.md.
 */
#pragma once

#include "src/agent/cmdline.h"
#include "src/agent/preseed.h"
#include "src/base/error.h"
#include "src/wire/http_client.h"
#include "src/wire/multipart.h"

enum { TALK_DEAD_S = 4 }; /* a rack's host that answers nothing for so long is gone */

struct talk {
    const struct cmdline *cmdline;
    uint64_t deadline_ns; /* BOOTTIME; nothing is tried again past it */
    struct http_client *client;
    struct arena *arena;
    struct preseed preseed;
    const char *api_url;   /* ends with "api/2.0/"; of the preseed */
    const char *system_id; /* of this machine; NULL until the region has said it */
    int rack;              /* of the command line's, that answered last; -1 = none has */
};

void talk_open(struct talk *talk, const struct cmdline *cmdline, uint64_t deadline_ns);
void talk_close(struct talk *talk);

/**
 * One request until it is answered well, refused for good, or the deadline is there. What may pass
 * (no connection, status 408, 429, 5xx) is tried again with growing pauses, at the other racks of
 * the command line too. Errors: those of http_client_expect.
 */
enum error_code talk_exchange(struct talk *talk, struct http_client_request *request,
                              struct http_client_reply *reply, struct error *err);

/** The preseed at url becomes the talk's own. Errors: BAD_INPUT, those of talk_exchange. */
enum error_code talk_read_preseed(struct talk *talk, const char *url, struct error *err);

/** GET metadata/2012-03-01/PATH with the machine's key. Errors: those of talk_exchange. */
enum error_code talk_get(struct talk *talk, const char *path, struct http_client_reply *reply,
                         struct error *err);

/** POST metadata/2012-03-01/ with an op of this name and no more (netboot_off). */
enum error_code talk_op(struct talk *talk, const char *op, struct error *err);

/** op=signal with these fields (name, value, ..., NULL); file NULL = none. */
enum error_code talk_signal(struct talk *talk, const char *const *fields,
                            const struct multipart_file *file, struct error *err);

/** POST these parts; the multipart is finished here and stays the caller's to close. */
enum error_code talk_post(struct talk *talk, struct multipart *multipart, struct error *err);

/** The last word of a work: OK, or FAILED with what err says. failed is returned, if it is one. */
enum error_code talk_end(struct talk *talk, enum error_code failed, struct error *err);

/** A step of the work as the status webhook takes it; names as curtin's ("cmd-install"). */
struct talk_event {
    const char *name, *description;
    const char *result; /* NULL: it starts; "SUCCESS" or "FAIL": it has ended */
    const char *log;    /* what goes along as /tmp/install.log, or NULL */
};
enum error_code talk_event(struct talk *talk, const struct talk_event *event, struct error *err);

/** The same URL with the host of another rack: the one that stands n places behind its own. */
const char *talk_at_rack(const struct cmdline *cmdline, const char *url, int n,
                         struct arena *arena);

/**
 * The same URL for a request's try number n (from 0): at the rack that answered last, or its own
 * when none has, then at those behind it. A rack that died is found out once, not at each request.
 */
const char *talk_try(const struct talk *talk, const char *url, int n);

/** What was asked at this URL was answered: its rack is asked first from now on. */
void talk_answered(struct talk *talk, const char *url);

/** The address of the rack that answered last; NULL when it is none of the command line's. */
const char *talk_rack(const struct talk *talk);

/** "http://RACK:5248" of where the root came from, in the arena; NULL = not known. */
const char *talk_rack_base(const struct cmdline *cmdline, struct arena *arena);

/** Sleep; signals do not shorten it. */
void talk_pause(uint64_t ms);
