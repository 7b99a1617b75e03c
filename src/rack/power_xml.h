/*
 * Replies in XML, for power drivers: bounded, nothing is fetched and no entity expanded. Elements
 * are found by their names without prefix, in the order of the text. Any thread.
 * names: power_xml_
 */
#pragma once

#include <stddef.h>

#include "src/base/arena.h"
#include "src/base/error.h"

struct power_xml;         /* a document */
struct power_xml_element; /* a part of it */

/** From foreign bytes. Pure. Free it. Errors: CORRUPT. */
enum error_code power_xml_read(const char *bytes, size_t size, struct power_xml **xml,
                               struct error *err);
void power_xml_free(struct power_xml *xml);

const struct power_xml_element *power_xml_root(const struct power_xml *xml);

/** The next one of this name inside of within, behind after (NULL = the first); or NULL. */
const struct power_xml_element *power_xml_next(const struct power_xml_element *within,
                                               const struct power_xml_element *after,
                                               const char *name);

/** The first element inside of within, whatever its name; or NULL. */
const struct power_xml_element *power_xml_child(const struct power_xml_element *within);

/** Its text without blanks around it, or "". NULL gives NULL. */
const char *power_xml_text(const struct power_xml_element *element, struct arena *arena);

/** Value of an attribute, NULL when it has none. */
const char *power_xml_attribute(const struct power_xml_element *element, const char *name,
                                struct arena *arena);

/** Text as it stands in an element or an attribute. */
const char *power_xml_escape(struct arena *arena, const char *text);
