/* src/rack/image_cache.c against a region that serves over TLS, cuts off, lies, and falls silent.
 */
// rooms: rack
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/base/file.h"
#include "src/rack/image_cache.h"
#include "src/wire/digest.h"
#include "test/lib/test_ca.h"
#include "test/lib/test_http.h"

enum { SIZE = 100000, CUT = 40000, NAMES = 3 };

static struct test_ca ca;
static struct test_http region;
static struct loop loop;
static struct image_cache *cache;
static struct image_cache_settings settings;
static char folder[96], contents[NAMES][SIZE], manifest[4096];
static const char *const names[NAMES] = {"vmlinuz", "initrd.gz", "loader.efi"};
static int requests, manifests, measured, resumed, cut_off, lies;

static void answer_region(struct test_http_exchange *e)
{
    e->status = 404;
    if (!strncmp(e->head, "GET /images/manifest.json ", 26)) {
        manifests++;
        e->status = 200;
        e->answer = strdup(manifest);
        e->answer_size = strlen(manifest);
        return;
    }
    for (int i = 0; i < NAMES; i++) {
        char line[64], blob[96], sha256[DIGEST_TEXT];
        unsigned long from = 0;
        digest_sha256_text(contents[i], SIZE, sha256);
        snprintf(line, sizeof(line), " /images/%s ", names[i]);
        snprintf(blob, sizeof(blob), " /blobs/%s ", sha256);
        if (!strstr(e->head, line) && !strstr(e->head, blob))
            continue;
        if (!strncmp(e->head, "HEAD", 4)) {
            measured++;
            e->status = 200;
            e->answer = calloc(1, SIZE);
            e->answer_size = SIZE; /* the length; the body is not read */
            return;
        }
        requests++;
        const char *range = strstr(e->head, "Range: bytes=");
        if (range) {
            from = strtoul(range + 13, NULL, 10);
            resumed++;
        }
        e->status = from ? 206 : 200;
        e->answer_size = SIZE - from;
        e->answer = malloc(e->answer_size);
        memcpy(e->answer, contents[i] + from, e->answer_size);
        if (lies-- > 0)
            e->answer[5] ^= 1;
        if (cut_off-- > 0)
            e->send_at_most = CUT;
    }
}

static void write_manifest(void)
{
    int used = sprintf(manifest, "{\"manifest_version\": 1, \"files\": [");
    for (int i = 0; i < NAMES; i++) {
        char sha256[DIGEST_TEXT];
        memset(contents[i], 'a' + i, SIZE);
        contents[i][CUT] = 'x';
        digest_sha256_text(contents[i], SIZE, sha256);
        used += sprintf(manifest + used,
                        "%s{\"file\": \"%s\", \"kind\": \"%s\", \"size\": %d, \"sha256\": \"%s\"}",
                        i ? ", " : "", names[i], i == 2 ? "loader" : "kernel", SIZE, sha256);
    }
    sprintf(manifest + used, "]}");
}

static void open_cache(uint64_t limit, bool with_region)
{
    struct error err;
    char address[32];
    const char *regions[] = {address};
    snprintf(address, sizeof(address), "127.0.0.1:%d", region.port);
    loop_init(&loop);
    settings.limit_bytes = limit;
    assert_int_equal(image_cache_new(&loop, &settings, &cache, &err), ERR_OK);
    if (with_region)
        image_cache_set_regions(cache, regions, 1);
}

static void close_cache(void)
{
    image_cache_free(cache);
    loop_close(&loop);
}

static int set_up(void **unused)
{
    (void)unused;
    test_ca_open(&ca);
    struct tls_files files = test_ca_files(&ca, "region1", "region", 10);
    test_http_open(&region, &files, 1, answer_region);
    settings = (struct image_cache_settings){.folder = folder,
                                             .tls = test_ca_files(&ca, "rack1", "rack", 10)};
    snprintf(folder, sizeof(folder), "%s/cache", ca.folder);
    write_manifest();
    requests = manifests = measured = resumed = cut_off = lies = 0;
    open_cache(1 << 20, true);
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    close_cache();
    test_http_close(&region);
    test_ca_close(&ca);
    return 0;
}

