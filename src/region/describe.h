/*
 * The describe document, built once from the table of actions: what MAAS's clients build their
 * commands from. Its hash is equal on every region of one version.
 */
#pragma once

#include "src/base/spool.h"

/** Before the first thread. */
void describe_init(void);

/** 40 hex digits, for X-MAAS-API-Hash. */
const char *describe_hash(void);

/** The document with absolute URIs below base_url ("http://host:5240"). */
void describe_write(struct spool *spool, const char *base_url);
