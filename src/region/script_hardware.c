/* Scripts for some hardware only: see script_hardware.h. */
#include "src/region/script_hardware.h"

/* clang-format off */
/* Does word w, as "pci:8086:1572", "modalias:pci:v00008086*" or "system_vendor:QEMU", fit node n? */
#define ID_SQL(part) "lower(split_part(w, ':', " part "))"
#define BUS_SQL(bus)                                                                               \
    "EXISTS (SELECT FROM node_device d WHERE d.node_id = n.id AND d.bus = " bus " AND "            \
    "lower(d.vendor_id) = " ID_SQL("2") " AND " ID_SQL("3") " IN ('', '*', lower(d.product_id)))"
#define VALUE_SQL "substr(w, strpos(w, ':') + 1)"
#define PATTERN_SQL                                                                                \
    "translate(replace(replace(replace(" VALUE_SQL ", '\\', '\\\\'), '%', '\\%'), '_', '\\_'), "   \
    "'*?', '%_')"
#define MODALIAS_SQL                                                                               \
    "EXISTS (SELECT FROM script_result m, regexp_split_to_table(encode(m.output, "                 \
    "'escape'), E'\\n') line WHERE m.script_set_id = n.commissioning_set_id AND m.name = "         \
    "'maas-list-modaliases' AND m.status = 2 AND line ILIKE " PATTERN_SQL ")"
#define FITS_SQL                                                                                   \
    "CASE lower(split_part(w, ':', 1)) WHEN 'pci' THEN " BUS_SQL("1") " WHEN 'usb' THEN "          \
    BUS_SQL("2") " WHEN 'modalias' THEN " MODALIAS_SQL " ELSE "                                    \
    "lower(n.hardware ->> lower(split_part(w, ':', 1))) = lower(" VALUE_SQL ") END"
/* clang-format on */

enum error_code script_hardware_skip(struct db *db, int64_t node_id, struct arena *arena,
                                     struct error *err)
{
    DB_STATEMENT(
        script_hardware_skip_results,
        "UPDATE script_result r SET status = 9, ended = now(), updated = now() FROM script s, "
        "node n WHERE n.id = $1 AND s.id = r.script_id AND r.script_set_id IN "
        "(n.commissioning_set_id, n.testing_set_id, n.release_set_id) AND r.status = 0 AND "
        "s.for_hardware <> '{}' AND " SCRIPT_HARDWARE_KNOWN_SQL " AND NOT EXISTS (SELECT FROM "
        "unnest(s.for_hardware) w WHERE " FITS_SQL ")");
    return db_query(db, &script_hardware_skip_results, DB_PARAMS(db_number(arena, node_id)), NULL,
                    err);
}