/* What opens came back with. */
struct outcome {
    int waiting;
    bool running; /* the loop */
    enum error_code code;
    int fd;
};

static void on_opened(void *subject, const struct image *image, int fd, const struct error *err)
{
    struct outcome *outcome = subject;
    outcome->code = err ? err->code : ERR_OK;
    assert_true(err ? fd == -1 && !image : fd >= 0 && image->size == SIZE);
    if (outcome->fd >= 0)
        close(outcome->fd);
    outcome->fd = fd;
    if (--outcome->waiting == 0 && outcome->running)
        loop_stop(&loop);
}

static const char *blob_of(int i)
{
    static char name[NAMES][96];
    char sha256[DIGEST_TEXT];
    digest_sha256_text(contents[i], SIZE, sha256);
    snprintf(name[i], sizeof(name[i]), "blobs/%s", sha256);
    return name[i];
}

static enum error_code open_times(const char *file, const char *kind, int times)
{
    struct outcome outcome = {.waiting = times, .fd = -1};
    for (int i = 0; i < times; i++)
        image_cache_open(cache, file, kind, on_opened, &outcome);
    outcome.running = true;
    if (outcome.waiting)
        loop_run(&loop);
    if (outcome.fd >= 0) {
        char bytes[SIZE];
        int i = 0;
        while (strcmp(names[i], file) != 0 && strcmp(blob_of(i), file) != 0)
            i++;
        assert_int_equal(pread(outcome.fd, bytes, SIZE, 0), SIZE);
        assert_memory_equal(bytes, contents[i], SIZE);
        close(outcome.fd);
    }
    return outcome.code;
}

static void test_one_download_for_all(void **unused)
{
    (void)unused;
    assert_int_equal(open_times("vmlinuz", NULL, 20), ERR_OK);
    assert_int_equal(requests, 1);
    assert_int_equal(manifests, 1);
    assert_int_equal(open_times("vmlinuz", NULL, 1), ERR_OK);
    assert_int_equal(requests, 1);
    assert_int_equal(image_cache_counts(cache)->bytes, SIZE);
    assert_int_equal(open_times("nothing", NULL, 1), ERR_NOT_FOUND);
    assert_int_equal(open_times("vmlinuz", "loader", 1), ERR_NOT_FOUND);
    assert_int_equal(open_times("loader.efi", "loader", 1), ERR_OK);
}

static void test_kept_without_region(void **unused)
{
    (void)unused;
    assert_false(image_cache_is_ready(cache, "vmlinuz"));
    assert_int_equal(open_times("vmlinuz", NULL, 1), ERR_OK);
    assert_true(image_cache_is_ready(cache, "vmlinuz"));
    assert_true(image_cache_is_ready(cache, blob_of(0)));
    close_cache();
    open_cache(1 << 20, false);
    assert_false(image_cache_is_ready(cache, "vmlinuz")); /* on disk, but who knows what is in it */
    assert_int_equal(open_times("vmlinuz", NULL, 2), ERR_OK);
    assert_true(image_cache_is_ready(cache, "vmlinuz"));
    assert_false(image_cache_is_ready(cache, "nothing") || image_cache_is_ready(cache, NULL));
    assert_int_equal(open_times("initrd.gz", NULL, 1), ERR_UNAVAILABLE);
    assert_int_equal(requests, 1);
}

static void test_resumed(void **unused)
{
    (void)unused;
    cut_off = 1;
    assert_int_equal(open_times("vmlinuz", NULL, 1), ERR_OK);
    assert_int_equal(requests, 2);
    assert_int_equal(resumed, 1);
    cut_off = 2; /* not at all in this attempt: the part is kept for the next */
    assert_int_equal(open_times("initrd.gz", NULL, 1), ERR_UNAVAILABLE);
    assert_int_equal(image_cache_counts(cache)->bytes, SIZE);
    assert_int_equal(open_times("initrd.gz", NULL, 1), ERR_OK);
    assert_int_equal(resumed, 3);
}

static void test_lies_are_not_kept(void **unused)
{
    (void)unused;
    lies = 2;
    assert_int_equal(open_times("vmlinuz", NULL, 3), ERR_CORRUPT);
    assert_int_equal(requests, 2);
    assert_int_equal(open_times("vmlinuz", NULL, 1), ERR_OK);
    assert_int_equal(resumed, 0);
}

