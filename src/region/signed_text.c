/* Signed texts: see signed_text.h. */
#include "src/region/signed_text.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/process.h"
#include "src/model/stream.h"
#include "src/wire/digest.h"

enum { VERIFY_MS = 60000, SAYS_BYTES = 64 << 10 };

#define ARMOUR "-----BEGIN PGP PUBLIC KEY BLOCK-----"

/* gpgv takes binary keyrings alone: armour is headers, an empty line, base64, "=" and a checksum.
 */
static char *without_armour(struct arena *arena, const char *text, size_t size, size_t *bytes_size)
{
    char *copy = arena_strndup(arena, text, size);
    char *body = strstr(copy, "\n\n"), *crlf = strstr(copy, "\r\n\r\n");
    if (crlf && (!body || crlf < body))
        body = crlf + 2;
    char *end = body ? strstr(body, "-----END PGP") : NULL;
    char *checksum = body ? strstr(body, "\n=") : NULL;
    if (!end)
        return NULL;
    if (checksum && checksum < end)
        end = checksum;
    return digest_base64_parse(arena, body, (size_t)(end - body), bytes_size);
}

static enum error_code write_keyring(const struct signed_text *text, const char *path,
                                     struct arena *arena, struct error *err)
{
    const char *bytes = text->keyring;
    size_t size = text->keyring_size;
    if (size > strlen(ARMOUR) && !strncmp(bytes, ARMOUR, strlen(ARMOUR)))
        bytes = without_armour(arena, bytes, size, &size);
    if (!bytes || !size)
        return error_set(err, ERR_BAD_INPUT, "the keyring is malformed");
    return file_write(path, bytes, size, 0600, err);
}

static enum error_code verify(const struct signed_text *text, const char *folder,
                              const char *keyring, struct arena *arena, struct error *err)
{
    const char *out = arena_printf(arena, "%s/plain", folder);
    const char *const argv[] = {"/usr/bin/gpgv", "--homedir", folder, "--keyring", keyring,
                                "--output",      out,         "-",    NULL};
    struct process_run run = {.argv = argv,
                              .input = text->text,
                              .input_size = text->size,
                              .output_limit = SAYS_BYTES,
                              .timeout_ms = VERIFY_MS};
    struct process_result result;
    enum error_code code = process_run(&run, arena, &result, err);
    if (!code && result.status != 0)
        code = error_set(err, ERR_FORBIDDEN, "its signature is not good: %.200s",
                         process_last_line(arena, result.output));
    return code;
}

enum error_code signed_text_open(const struct signed_text *text, struct arena *arena, char **plain,
                                 size_t *plain_size, struct error *err)
{
    char folder[] = "/tmp/gantry-gpgv-XXXXXX";
    if (!mkdtemp(folder))
        return error_errno(err, "%s", folder);
    const char *keyring = text->keyring_file;
    enum error_code code = ERR_OK;
    if (!keyring) {
        keyring = arena_printf(arena, "%s/keys", folder);
        code = write_keyring(text, keyring, arena, err);
    } else if (access(keyring, R_OK)) {
        code = error_errno(err, "keyring %s", keyring);
    }
    if (!code)
        code = verify(text, folder, keyring, arena, err);
    if (!code)
        code = file_read(arena, arena_printf(arena, "%s/plain", folder), STREAM_BYTES, plain,
                         plain_size, err);
    file_remove_tree(folder, NULL);
    return code;
}
