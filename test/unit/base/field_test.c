/* Field tables: text in, JSON out, errors that name the field. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "src/base/container.h"
#include "src/base/field.h"

struct sample {
    bool on;
    int64_t count;
    double size;
    const char *name, *raw, *secret;
    struct field_opt_int speed;
};

static const struct field fields[] = {
    FIELD(struct sample, on, FIELD_BOOL, 0, ""),
    FIELD(struct sample, count, FIELD_INT, 0, ""),
    FIELD(struct sample, size, FIELD_REAL, 0, ""),
    FIELD(struct sample, name, FIELD_TEXT, 0, ""),
    FIELD(struct sample, raw, FIELD_JSON, 0, ""),
    FIELD(struct sample, secret, FIELD_TEXT, FIELD_NO_JSON, ""),
    FIELD(struct sample, speed, FIELD_OPT_INT, 0, ""),
};
enum { COUNT = COUNT_OF(fields) };

static void test_in_and_out(void **unused)
{
    (void)unused;
    static const char *const values[] = {"t", "-5", "1.5", "n", "[1]", "hidden", NULL};
    struct sample sample = {0};
    struct arena *arena = arena_new();
    struct error err;
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(field_set(&fields[i], &sample, values[i], arena, &err), ERR_OK);
    struct spool spool;
    struct json_out out;
    spool_init(&spool);
    json_out_init(&out, &spool);
    json_out_open_object(&out, NULL);
    field_write_json(fields, COUNT, &sample, &out);
    json_out_close_object(&out);
    json_out_end(&out);
    spool_put(&spool, "", 1);
    assert_string_equal(spool.bytes, "{\"on\":true,\"count\":-5,\"size\":1.5,\"name\":\"n\","
                                     "\"raw\":[1],\"speed\":null}");
    spool_close(&spool);
    arena_free(arena);
}

static void test_bad_values_name_the_field(void **unused)
{
    (void)unused;
    static const struct {
        int field;
        const char *text;
    } bad[] = {{0, "maybe"}, {0, NULL},  {1, "1x"}, {1, ""}, {1, "99999999999999999999"},
               {2, "inf"},   {2, "1,5"}, {6, "x"}};
    struct sample sample = {0};
    struct arena *arena = arena_new();
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct error err = {0};
        const struct field *field = &fields[bad[i].field];
        assert_int_equal(field_set(field, &sample, bad[i].text, arena, &err), ERR_BAD_INPUT);
        assert_int_equal(strncmp(err.text, field->name, strlen(field->name)), 0);
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_and_out),
        cmocka_unit_test(test_bad_values_name_the_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
