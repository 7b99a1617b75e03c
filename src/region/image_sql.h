/*
 * The objects of images as MAAS shows them, and what is asked of them, each written down once, as
 * SQL. names: IMAGE_ BOOT_
 */
#pragma once

#include "src/region/value_sql.h"

/** Some region has all of its files; at least one. */
#define IMAGE_SET_WHOLE(set)                                                      \
    "(EXISTS (SELECT FROM boot_resource_file w WHERE w.set_id = " set             \
    ".id) AND NOT EXISTS (SELECT FROM boot_resource_file w WHERE w.set_id = " set \
    ".id AND NOT EXISTS (SELECT FROM blob_copy c WHERE c.sha256 = w.sha256)))"

/** A machine can run it without a disk. */
#define IMAGE_SET_BOOTS(set)                                                             \
    "(SELECT count(DISTINCT w.filetype) FROM boot_resource_file w WHERE w.set_id = " set \
    ".id AND w.filetype IN ('boot-kernel', 'boot-initrd', 'squashfs')) = 3"

/* clang-format off */
#define BOOT_SOURCE_SQL                                                                            \
    "SELECT id, url, keyring_filename, " VALUE_BASE64_SQL("keyring_data") " AS keyring_data, "     \
    VALUE_TIME_SQL("created") " AS created, " VALUE_TIME_SQL("updated") " AS updated, "            \
    "'/MAAS/api/2.0/boot-sources/' || id || '/' AS resource_uri FROM boot_source"
/* clang-format on */

#define BOOT_SELECTION_SQL                                                               \
    "SELECT id, boot_source_id, os, release, arches, subarches, labels, "                \
    "'/MAAS/api/2.0/boot-sources/' || boot_source_id || '/selections/' || id || '/' AS " \
    "resource_uri FROM boot_source_selection"

/** A custom image is called by its bare name. */
#define BOOT_RESOURCE_SQL                                                                         \
    "SELECT r.id, CASE WHEN r.boot_source_id IS NULL THEN 'Uploaded' ELSE 'Synced' END AS type, " \
    "CASE WHEN r.os = 'custom' THEN r.release ELSE r.os || '/' || r.release END AS name, "        \
    "r.arch || '/' || r.subarch AS architecture, "                                                \
    "coalesce(nullif(r.subarches, ''), r.subarch) AS subarches, r.title, " VALUE_TIME_SQL(        \
        "r.last_deployed") " AS last_deployed, "                                                  \
                           "'/MAAS/api/2.0/boot-resources/' || r.id || '/' AS resource_uri"

#define BOOT_FILE_SQL                                                                      \
    "SELECT f.filename, json_strip_nulls(json_build_object('filename', f.filename, "       \
    "'filetype', f.filetype, 'sha256', f.sha256, 'size', f.size, "                         \
    "'filename_on_disk', f.sha256, 'complete', h.here, "                                   \
    "'progress', CASE WHEN NOT h.here THEN "                                               \
    "round(100.0 * f.received / greatest(f.size, 1), 1) END, "                             \
    "'upload_uri', CASE WHEN NOT h.here AND f.path IS NULL THEN "                          \
    "'/MAAS/api/2.0/boot-resources/' || s.resource_id || '/upload/' || f.id || '/' END)) " \
    "AS file FROM boot_resource_file f CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM "    \
    "blob_copy c WHERE c.sha256 = f.sha256) AS here) h WHERE f.set_id = s.id"

#define BOOT_SETS_SQL                                                                           \
    "(SELECT coalesce(json_object_agg(s.version, json_strip_nulls(json_build_object("           \
    "'version', s.version, 'label', s.label, 'size', t.size, 'complete', t.missing = 0, "       \
    "'progress', CASE WHEN t.missing > 0 THEN "                                                 \
    "round(100.0 * t.received / greatest(t.size, 1), 1) END, "                                  \
    "'files', (SELECT coalesce(json_object_agg(x.filename, x.file), '{}') FROM (" BOOT_FILE_SQL \
    ") x))) ORDER BY s.version DESC), '{}') FROM boot_resource_set s CROSS JOIN LATERAL ("      \
    "SELECT coalesce(sum(f.size), 0) AS size, count(*) FILTER (WHERE NOT h.here) AS missing, "  \
    "sum(CASE WHEN h.here THEN f.size ELSE f.received END) AS received "                        \
    "FROM boot_resource_file f CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM blob_copy c "     \
    "WHERE c.sha256 = f.sha256) AS here) h WHERE f.set_id = s.id) t "                           \
    "WHERE s.resource_id = r.id) AS sets"
