/* The HTTP client against a small real server: replies, limits, trust, downloads, uploads. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/wire/digest.h"
#include "src/wire/http_client.h"
#include "src/wire/multipart.h"
#include "src/wire/oauth.h"
#include "test/lib/test_ca.h"
#include "test/lib/test_http.h"
#include "test/lib/test_ip.h"

static struct test_ca ours, theirs;
static struct test_http http;
static struct http_client *client;
static struct arena *arena;
static struct error err;
static struct http_client_reply reply;

static bool path_is(const struct test_http_exchange *exchange, const char *path)
{
    const char *at = strchr(exchange->head, ' ');
    return at && !strncmp(at + 1, path, strlen(path));
}

static void answer(struct test_http_exchange *e)
{
    if (path_is(e, "/echo")) {
        e->answer_size = strlen(e->head) + e->body_size;
        e->answer = calloc(1, e->answer_size + 1);
        memcpy(e->answer, e->head, strlen(e->head));
        memcpy(e->answer + strlen(e->head), e->body, e->body_size);
        strcpy(e->headers, "ETag: \"abc\"\r\nX-Empty:\r\n");
    } else if (path_is(e, "/big")) {
        e->answer_size = 3 << 20;
        e->answer = malloc(e->answer_size);
        memset(e->answer, 'b', e->answer_size);
    } else if (path_is(e, "/short")) {
        e->answer_size = 1000;
        e->answer = calloc(1, 1000);
        e->send_at_most = 500;
    } else if (path_is(e, "/slow")) {
        e->delay_ms = 1000;
    } else if (path_is(e, "/gone")) {
        TEST_IP("link", "set", "lo", "down");
        e->delay_ms = 4000;
    } else if (path_is(e, "/moved")) {
        e->status = 302;
        strcpy(e->headers, "Location: /echo\r\n");
    } else {
        e->status = path_is(e, "/busy") ? 503 : 404;
        e->answer = strdup("No such thing.\nmore");
        e->answer_size = strlen(e->answer);
    }
}

static int set_up(void **unused)
{
    (void)unused;
    test_ca_open(&ours);
    test_ca_open(&theirs);
    arena = arena_new();
    client = http_client_new();
    http.port = 0;
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    if (http.port)
        test_http_close(&http);
    http_client_free(client);
    arena_free(arena);
    test_ca_close(&ours);
    test_ca_close(&theirs);
    return 0;
}

static const char *url(const char *scheme, const char *path)
{
    return arena_printf(arena, "%s://127.0.0.1:%d%s", scheme, http.port, path);
}

static void test_get_and_headers(void **unused)
{
    (void)unused;
    test_http_open(&http, NULL, 0, answer);
    const char *const headers[] = {"X-One: 1"};
    struct http_client_request request = {
        .url = url("http", "/echo?a=b"), .headers = headers, .headers_count = 1};
    assert_int_equal(http_client_run(client, &request, arena, &reply, &err), ERR_OK);
    assert_int_equal(reply.status, 200);
    assert_memory_equal(reply.body, "GET /echo?a=b HTTP/1.1\r\n", 24);
    assert_non_null(strstr(reply.body, "X-One: 1\r\n"));
    assert_string_equal(http_client_header(&reply, "etag", arena), "\"abc\"");
    assert_string_equal(http_client_header(&reply, "x-empty", arena), "");
    assert_null(http_client_header(&reply, "tag", arena));
    assert_int_equal(http_client_expect(&reply, request.url, &err), ERR_OK);
}

static void test_methods_and_bodies(void **unused)
{
    (void)unused;
    test_http_open(&http, NULL, 0, answer);
    struct http_client_request request = {.url = url("http", "/echo"),
                                          .method = "POST",
                                          .body = "a\0b",
                                          .body_size = 3,
                                          .content_type = "text/plain"};
    assert_int_equal(http_client_run(client, &request, arena, &reply, &err), ERR_OK);
    assert_memory_equal(reply.body, "POST /echo", 10);
    assert_non_null(strstr(reply.body, "Content-Type: text/plain\r\n"));
    assert_memory_equal(reply.body + reply.body_size - 3, "a\0b", 3);
    request = (struct http_client_request){.url = url("http", "/echo"), .method = "DELETE"};
    assert_int_equal(http_client_run(client, &request, arena, &reply, &err), ERR_OK);
    assert_memory_equal(reply.body, "DELETE /echo", 12);
    request.method = "POST"; /* without a body */
    assert_int_equal(http_client_run(client, &request, arena, &reply, &err), ERR_OK);
    assert_non_null(strstr(reply.body, "Content-Length: 0\r\n"));
}

