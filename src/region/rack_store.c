/* What the database knows of a rack: see rack_store.h. */
#include "src/region/rack_store.h"

static enum error_code read_vlans(const struct rack_peer *peer, struct db *db, json_t *params,
                                  struct arena *arena, json_t **result, struct error *err)
{
    DB_STATEMENT(rack_vlans, "SELECT DISTINCT i.vlan_id FROM interface i "
                             "JOIN node n ON n.id = i.node_id "
                             "WHERE n.system_id = $1 AND i.vlan_id IS NOT NULL ORDER BY 1");
    __attribute__((cleanup(db_rows_close))) struct db_rows rows = {0};
    (void)params, (void)arena;
    enum error_code code = db_query(db, &rack_vlans, DB_PARAMS(peer->system_id), &rows, err);
    if (code)
        return code;
    json_t *list = json_array();
    for (int row = 0; row < rows.count; row++)
        json_array_append_new(list, json_integer((json_int_t)db_int(&rows, row, 0)));
    *result = json_pack("{so}", "vlans", list);
    return ERR_OK;
}

const struct rack_call_row rack_store_vlans_row = {"vlans", DB_READ, read_vlans};
