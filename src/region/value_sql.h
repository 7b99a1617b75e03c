/*
 * Single values as clients get them, each form written down once, as SQL. names: VALUE_
 */
#pragma once

/** A time: "2026-01-31T08:15:00.000", UTC. */
#define VALUE_TIME_SQL(time) "to_char(" time " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS')"

/** Bytes: base64 on one line, "" for none. */
#define VALUE_BASE64_SQL(bytes) "translate(encode(coalesce(" bytes ", ''), 'base64'), E'\\n', '')"
