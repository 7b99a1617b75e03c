/* Any bytes as a link's frames, in pieces of any size: whole frames that encode again, or an end.
 */
// rooms: wire
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "src/wire/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void encode_again(const struct frame *frame)
{
    struct frame_bytes out = {0};
    struct error err;
    enum error_code code = ERR_OK;
    if (frame->type == FRAME_CALL)
        code = frame_call(frame->id, frame->method, frame->body, &out, &err);
    else if (frame->type == FRAME_NOTE)
        code = frame_note(frame->method, frame->body, &out, &err);
    else if (frame->code == ERR_OK)
        code = frame_reply(frame->id, frame->body, &out, &err);
    ASSERT(code == ERR_OK || code == ERR_TOO_LARGE);
    ASSERT(frame->type == FRAME_NOTE || frame->id > 0);
    ASSERT(frame->type != FRAME_REPLY || !frame->code || frame->message);
    free(out.bytes);
}

/* The first byte says how long the pieces are. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct frame_decoder decoder = {0};
    struct frame frame;
    struct error err = {0};
    enum error_code code = ERR_BUSY;
    size_t piece = size ? bytes[0] + (size_t)1 : 1;
    for (size_t at = 1; at < size && code == ERR_BUSY; at += piece) {
        frame_decoder_put(&decoder, bytes + at, at + piece < size ? piece : size - at);
        while (!(code = frame_decoder_next(&decoder, &frame, &err))) {
            encode_again(&frame);
            frame_close(&frame);
        }
        ASSERT(decoder.used - decoder.at <= FRAME_HEAD + LIMIT_FRAME_BYTES);
    }
    ASSERT(code == ERR_BUSY || (code == ERR_CORRUPT && err.text[0]));
    frame_decoder_close(&decoder);
    return 0;
}
