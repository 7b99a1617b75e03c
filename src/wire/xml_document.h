/*
 * Foreign XML: the one place that parses it, for power drivers and for rules of tags. Bounded;
 * documents with a document type are refused, so there are no entities and nothing is fetched.
 * Any thread. Source: XML 1.0; libxml2's parser.
 */
#pragma once

#include <stddef.h>

#include "src/base/error.h"

enum { XML_DOCUMENT_BYTES = 4 << 20 };

struct _xmlDoc; /* libxml2's */

/** From foreign bytes, with a root element and at most 256 elements inside of each other. Pure.
 * xmlFreeDoc it. Errors: CORRUPT; *document is NULL then. */
enum error_code xml_document_read(const char *bytes, size_t size, struct _xmlDoc **document,
                                  struct error *err);