static void test_statuses_become_errors(void **unused)
{
    (void)unused;
    test_http_open(&http, NULL, 0, answer);
    struct http_client_request request = {.url = url("http", "/nothing")};
    assert_int_equal(http_client_run(client, &request, arena, &reply, &err), ERR_OK);
    assert_int_equal(http_client_expect(&reply, request.url, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "status 404: No such thing."));
    assert_null(strstr(err.text, "more"));
    request.url = url("http", "/busy");
    assert_int_equal(http_client_run(client, &request, arena, &reply, &err), ERR_OK);
    assert_int_equal(http_client_expect(&reply, request.url, &err), ERR_UNAVAILABLE);
    request.url = url("http", "/moved");
    assert_int_equal(http_client_run(client, &request, arena, &reply, &err), ERR_OK);
    assert_int_equal(reply.status, 302);
    request.follow = true;
    assert_int_equal(http_client_run(client, &request, arena, &reply, &err), ERR_OK);
    assert_int_equal(reply.status, 200);
    assert_null(http_client_header(&reply, "location", arena));
}

static void test_limits(void **unused)
{
    (void)unused;
    test_http_open(&http, NULL, 0, answer);
    struct http_client_request request = {.url = url("http", "/big"), .reply_limit = 1 << 20};
    assert_int_equal(http_client_run(client, &request, arena, &reply, &err), ERR_TOO_LARGE);
    request = (struct http_client_request){.url = url("http", "/slow"), .timeout_ms = 200};
    assert_int_equal(http_client_run(client, &request, arena, &reply, &err), ERR_TIMEOUT);
    request = (struct http_client_request){.url = url("http", "/short")};
    assert_int_equal(http_client_run(client, &request, arena, &reply, &err), ERR_UNAVAILABLE);
    request.url = "ftp://127.0.0.1/";
    assert_int_equal(http_client_run(client, &request, arena, &reply, &err), ERR_BAD_INPUT);
    request.url = "http://127.0.0.1:1/";
    assert_int_equal(http_client_run(client, &request, arena, &reply, &err), ERR_UNAVAILABLE);
    assert_non_null(strstr(err.text, "http://127.0.0.1:1/: "));
}

/* Tokens and passwords stand in URLs of webhooks, mirrors and BMCs. */
static void test_errors_tell_no_secret(void **unused)
{
    (void)unused;
    test_http_open(&http, NULL, 0, answer);
    const char *with_user = arena_printf(arena, "http://joe:s3cret@127.0.0.1:%d", http.port);
    struct http_client_request request = {
        .url = arena_printf(arena, "%s/nothing?token=s3cret#s3cret", with_user)};
    assert_int_equal(http_client_run(client, &request, arena, &reply, &err), ERR_OK);
    assert_int_equal(http_client_expect(&reply, request.url, &err), ERR_NOT_FOUND);
    assert_null(strstr(err.text, "s3cret"));
    assert_non_null(strstr(err.text, url("http", "/nothing: status 404")));
    request.url = arena_printf(arena, "%s/big?token=s3cret", with_user);
    request.reply_limit = 1000;
    assert_int_equal(http_client_run(client, &request, arena, &reply, &err), ERR_TOO_LARGE);
    assert_null(strstr(err.text, "s3cret"));
    request.url = "http://joe:s3cret@127.0.0.1:1/x?token=s3cret";
    assert_int_equal(http_client_run(client, &request, arena, &reply, &err), ERR_UNAVAILABLE);
    assert_null(strstr(err.text, "s3cret"));
    assert_null(strstr(err.text, "joe"));
    assert_non_null(strstr(err.text, "http://127.0.0.1:1/x: "));
}

static void test_shown_urls(void **unused)
{
    static const char *const urls[][2] = {
        {"https://h:1/a/b", "https://h:1/a/b"},
        {"http://u@h?q=1", "http://h"},
        {"http://u:p@ss@h/a@b#f", "http://h/a@b"},
        {"u:p@h/x?y", "h/x"},
        {"h/x?to=http://u:p@h", "h/x"},
        {"http://[::1]:8/x", "http://[::1]:8/x"},
        {"http://h?u@v://w", "http://h"},
        {"", ""},
    };
    char shown[HTTP_CLIENT_SHOWN], large[4096] = "http://h/";
    (void)unused;
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
        assert_string_equal(http_client_show(urls[i][0], shown), urls[i][1]);
    memset(large + strlen(large), 'x', sizeof(large) - 10);
    assert_int_equal(strlen(http_client_show(large, shown)), HTTP_CLIENT_SHOWN - 1);
}

