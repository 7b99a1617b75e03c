/*
 * State tables: every allowed move stands in a table with its why; only fsm_move writes a state.
 */
#pragma once

#include "src/base/error.h"

struct fsm_move {
    int from, to;
    const char *why;
};

struct fsm {
    const char *name;         /* "machine status" */
    const char *const *words; /* state number -> word; NULL where a number is not used */
    int words_count;
    const struct fsm_move *moves;
    int moves_count;
};

/** The row that allows from -> to, or NULL. */
const struct fsm_move *fsm_find(const struct fsm *fsm, int from, int to);

/** Write *current = to when the table allows it. Errors: CONFLICT with both words in the text. */
enum error_code fsm_move(const struct fsm *fsm, int *current, int to, struct error *err);

/** The word of a state number; asserts that it has one. */
const char *fsm_word(const struct fsm *fsm, int number);
