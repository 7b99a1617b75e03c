/* Frames between programs: see frame.h. */
#include "src/wire/frame.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 4096, KEEP_ROOM = 64 << 10 };

void frame_close(struct frame *frame)
{
    json_decref(frame->tree);
    *frame = (struct frame){0};
}

void frame_decoder_close(struct frame_decoder *decoder)
{
    free(decoder->bytes);
    *decoder = (struct frame_decoder){0};
}

void frame_decoder_put(struct frame_decoder *decoder, const void *bytes, size_t size)
{
    ASSERT(size <= FRAME_CHUNK);
    if (decoder->at) { /* what was taken makes room */
        memmove(decoder->bytes, decoder->bytes + decoder->at, decoder->used - decoder->at);
        decoder->used -= decoder->at;
        decoder->at = 0;
    }
    if (decoder->used + size > decoder->room) {
        size_t room = decoder->room ? decoder->room : FIRST_ROOM;
        while (room < decoder->used + size)
            room *= 2;
        ASSERT(room <= 4 * (size_t)LIMIT_FRAME_BYTES);
        decoder->bytes = realloc(decoder->bytes, room);
        ASSERT(decoder->bytes);
        decoder->room = room;
    }
    if (size)
        memcpy(decoder->bytes + decoder->used, bytes, size);
    decoder->used += size;
}

/* A long frame is rare: do not keep its memory on every link. */
static void give_back_room(struct frame_decoder *decoder)
{
    if (decoder->at == decoder->used && decoder->room > KEEP_ROOM)
        frame_decoder_close(decoder);
}

/* Levels of nesting, before a parser that recurses sees them. */
static bool is_shallow(const uint8_t *bytes, size_t size)
{
    int depth = 0;
    bool in_text = false;
    for (size_t i = 0; i < size; i++) {
        if (in_text && bytes[i] == '\\')
            i++;
        else if (bytes[i] == '"')
            in_text = !in_text;
        else if (!in_text && (bytes[i] == '{' || bytes[i] == '['))
            depth++;
        else if (!in_text && (bytes[i] == '}' || bytes[i] == ']'))
            depth--;
        if (depth > FRAME_DEPTH)
            return false;
    }
    return true;
}

static bool is_method(const char *method)
{
    return method && *method && strlen(method) < FRAME_METHOD &&
           strspn(method, "abcdefghijklmnopqrstuvwxyz_0123456789") == strlen(method);
}

static bool take_id(json_t *tree, struct frame *frame)
{
    json_t *id = json_object_get(tree, "id");
    if (!json_is_integer(id) || json_integer_value(id) < 1)
        return false;
    frame->id = (uint64_t)json_integer_value(id);
    return true;
}

static bool take_reply(json_t *tree, struct frame *frame)
{
    json_t *ok = json_object_get(tree, "ok");
    if (!take_id(tree, frame) || !json_is_boolean(ok))
        return false;
    if (json_is_true(ok)) {
        frame->body = json_object_get(tree, "result");
        return json_is_object(frame->body);
    }
    const char *name = json_string_value(json_object_get(tree, "error"));
    frame->message = json_string_value(json_object_get(tree, "message"));
    frame->code = error_named(name);
    return name && frame->message;
}

static bool take_method(json_t *tree, struct frame *frame)
{
    frame->method = json_string_value(json_object_get(tree, "method"));
    frame->body = json_object_get(tree, "params");
    return is_method(frame->method) && json_is_object(frame->body);
}

static enum error_code take_apart(json_t *tree, struct frame *frame, struct error *err)
{
    const char *type = json_string_value(json_object_get(tree, "type"));
    bool good = false;
    *frame = (struct frame){.tree = tree};
    if (type && !strcmp(type, "call")) {
        frame->type = FRAME_CALL;
        good = take_id(tree, frame) && take_method(tree, frame);
    } else if (type && !strcmp(type, "reply")) {
        frame->type = FRAME_REPLY;
        good = take_reply(tree, frame);
    } else if (type && !strcmp(type, "note")) {
        frame->type = FRAME_NOTE;
        good = take_method(tree, frame);
    }
    if (good)
        return ERR_OK;
    error_set(err, ERR_CORRUPT, "a frame of type \"%.20s\" with a missing or wrong key",
              type ? type : "");
    frame_close(frame);
    return ERR_CORRUPT;
}

