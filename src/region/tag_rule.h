/*
 * Tags by rule: an XPath that is true of the hardware of a machine, as lshw describes it in XML.
 * Any thread, blocking for milliseconds. The only user of libxml2 in this room.
 * Source: XPath 1.0; MAAS API 2.0, tags, definition.
 */
#pragma once

#include "src/region/api.h"

enum { TAG_RULE_BYTES = 4096 };

/** Is it an XPath? Errors: BAD_INPUT with a text for people. */
enum error_code tag_rule_check(const char *rule, struct error *err);

/** A machine's hardware, read once for many rules. */
struct tag_rule_hardware;
/** NULL when xml is none: see xml_document.h. Nothing outside of it is read. */
struct tag_rule_hardware *tag_rule_hardware_read(const char *xml, size_t size);
void tag_rule_hardware_free(struct tag_rule_hardware *hardware);

/** Does it match: the rule finds something, or is true? False for a rule that is none. */
bool tag_rule_matches(const struct tag_rule_hardware *hardware, const char *rule);

/**
 * The tags of one machine follow all rules, from the newest output of maas-lshw that passed. Inside
 * the caller's transaction.
 */
enum error_code tag_rule_apply_to_node(struct db *db, int64_t node_id, struct arena *arena,
                                       struct error *err);

/** One tag follows its rule on all machines. Takes long with many: see api_after. */
enum error_code tag_rule_apply_tag(struct db *db, int64_t tag_id, struct arena *arena,
                                   struct error *err);
