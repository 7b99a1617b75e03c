/* The spool: memory, then an unlinked file; reset; same bytes either way. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/spool.h"

static void test_small_stays_in_memory(void **unused)
{
    (void)unused;
    struct spool spool;
    spool_init(&spool);
    spool_text(&spool, "one ");
    spool_printf(&spool, "%d", 2);
    assert_int_equal(spool_finish(&spool, NULL), ERR_OK);
    assert_int_equal(spool.fd, -1);
    assert_int_equal(spool_size(&spool), 5);
    assert_memory_equal(spool.bytes, "one 2", 5);
    spool_close(&spool);
}

static void test_large_goes_to_a_file(void **unused)
{
    (void)unused;
    struct spool spool;
    spool_init(&spool);
    enum { PIECE = 100003, PIECES = 400 };
    char *piece = malloc(PIECE), *back = malloc(PIECE);
    for (int i = 0; i < PIECES; i++) {
        memset(piece, 'a' + i % 26, PIECE);
        spool_put(&spool, piece, PIECE);
    }
    assert_int_equal(spool_finish(&spool, NULL), ERR_OK);
    assert_true(spool.fd >= 0);
    assert_int_equal(spool_size(&spool), (uint64_t)PIECE * PIECES);
    for (int i = 0; i < PIECES; i++) {
        memset(piece, 'a' + i % 26, PIECE);
        assert_int_equal(pread(spool.fd, back, PIECE, (off_t)i * PIECE), PIECE);
        assert_memory_equal(piece, back, PIECE);
    }
    spool_reset(&spool);
    assert_int_equal(spool_size(&spool), 0);
    assert_int_equal(spool.fd, -1);
    free(piece);
    free(back);
    spool_close(&spool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_stays_in_memory),
        cmocka_unit_test(test_large_goes_to_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
