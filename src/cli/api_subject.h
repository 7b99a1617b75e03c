/*
 * From words of the command line to a row of the action table: "gantry machine deploy abc" is
 * MachineHandler's deploy. A subject is one thing in the singular; it has the actions of its
 * collection and of the single thing; reading a collection is "list". MAAS's own names work too:
 * machines, boot-resources, read, set-zone.
 */
#pragma once

#include "src/base/arena.h"
#include "src/model/api_action.h"

enum { API_SUBJECT_NAME = 64, API_SUBJECT_PARTS = 4 };

/** The URI's parts of a path template: "machines/{system_id}/" has one. Texts in the arena. */
struct api_subject_parts {
    int count;
    const char *names[API_SUBJECT_PARTS];
};
void api_subject_parts(const char *path, struct arena *arena, struct api_subject_parts *parts);

/** "MachinesHandler" -> "machine", "IPRangesHandler" -> "iprange", "MaasHandler" -> "maas". */
const char *api_subject_name(const char *handler_name, struct arena *arena);

/** The action's word: "power_on" -> "power-on", the read of a collection -> "list". */
const char *api_subject_verb(const struct api_action *action, struct arena *arena);

/** Is there a subject (or MAAS's name of a handler) of this name? */
bool api_subject_exists(const char *word);

/**
 * The action that subject and verb name; where a collection and its single thing both have it, the
 * one with that many parts of the URI. Errors: BAD_INPUT, which names what there is.
 */
enum error_code api_subject_find(const char *subject, const char *verb, int parts_given,
                                 struct arena *arena, const struct api_action **action,
                                 struct error *err);

/** Every subject once, in alphabetical order. Texts in the arena. */
const char **api_subject_all(struct arena *arena, int *count);

/** Its actions, those of the collection first. */
const struct api_action **api_subject_actions(const char *subject, struct arena *arena, int *count);
