/* Frames: round trips, pieces, and what is no frame. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "src/base/container.h"
#include "src/wire/frame.h"

static struct frame_bytes frame_of(const char *json)
{
    size_t size = strlen(json);
    struct frame_bytes out = {malloc(FRAME_HEAD + size), FRAME_HEAD + size};
    assert_non_null(out.bytes);
    memcpy(out.bytes,
           (uint8_t[]){(uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8),
                       (uint8_t)size},
           FRAME_HEAD);
    memcpy(out.bytes + FRAME_HEAD, json, size);
    return out;
}

static enum error_code decode(const char *json, struct frame *frame, struct error *err)
{
    struct frame_bytes bytes = frame_of(json);
    struct frame_decoder decoder = {0};
    frame_decoder_put(&decoder, bytes.bytes, bytes.size);
    enum error_code code = frame_decoder_next(&decoder, frame, err);
    frame_decoder_close(&decoder);
    free(bytes.bytes);
    return code;
}

static void test_round_trips_byte_by_byte(void **unused)
{
    (void)unused;
    struct frame_bytes bytes[4];
    struct frame_decoder decoder = {0};
    struct frame frame;
    int seen = 0;
    json_t *params = json_pack("{ss}", "mac", "52:54:00:00:00:01");
    assert_int_equal(frame_call(1, "boot_config", params, &bytes[0], NULL), ERR_OK);
    assert_int_equal(frame_note("config_changed", NULL, &bytes[1], NULL), ERR_OK);
    assert_int_equal(frame_reply(9, params, &bytes[2], NULL), ERR_OK);
    frame_refusal(10, ERR_NOT_FOUND, "no \"machine\"", &bytes[3]);
    for (int i = 0; i < 4; i++) {
        for (size_t at = 0; at < bytes[i].size; at++) {
            assert_int_equal(frame_decoder_next(&decoder, &frame, NULL), ERR_BUSY);
            frame_decoder_put(&decoder, bytes[i].bytes + at, 1);
        }
        assert_int_equal(frame_decoder_next(&decoder, &frame, NULL), ERR_OK);
        static const enum frame_type types[] = {FRAME_CALL, FRAME_NOTE, FRAME_REPLY, FRAME_REPLY};
        static const uint64_t ids[] = {1, 0, 9, 10};
        assert_int_equal(frame.type, types[i]);
        assert_int_equal(frame.id, ids[i]);
        if (i == 0)
            assert_string_equal(frame.method, "boot_config");
        if (i == 0 || i == 2)
            assert_true(json_equal(frame.body, params));
        if (i == 3)
            assert_string_equal(frame.message, "no \"machine\"");
        assert_int_equal(frame.code, i == 3 ? ERR_NOT_FOUND : ERR_OK);
        frame_close(&frame);
        free(bytes[i].bytes);
        seen++;
    }
    assert_int_equal(seen, 4);
    frame_decoder_close(&decoder);
    json_decref(params);
}

static void test_what_is_no_frame(void **unused)
{
    (void)unused;
    static const char *const bad[] = {
        "{",
        "[]",
        "{}",
        "{\"type\":\"call\"}",
        "{\"type\":\"shout\",\"method\":\"a\",\"params\":{}}",
        "{\"type\":\"call\",\"id\":0,\"method\":\"a\",\"params\":{}}",
        "{\"type\":\"call\",\"id\":-1,\"method\":\"a\",\"params\":{}}",
        "{\"type\":\"call\",\"id\":\"1\",\"method\":\"a\",\"params\":{}}",
        "{\"type\":\"call\",\"id\":1,\"method\":\"A b\",\"params\":{}}",
        "{\"type\":\"call\",\"id\":1,\"method\":\"\",\"params\":{}}",
        "{\"type\":\"call\",\"id\":1,\"method\":\"a\",\"params\":[]}",
        "{\"type\":\"call\",\"id\":1,\"id\":2,\"method\":\"a\",\"params\":{}}",
        "{\"type\":\"reply\",\"id\":1,\"ok\":1,\"result\":{}}",
        "{\"type\":\"reply\",\"id\":1,\"ok\":true}",
        "{\"type\":\"reply\",\"id\":1,\"ok\":false,\"error\":\"busy\"}",
        "{\"type\":\"note\",\"method\":\"a\"}",
        "{\"type\":\"note\",\"method\":\"a\",\"params\":{\"x\":[[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]]}"
        "}",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct frame frame;
        struct error err = {0};
        if (decode(bad[i], &frame, &err) != ERR_CORRUPT)
            fail_msg("taken for a frame: %s", bad[i]);
        assert_true(strlen(err.text) > 0);
    }
}

static void test_length_is_bounded(void **unused)
{
    (void)unused;
    static const uint8_t heads[][FRAME_HEAD] = {
        {0, 0, 0, 0}, {0, 0x10, 0, 1}, {0xff, 0xff, 0xff, 0xff}};
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        struct frame_decoder decoder = {0};
        struct frame frame;
        frame_decoder_put(&decoder, heads[i], FRAME_HEAD);
        assert_int_equal(frame_decoder_next(&decoder, &frame, NULL), ERR_CORRUPT);
        frame_decoder_close(&decoder);
    }
}

static void test_success_is_not_a_refusal(void **unused)
{
    (void)unused;
    struct frame frame;
    struct error err;
    assert_int_equal(decode("{\"type\":\"reply\",\"id\":1,\"ok\":false,\"error\":\"ok\","
                            "\"message\":\"x\"}",
                            &frame, &err),
                     ERR_OK);
    assert_int_equal(frame.code, ERR_INTERNAL);
    frame_close(&frame);
}

static void test_own_limits(void **unused)
{
    (void)unused;
    struct frame_bytes bytes;
    struct frame frame;
    struct frame_decoder decoder = {0};
    char *text = malloc(LIMIT_FRAME_BYTES + 1);
    assert_non_null(text);
    memset(text, 'x', LIMIT_FRAME_BYTES);
    text[LIMIT_FRAME_BYTES] = '\0';
    json_t *large = json_pack("{ss}", "t", text);
    assert_int_equal(frame_call(1, "a", large, &bytes, NULL), ERR_TOO_LARGE);
    text[LIMIT_FRAME_BYTES - 200] = '\0';
    json_object_set_new(large, "t", json_string(text));
    assert_int_equal(frame_call(1, "a", large, &bytes, NULL), ERR_OK);
    for (size_t at = 0; at < bytes.size; at += FRAME_CHUNK) {
        assert_int_equal(frame_decoder_next(&decoder, &frame, NULL), ERR_BUSY);
        frame_decoder_put(&decoder, bytes.bytes + at,
                          bytes.size - at < FRAME_CHUNK ? bytes.size - at : FRAME_CHUNK);
    }
    assert_int_equal(frame_decoder_next(&decoder, &frame, NULL), ERR_OK);
    assert_true(json_equal(frame.body, large));
    assert_int_equal(decoder.room, 0); /* a long frame's memory is given back */
    frame_close(&frame);
    frame_decoder_close(&decoder);
    free(bytes.bytes);
    json_t *deep = json_object();
    for (int i = 0; i < FRAME_DEPTH; i++)
        deep = json_pack("{so}", "d", deep);
    assert_int_equal(frame_note("a", deep, &bytes, NULL), ERR_TOO_LARGE);
    frame_refusal(1, ERR_IO, "\xff\xfe", &bytes); /* not UTF-8 */
    free(bytes.bytes);
    json_decref(deep);
    json_decref(large);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips_byte_by_byte),
        cmocka_unit_test(test_what_is_no_frame),
        cmocka_unit_test(test_length_is_bounded),
        cmocka_unit_test(test_success_is_not_a_refusal),
        cmocka_unit_test(test_own_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