static void test_damage_on_disk(void **unused)
{
    (void)unused;
    char sha256[DIGEST_TEXT], path[256];
    struct error err;
    assert_int_equal(open_times("vmlinuz", NULL, 1), ERR_OK);
    close_cache();
    digest_sha256_text(contents[0], SIZE, sha256);
    snprintf(path, sizeof(path), "%s/%s", folder, sha256);
    contents[0][7] ^= 1;
    assert_int_equal(file_write(path, contents[0], SIZE, 0600, &err), ERR_OK);
    contents[0][7] ^= 1;
    open_cache(1 << 20, true);
    assert_int_equal(open_times("vmlinuz", NULL, 1), ERR_OK);
    assert_int_equal(requests, 2);
    close_cache();
    assert_int_equal(truncate(path, 10), 0);
    open_cache(1 << 20, true);
    assert_int_equal(open_times("vmlinuz", NULL, 1), ERR_OK);
    assert_int_equal(requests, 3);
    assert_int_equal(image_cache_counts(cache)->bytes, SIZE);
}

static void test_least_used_makes_room(void **unused)
{
    (void)unused;
    close_cache();
    open_cache(2 * SIZE, true);
    assert_int_equal(open_times("vmlinuz", NULL, 1), ERR_OK);
    usleep(2000);
    assert_int_equal(open_times("initrd.gz", NULL, 1), ERR_OK);
    usleep(2000);
    assert_int_equal(open_times("vmlinuz", NULL, 1), ERR_OK);
    usleep(2000);
    assert_int_equal(open_times("loader.efi", NULL, 1), ERR_OK);
    assert_int_equal(image_cache_counts(cache)->evictions, 1);
    assert_int_equal(image_cache_counts(cache)->bytes, 2 * SIZE);
    assert_int_equal(requests, 3);
    assert_int_equal(open_times("vmlinuz", NULL, 1), ERR_OK);
    assert_int_equal(requests, 3);
    assert_int_equal(open_times("initrd.gz", NULL, 1), ERR_OK);
    assert_int_equal(requests, 4);
    close_cache();
    open_cache(SIZE - 1, true);
    assert_int_equal(open_times("vmlinuz", NULL, 1), ERR_LIMIT);
}

static void test_no_region(void **unused)
{
    (void)unused;
    close_cache();
    open_cache(1 << 20, false);
    assert_int_equal(open_times("vmlinuz", NULL, 2), ERR_UNAVAILABLE);
    assert_int_equal(manifests, 0);
}

static void test_by_content(void **unused)
{
    (void)unused;
    char nowhere[] = "blobs/0000000000000000000000000000000000000000000000000000000000000000";
    assert_int_equal(open_times(blob_of(1), NULL, 5), ERR_OK);
    assert_int_equal(measured, 1);
    assert_int_equal(requests, 1);
    assert_int_equal(manifests, 0);
    assert_int_equal(image_cache_counts(cache)->bytes, SIZE);
    assert_int_equal(open_times("initrd.gz", NULL, 1), ERR_OK); /* the same bytes */
    assert_int_equal(requests, 1);
    assert_int_equal(open_times(nowhere, NULL, 3), ERR_NOT_FOUND);
    assert_int_equal(open_times("blobs/00", NULL, 1), ERR_NOT_FOUND);
    assert_int_equal(image_cache_counts(cache)->bytes, SIZE);
    close_cache();
    open_cache(1 << 20, false);
    assert_int_equal(open_times(blob_of(1), NULL, 1), ERR_OK);
    assert_int_equal(open_times(blob_of(0), NULL, 1), ERR_UNAVAILABLE);
    assert_int_equal(requests, 1);
    close_cache();
    open_cache(SIZE - 1, true);
    assert_int_equal(open_times(blob_of(0), NULL, 1), ERR_LIMIT);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_one_download_for_all),
        T(test_kept_without_region),
        T(test_resumed),
        T(test_lies_are_not_kept),
        T(test_damage_on_disk),
        T(test_least_used_makes_room),
        T(test_no_region),
        T(test_by_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