static enum error_code reach(const struct http_client_tls *tls)
{
    struct http_client_request request = {.url = url("https", "/echo"), .tls = *tls};
    return http_client_run(client, &request, arena, &reply, &err);
}

static void test_trust_by_file(void **unused)
{
    (void)unused;
    struct tls_files files = test_ca_files(&ours, "region1", "region", 10);
    test_http_open(&http, &files, 0, answer);
    const char *other = arena_printf(arena, "%s/ca.pem", theirs.folder);
    assert_int_equal(reach(&(struct http_client_tls){.ca_file = files.ca}), ERR_OK);
    assert_int_equal(reach(&(struct http_client_tls){.ca_file = other}), ERR_FORBIDDEN);
    assert_int_equal(reach(&(struct http_client_tls){0}), ERR_FORBIDDEN);
    assert_int_equal(reach(&(struct http_client_tls){.ca_file = "/nowhere"}), ERR_NOT_FOUND);
    assert_int_equal(reach(&(struct http_client_tls){.ca_file = files.ca, .role = "region"}),
                     ERR_OK);
    assert_int_equal(reach(&(struct http_client_tls){.ca_file = files.ca, .role = "rack"}),
                     ERR_FORBIDDEN);
}

static void test_trust_by_fingerprint(void **unused)
{
    (void)unused;
    struct tls_files files = test_ca_files(&ours, "region1", "region", 10);
    test_http_open(&http, &files, 0, answer);
    const char *mine = ca_certificate(ours.ca)->fingerprint;
    const char *other = ca_certificate(theirs.ca)->fingerprint;
    assert_int_equal(reach(&(struct http_client_tls){.ca_fingerprint = mine}), ERR_OK);
    assert_int_equal(reach(&(struct http_client_tls){.ca_fingerprint = other}), ERR_FORBIDDEN);
    assert_int_equal(reach(&(struct http_client_tls){.ca_fingerprint = "ab"}), ERR_BAD_INPUT);
    assert_int_equal(reach(&(struct http_client_tls){.ca_fingerprint = mine, .role = "rack"}),
                     ERR_FORBIDDEN);
    /* the leaf's own fingerprint is no authority's */
    struct certificate leaf;
    assert_int_equal(certificate_read(files.certificate, &leaf, &err), ERR_OK);
    assert_int_equal(reach(&(struct http_client_tls){.ca_fingerprint = leaf.fingerprint}),
                     ERR_FORBIDDEN);
}

static void test_pinned_ca_must_have_signed(void **unused)
{
    (void)unused;
    /* the pinned CA is in the chain, but the leaf is another CA's */
    struct tls_files files = test_ca_files(&theirs, "region1", "region", 10);
    char *chain = NULL;
    assert_int_equal(file_read(arena, files.certificate, 1 << 16, &chain, NULL, &err), ERR_OK);
    chain = arena_printf(arena, "%s%s", chain, ca_pem(ours.ca));
    assert_int_equal(file_write(files.certificate, chain, strlen(chain), 0644, &err), ERR_OK);
    test_http_open(&http, &files, 0, answer);
    const char *mine = ca_certificate(ours.ca)->fingerprint;
    assert_int_equal(reach(&(struct http_client_tls){.ca_fingerprint = mine, .role = "region"}),
                     ERR_FORBIDDEN);
}

static void test_client_certificate(void **unused)
{
    (void)unused;
    struct tls_files files = test_ca_files(&ours, "region1", "region", 10);
    struct tls_files rack = test_ca_files(&ours, "rack1", "rack", 10);
    test_http_open(&http, &files, 1, answer);
    assert_int_equal(reach(&(struct http_client_tls){.ca_file = files.ca}), ERR_UNAVAILABLE);
    struct http_client_tls tls = {files.ca, NULL, "region", rack.certificate, rack.key};
    assert_int_equal(reach(&tls), ERR_OK);
}

