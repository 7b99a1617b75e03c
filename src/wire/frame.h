/*
 * What travels over a link between programs: a length (4 bytes, big-endian) and a JSON object of so
 * many bytes. Decodes foreign bytes within limits; encodes. Any thread, one at a time.
 * Contract: docs/rack-protocol.md, Frames.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/error.h"
#include "src/base/limits.h"

enum {
    FRAME_HEAD = 4,
    FRAME_DEPTH = 16,       /* levels of objects and lists */
    FRAME_METHOD = 32,      /* longest name of a method, with the NUL */
    FRAME_CHUNK = 64 << 10, /* most bytes of one frame_decoder_put */
};

enum frame_type { FRAME_CALL, FRAME_REPLY, FRAME_NOTE };

/** One frame, taken apart. The texts and body live in the tree; frame_close gives it back. */
struct frame {
    enum frame_type type;
    uint64_t id;          /* of a call or reply, from 1 */
    const char *method;   /* of a call or note */
    enum error_code code; /* of a reply: ERR_OK or the refusal */
    const char *message;  /* of a refusal */
    json_t *body;         /* an object: params, or the result of a good reply; borrowed */
    json_t *tree;
};
void frame_close(struct frame *frame);

/** Gathers bytes until a frame is whole; never keeps more than one frame and one chunk. */
struct frame_decoder {
    uint8_t *bytes;
    size_t used, room, at; /* at: where the next frame begins */
};
void frame_decoder_close(struct frame_decoder *decoder);

/** Add bytes (at most FRAME_CHUNK). Call frame_decoder_next until BUSY before adding more. */
void frame_decoder_put(struct frame_decoder *decoder, const void *bytes, size_t size);

/**
 * The next whole frame. Errors: BUSY (more bytes are needed), CORRUPT (no frame: the link must
 * end; nothing more can be taken).
 */
enum error_code frame_decoder_next(struct frame_decoder *decoder, struct frame *frame,
                                   struct error *err);

/** A frame as bytes; free() gives them back. */
struct frame_bytes {
    char *bytes;
    size_t size;
};

/** Body NULL = an empty object. Errors: TOO_LARGE (longer than LIMIT_FRAME_BYTES, or too deep). */
enum error_code frame_call(uint64_t id, const char *method, json_t *params,
                           struct frame_bytes *bytes, struct error *err);
enum error_code frame_note(const char *method, json_t *params, struct frame_bytes *bytes,
                           struct error *err);
enum error_code frame_reply(uint64_t id, json_t *result, struct frame_bytes *bytes,
                            struct error *err);

/** A refusal always fits. */
void frame_refusal(uint64_t id, enum error_code code, const char *message,
                   struct frame_bytes *bytes);
