/*
 * What events there are: one table of names, levels and texts. Any thread.
 * Source: MAAS API 2.0, events. names: event_type_ event_level_
 */
#pragma once

enum event_level {
    EVENT_AUDIT = 0,
    EVENT_DEBUG = 10,
    EVENT_INFO = 20,
    EVENT_WARNING = 30,
    EVENT_ERROR = 40,
    EVENT_CRITICAL = 50,
};

struct event_type {
    const char *name; /* "NODE_PXE_REQUEST" */
    enum event_level level;
    const char *text; /* for people: "PXE Request" */
};

/** The row with this name, or NULL. */
const struct event_type *event_type_find(const char *name);

/** "INFO"; the level of such a word (any case), or -1. */
const char *event_level_name(int level);
int event_level_parse(const char *word);