static enum error_code parse(const uint8_t *bytes, size_t size, struct frame *frame,
                             struct error *err)
{
    json_error_t why;
    if (!is_shallow(bytes, size))
        return error_set(err, ERR_CORRUPT, "a frame deeper than %d levels", FRAME_DEPTH);
    json_t *tree = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, &why);
    if (!tree)
        return error_set(err, ERR_CORRUPT, "a frame that is no JSON: %.100s", why.text);
    return take_apart(tree, frame, err);
}

enum error_code frame_decoder_next(struct frame_decoder *decoder, struct frame *frame,
                                   struct error *err)
{
    const uint8_t *head = decoder->bytes + decoder->at;
    size_t have = decoder->used - decoder->at;
    if (have < FRAME_HEAD)
        return ERR_BUSY;
    size_t size = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
    if (size < 1 || size > LIMIT_FRAME_BYTES)
        return error_set(err, ERR_CORRUPT, "a frame of %zu bytes", size);
    if (have < FRAME_HEAD + size)
        return ERR_BUSY;
    enum error_code code = parse(head + FRAME_HEAD, size, frame, err);
    decoder->at += FRAME_HEAD + size;
    give_back_room(decoder);
    return code;
}

/* Takes the tree. */
static enum error_code encode(json_t *tree, struct frame_bytes *out, struct error *err)
{
    ASSERT(tree);
    size_t size = json_dumpb(tree, NULL, 0, JSON_COMPACT);
    ASSERT(size);
    *out = (struct frame_bytes){0};
    if (size > LIMIT_FRAME_BYTES) {
        json_decref(tree);
        return error_set(err, ERR_TOO_LARGE, "a message of %zu bytes, %d are allowed", size,
                         LIMIT_FRAME_BYTES);
    }
    out->size = FRAME_HEAD + size;
    out->bytes = malloc(out->size);
    ASSERT(out->bytes);
    out->bytes[0] = (char)(size >> 24);
    out->bytes[1] = (char)(size >> 16);
    out->bytes[2] = (char)(size >> 8);
    out->bytes[3] = (char)size;
    json_dumpb(tree, out->bytes + FRAME_HEAD, size, JSON_COMPACT);
    json_decref(tree);
    if (!is_shallow((uint8_t *)out->bytes + FRAME_HEAD, size)) {
        free(out->bytes);
        return error_set(err, ERR_TOO_LARGE, "a message deeper than %d levels", FRAME_DEPTH);
    }
    return ERR_OK;
}

/* A new reference to the body, or an empty object. */
static json_t *body_of(json_t *body)
{
    return body ? json_incref(body) : json_object();
}

enum error_code frame_call(uint64_t id, const char *method, json_t *params,
                           struct frame_bytes *bytes, struct error *err)
{
    ASSERT(is_method(method) && id);
    return encode(json_pack("{ss sI ss so}", "type", "call", "id", (json_int_t)id, "method", method,
                            "params", body_of(params)),
                  bytes, err);
}

enum error_code frame_note(const char *method, json_t *params, struct frame_bytes *bytes,
                           struct error *err)
{
    ASSERT(is_method(method));
    return encode(
        json_pack("{ss ss so}", "type", "note", "method", method, "params", body_of(params)), bytes,
        err);
}

enum error_code frame_reply(uint64_t id, json_t *result, struct frame_bytes *bytes,
                            struct error *err)
{
    return encode(json_pack("{ss sI sb so}", "type", "reply", "id", (json_int_t)id, "ok", 1,
                            "result", body_of(result)),
                  bytes, err);
}

void frame_refusal(uint64_t id, enum error_code code, const char *message,
                   struct frame_bytes *bytes)
{
    ASSERT(code != ERR_OK);
    json_t *text = json_string(message);
    if (!text) /* not UTF-8: the output of some tool */
        text = json_string(error_name(code));
    enum error_code rv = encode(json_pack("{ss sI sb ss so}", "type", "reply", "id", (json_int_t)id,
                                          "ok", 0, "error", error_name(code), "message", text),
                                bytes, NULL);
    ASSERT(rv == ERR_OK); /* a message is at most the text of a struct error */
}
