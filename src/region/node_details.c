/* Hardware details as BSON: see node_details.h. Source: bsonspec.org 1.1; MAAS API 2.0, nodes. */
#include "src/region/node_details.h"

#include <endian.h>
#include <string.h>

#include "src/base/spool.h"
#include "src/region/node_reply.h"
#include "src/region/script_sql.h"
#include "src/wire/digest.h"

enum { BSON_BINARY = 0x05, BSON_NULL = 0x0a };

static void put_int32(struct spool *out, size_t value)
{
    uint32_t little = htole32((uint32_t)value);
    spool_put(out, &little, sizeof(little));
}

/* One member: type, name, and for bytes their length, subtype 0 and themselves. */
static void put_bytes(struct spool *out, const char *name, const char *bytes, size_t size)
{
    char type = bytes ? BSON_BINARY : BSON_NULL;
    spool_put(out, &type, 1);
    spool_put(out, name, strlen(name) + 1);
    if (!bytes)
        return;
    put_int32(out, size);
    spool_put(out, "", 1);
    spool_put(out, bytes, size);
}

static void put_column(struct spool *out, const char *name, const char *base64, struct arena *arena)
{
    size_t size = 0;
    const char *bytes = base64 ? digest_base64_parse(arena, base64, strlen(base64), &size) : NULL;
    put_bytes(out, name, bytes, size);
}

enum error_code node_details_reply(struct api_request *request, struct api_reply *reply,
                                   unsigned types, struct error *err)
{
    DB_STATEMENT(node_details_read,
                 "SELECT " SCRIPT_NEWEST_SQL("$1", "maas-lshw") ", " SCRIPT_NEWEST_SQL(
                     "$1", "maas-capture-lldpd"));
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    struct machine found;
    struct spool document;
    enum error_code code = node_reply_find(request, types, &found, err);
    if (!code)
        code = db_query(request->db, &node_details_read,
                        DB_PARAMS(db_number(request->arena, found.id)), &rows, err);
    if (code)
        return code;
    spool_init(&document);
    put_int32(&document, 0); /* its length, known at the end */
    put_column(&document, "lshw", db_text(&rows, 0, 0), request->arena);
    put_column(&document, "lldp", db_text(&rows, 0, 1), request->arena);
    spool_put(&document, "", 1);
    uint32_t size = htole32((uint32_t)document.used);
    memcpy(document.bytes, &size, sizeof(size));
    api_reply_bytes(reply, "application/bson", document.bytes, document.used);
    spool_close(&document);
    return ERR_OK;
}
