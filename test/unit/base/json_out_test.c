/* JSON writer: nesting, escapes, invalid UTF-8; checked by reading it back with jansson. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json_out.h"

static json_t *read_back(struct spool *spool)
{
    json_error_t error;
    json_t *json = json_loadb(spool->bytes, spool->used, JSON_DECODE_ANY, &error);
    if (!json)
        fail_msg("%s in %.*s", error.text, (int)spool->used, spool->bytes);
    return json;
}

static void test_nested(void **unused)
{
    (void)unused;
    struct spool spool;
    struct json_out out;
    spool_init(&spool);
    json_out_init(&out, &spool);
    json_out_open_list(&out, NULL);
    for (int i = 0; i < 2; i++) {
        json_out_open_object(&out, NULL);
        json_out_int(&out, "id", i);
        json_out_open_list(&out, "tags");
        json_out_text(&out, NULL, "a");
        json_out_null(&out, NULL);
        json_out_close_list(&out);
        json_out_raw(&out, "raw", "{\"x\": [1, 2]}");
        json_out_bool(&out, "on", true);
        json_out_real(&out, "size", 3);
        json_out_close_object(&out);
    }
    json_out_close_list(&out);
    json_out_end(&out);
    const char *one =
        "{\"id\":0,\"tags\":[\"a\",null],\"raw\":{\"x\": [1, 2]},\"on\":true,\"size\":3.0}";
    assert_int_equal(strncmp(spool.bytes + 1, one, strlen(one)), 0);
    json_t *json = read_back(&spool);
    assert_int_equal(json_array_size(json), 2);
    json_decref(json);
    spool_close(&spool);
}

static void test_any_bytes_make_valid_json(void **unused)
{
    (void)unused;
    srand(7);
    for (int round = 0; round < 2000; round++) {
        char bytes[40];
        size_t size = (size_t)rand() % sizeof(bytes);
        for (size_t i = 0; i < size; i++)
            bytes[i] = (char)(round % 2 ? rand() : 0x70 + rand() % 0x90);
        struct spool spool;
        struct json_out out;
        spool_init(&spool);
        json_out_init(&out, &spool);
        json_out_text_n(&out, NULL, bytes, size);
        json_error_t error;
        json_t *json =
            json_loadb(spool.bytes, spool.used, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
        assert_non_null(json);
        json_decref(json);
        spool_close(&spool);
    }
}

static void test_keeps_good_text(void **unused)
{
    (void)unused;
    static const char *const texts[] = {
        "", "plain", "caf\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "a\"b\\c\n\t\x01", "\x7f"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct spool spool;
        struct json_out out;
        spool_init(&spool);
        json_out_init(&out, &spool);
        json_out_text(&out, NULL, texts[i]);
        json_t *json = read_back(&spool);
        assert_string_equal(json_string_value(json), texts[i]);
        json_decref(json);
        spool_close(&spool);
    }
}

static void test_a_tree_as_text(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    json_t *tree = json_pack("{s:[i,n], s:s}", "b", 1, "a", "x");
    assert_string_equal(json_out_dump(arena, tree), "{\"b\":[1,null],\"a\":\"x\"}");
    json_decref(tree);
    tree = json_string("alone");
    assert_string_equal(json_out_dump(arena, tree), "\"alone\"");
    json_decref(tree);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_any_bytes_make_valid_json),
        cmocka_unit_test(test_keeps_good_text),
        cmocka_unit_test(test_a_tree_as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
