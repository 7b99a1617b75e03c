/* State tables: see fsm.h. */
#include "src/base/fsm.h"

#include <stddef.h>

const struct fsm_move *fsm_find(const struct fsm *fsm, int from, int to)
{
    for (int i = 0; i < fsm->moves_count; i++)
        if (fsm->moves[i].from == from && fsm->moves[i].to == to)
            return &fsm->moves[i];
    return NULL;
}

const char *fsm_word(const struct fsm *fsm, int number)
{
    ASSERT(number >= 0 && number < fsm->words_count && fsm->words[number]);
    return fsm->words[number];
}

enum error_code fsm_move(const struct fsm *fsm, int *current, int to, struct error *err)
{
    if (!fsm_find(fsm, *current, to))
        return error_set(err, ERR_CONFLICT, "%s cannot go from %s to %s", fsm->name,
                         fsm_word(fsm, *current), fsm_word(fsm, to));
    *current = to;
    return ERR_OK;
}
