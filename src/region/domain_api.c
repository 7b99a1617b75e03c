/* The DNS domains that nodes are named in. Source: MAAS API 2.0, domains. */
#include "src/region/field_form.h"
#include "src/region/network_sql.h"
#include "src/region/routes.h"
#include "src/region/rows_reply.h"

/* Nothing of this version keeps records of the DNS. */
#define READ_SQL \
    "SELECT to_json(d) FROM (SELECT m.*, 0 AS resource_record_count FROM (" DOMAIN_SQL ") m) d "

enum error_code domains_read(struct api_request *request, struct api_reply *reply,
                             struct error *err)
{
    DB_STATEMENT(domain_list, READ_SQL "ORDER BY d.name");
    return rows_reply_list(request, reply, &domain_list, DB_NO_PARAMS, err);
}

enum error_code domain_read(struct api_request *request, struct api_reply *reply, struct error *err)
{
    DB_STATEMENT(domain_one,
                 READ_SQL "WHERE d.id = $1::bigint OR d.name = $2 ORDER BY (d.id = $1::bigint) "
                          "DESC NULLS LAST LIMIT 1");
    static const struct rows_one one = {&domain_one, "Domain"};
    const char *key = api_path(request, "id");
    return rows_reply_one(request, reply, &one, DB_PARAMS(field_form_id(key), key), err);
}
