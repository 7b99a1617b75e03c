/* SSH keys of people: see sshkey_store.h. Source: RFC 4253 6.6, sshd(8) AUTHORIZED_KEYS. */
#include "src/region/sshkey_store.h"

#include <string.h>

#include "src/base/container.h"
#include "src/wire/digest.h"

static const char *const types[] = {
    "ssh-rsa",
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
};

/* "type base64 comment" on one line, and the base64 begins with the same type. */
static bool is_key(const char *text, struct arena *arena)
{
    size_t type_size = strcspn(text, " "), size = 0;
    bool known = false;
    for (size_t i = 0; i < COUNT_OF(types); i++)
        known = known || (strlen(types[i]) == type_size && !strncmp(text, types[i], type_size));
    if (!known || strlen(text) > 16384 || text[strcspn(text, "\r\n")])
        return false;
    const char *blob = text + type_size + strspn(text + type_size, " ");
    const unsigned char *bytes =
        (const unsigned char *)digest_base64_parse(arena, blob, strcspn(blob, " "), &size);
    return bytes && size > type_size + 4 && !bytes[0] && !bytes[1] && !bytes[2] &&
           bytes[3] == type_size && !memcmp(bytes + 4, text, type_size);
}

static struct sshkey key_of(const struct db_rows *rows, int row, struct arena *arena)
{
    return (struct sshkey){
        .id = db_int(rows, row, 0),
        .account_id = db_int(rows, row, 1),
        .key = arena_strdup(arena, db_text(rows, row, 2)),
        .keysource = arena_strdup(arena, db_text(rows, row, 3)),
    };
}

enum error_code sshkey_store_create(struct db *db, int64_t account_id, const char *text,
                                    struct arena *arena, struct sshkey *key, struct error *err)
{
    DB_STATEMENT(sshkey_create, "INSERT INTO ssh_key (account_id, key) VALUES ($1, $2) "
                                "RETURNING id, account_id, key, keysource");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    const char *trimmed = arena_trim(arena, text);
    if (!is_key(trimmed, arena))
        return error_set(err, ERR_BAD_INPUT, "Invalid SSH public key.");
    enum error_code code =
        db_query(db, &sshkey_create, DB_PARAMS(db_number(arena, account_id), trimmed), &rows, err);
    if (code == ERR_CONFLICT)
        return error_set(err, ERR_CONFLICT, "This key has already been added for this user.");
    if (!code && key)
        *key = key_of(&rows, 0, arena);
    return code;
}

enum error_code sshkey_store_import(struct db *db, const struct sshkey_import *import,
                                    struct arena *arena, struct error *err)
{
    DB_STATEMENT(sshkey_import, "INSERT INTO ssh_key (account_id, key, keysource) "
                                "SELECT $1, k, $3 FROM unnest($2::text[]) WITH ORDINALITY u (k, o) "
                                "ORDER BY o ON CONFLICT DO NOTHING");
    const char **keys = ARENA_ARRAY(arena, const char *, (size_t)import->count + 1);
    int count = 0;
    for (int i = 0; i < import->count; i++)
        if (is_key(import->texts[i], arena))
            keys[count++] = import->texts[i];
    if (!count)
        return error_set(err, ERR_BAD_INPUT,
                         "Unable to import SSH keys. There are no SSH keys for %.300s.",
                         import->keysource);
    return db_query(db, &sshkey_import,
                    DB_PARAMS(db_number(arena, import->account_id), db_array(arena, keys, count),
                              import->keysource),
                    NULL, err);
}

enum error_code sshkey_store_list(struct db *db, int64_t account_id, const char *keysource,
                                  struct arena *arena, struct sshkey_list *list, struct error *err)
{
    DB_STATEMENT(sshkey_list, "SELECT id, account_id, key, keysource FROM ssh_key WHERE "
                              "account_id = $1 AND ($2::text IS NULL OR keysource = $2) "
                              "ORDER BY id");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code =
        db_query(db, &sshkey_list, DB_PARAMS(db_number(arena, account_id), keysource), &rows, err);
    if (code)
        return code;
    list->count = rows.count;
    list->keys = ARENA_ARRAY(arena, struct sshkey, (size_t)rows.count + 1);
    for (int i = 0; i < rows.count; i++)
        list->keys[i] = key_of(&rows, i, arena);
    return ERR_OK;
}

enum error_code sshkey_store_find(struct db *db, const char *id, struct arena *arena,
                                  struct sshkey *key, struct error *err)
{
    DB_STATEMENT(sshkey_find,
                 "SELECT id, account_id, key, keysource FROM ssh_key WHERE id::text = $1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    enum error_code code = db_query(db, &sshkey_find, DB_PARAMS(id), &rows, err);
    if (code)
        return code;
    if (!rows.count)
        return error_set(err, ERR_NOT_FOUND, "No SSHKey matches the given query.");
    *key = key_of(&rows, 0, arena);
    return ERR_OK;
}

enum error_code sshkey_store_delete(struct db *db, const char *id, struct error *err)
{
    DB_STATEMENT(sshkey_delete, "DELETE FROM ssh_key WHERE id::text = $1");
    return db_query(db, &sshkey_delete, DB_PARAMS(id), NULL, err);
}