static void test_download(void **unused)
{
    (void)unused;
    test_http_open(&http, NULL, 0, answer);
    const char *path = arena_printf(arena, "%s/image", ours.folder);
    char sha[DIGEST_TEXT], *bytes = malloc(3 << 20);
    memset(bytes, 'b', 3 << 20);
    digest_sha256_text(bytes, 3 << 20, sha);
    free(bytes);
    struct http_client_request request = {.url = url("http", "/big")};
    assert_int_equal(http_client_download(client, &request, path, sha, &err), ERR_OK);
    char found[DIGEST_TEXT];
    assert_int_equal(digest_sha256_file(path, found, NULL), ERR_OK);
    assert_string_equal(found, sha);
    unlink(path);
    sha[0] = sha[0] == 'a' ? 'b' : 'a';
    assert_int_equal(http_client_download(client, &request, path, sha, &err), ERR_CORRUPT);
    request.url = url("http", "/nothing");
    assert_int_equal(http_client_download(client, &request, path, NULL, &err), ERR_NOT_FOUND);
    request.url = url("http", "/short");
    assert_int_equal(http_client_download(client, &request, path, NULL, &err), ERR_UNAVAILABLE);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(system(arena_printf(arena, "! ls %s | grep -q image", ours.folder)), 0);
}

static void test_multipart_and_oauth(void **unused)
{
    (void)unused;
    test_http_open(&http, NULL, 0, answer);
    struct multipart parts;
    multipart_init(&parts);
    multipart_text(&parts, "op", "signal");
    multipart_file(&parts,
                   &(struct multipart_file){"a\"b", "x\r\ny", "text/plain", "1\r\n\0002", 5});
    assert_int_equal(multipart_finish(&parts, &err), ERR_OK);
    struct oauth_key key;
    assert_int_equal(oauth_key_parse("aaa:bbb:c/c", arena, &key, &err), ERR_OK);
    const char *const headers[] = {oauth_header(&key, arena)};
    struct http_client_request request = {.url = url("http", "/echo"),
                                          .method = "POST",
                                          .spool = &parts.body,
                                          .content_type = parts.content_type,
                                          .headers = headers,
                                          .headers_count = 1};
    assert_int_equal(http_client_run(client, &request, arena, &reply, &err), ERR_OK);
    const char *body = strstr(reply.body, "\r\n\r\n") + 4;
    char *wanted = arena_printf(arena,
                                "--%s\r\nContent-Disposition: form-data; name=\"op\"\r\n\r\nsignal"
                                "\r\n--%s\r\nContent-Disposition: form-data; name=\"a%%22b\"; "
                                "filename=\"x%%0D%%0Ay\"\r\nContent-Type: text/plain\r\n\r\n1\r\n",
                                parts.boundary, parts.boundary);
    assert_memory_equal(body, wanted, strlen(wanted));
    const char *end = arena_printf(arena, "2\r\n--%s--\r\n", parts.boundary);
    assert_memory_equal(reply.body + reply.body_size - strlen(end), end, strlen(end));
    assert_non_null(strstr(reply.body, "oauth_consumer_key=\"aaa\", oauth_token=\"bbb\", "
                                       "oauth_signature=\"%26c%2Fc\""));
    multipart_close(&parts);
    const char *const bad[] = {"", "a", "a:b", "a:b:", "a::c", "a:b:c:d", "a:b:c d"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(oauth_key_parse(bad[i], arena, &key, &err), ERR_BAD_INPUT);
}

/* Leaves the others' network for good: the last test. */
static void test_a_host_that_is_gone(void **unused)
{
    (void)unused;
    if (unshare(CLONE_NEWNET))
        skip();
    TEST_IP("link", "set", "lo", "up");
    test_http_open(&http, NULL, 0, answer);
    struct http_client_request request = {
        .url = url("http", "/gone"), .dead_s = 1, .timeout_ms = 3500};
    assert_int_equal(http_client_run(client, &request, arena, &reply, &err), ERR_UNAVAILABLE);
    TEST_IP("link", "set", "lo", "up");
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_get_and_headers),
        T(test_methods_and_bodies),
        T(test_statuses_become_errors),
        T(test_limits),
        T(test_errors_tell_no_secret),
        T(test_shown_urls),
        T(test_trust_by_file),
        T(test_trust_by_fingerprint),
        T(test_pinned_ca_must_have_signed),
        T(test_client_certificate),
        T(test_download),
        T(test_multipart_and_oauth),
        T(test_a_host_that_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
