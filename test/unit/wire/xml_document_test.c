/* Foreign XML: what is taken, what is refused, and that refusing costs nothing. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/xmlIO.h>
#include <stdlib.h>
#include <string.h>

#include "src/wire/xml_document.h"

static int opened; /* files and URLs that the parser asked for */

static int match_all(const char *name)
{
    (void)name;
    opened++;
    return 0;
}

static enum error_code read_text(const char *text, size_t size)
{
    struct error err;
    xmlDocPtr document;
    enum error_code code = xml_document_read(text, size, &document, &err);
    assert_true((code == ERR_OK) == (document != NULL));
    xmlFreeDoc(document);
    return code;
}

static void test_what_is_taken(void **unused)
{
    (void)unused;
    static const char *const good[] = {"<a/>", "<?xml version=\"1.0\"?><a b='&lt;'>&#65;</a>"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_int_equal(read_text(good[i], strlen(good[i])), ERR_OK);
}

static void test_what_is_refused(void **unused)
{
    (void)unused;
    static const char *const bad[] = {
        "",
        "x",
        "<a>",
        "<a></b>",
        "<!-- a -->",
        "<a>&e;</a>",
        "<!DOCTYPE a><a/>",
        "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>",
        "<!DOCTYPE a [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><a>&e;</a>",
        "<!DOCTYPE a [<!ENTITY % p SYSTEM \"http://127.0.0.1:1/p\"> %p;]><a/>"};
    xmlInitParser();
    xmlRegisterInputCallbacks(match_all, NULL, NULL, NULL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(read_text(bad[i], strlen(bad[i])), ERR_CORRUPT);
    xmlPopInputCallbacks();
    assert_int_equal(opened, 0);
}

static size_t allocated;

static void *count_malloc(size_t size)
{
    allocated += size;
    return malloc(size);
}

static void *count_realloc(void *old, size_t size)
{
    allocated += size;
    return realloc(old, size);
}

static char *count_strdup(const char *text)
{
    allocated += strlen(text);
    return strdup(text);
}

/* An attribute's value is expanded although nobody asks for it. */
static void test_entities_do_not_grow(void **unused)
{
    (void)unused;
    static char text[1 << 17];
    char *to = stpcpy(text, "<!DOCTYPE a [<!ENTITY e \"");
    memset(to, 'x', 60000);
    to = stpcpy(to + 60000, "\">]><a b=\"");
    for (int i = 0; i < 40; i++)
        to = stpcpy(to, "&e;");
    stpcpy(to, "\"/>");
    assert_int_equal(xmlMemSetup(free, count_malloc, count_realloc, count_strdup), 0);
    assert_int_equal(read_text(text, strlen(text)), ERR_CORRUPT);
    xmlMemSetup(free, malloc, realloc, strdup);
    assert_true(allocated < 10 * 60000); /* expanded it is 40 times as much */
}

static void test_bounds(void **unused)
{
    (void)unused;
    size_t size = XML_DOCUMENT_BYTES;
    char *text = malloc(size + 1), *to = text;
    memset(text, ' ', size + 1);
    memcpy(text, "<a/>", 4);
    assert_int_equal(read_text(text, size), ERR_OK);
    assert_int_equal(read_text(text, size + 1), ERR_CORRUPT);
    for (int i = 0; i < 1000; i++)
        to = stpcpy(to, "<a>");
    for (int i = 0; i < 1000; i++)
        to = stpcpy(to, "</a>");
    assert_int_equal(read_text(text, (size_t)(to - text)), ERR_CORRUPT);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_taken),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_entities_do_not_grow),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
