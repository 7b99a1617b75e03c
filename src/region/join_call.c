/* What both ways of joining need: see join_call.h. */
#include "src/region/join_call.h"

#include <stdio.h>
#include <string.h>

#include "src/base/clock.h"

enum error_code join_take(const struct join *join, const char *key, size_t most, const char **text,
                          struct error *err)
{
    *text = json_string_value(json_object_get(join->body, key));
    if (!*text || !**text || strlen(*text) > most)
        return error_set(err, ERR_BAD_INPUT, "%s: expected a text of 1 to %zu characters", key,
                         most);
    return ERR_OK;
}

enum error_code join_use_token(const struct join *join, struct error *err)
{
    struct command command;
    memset(&command, 0, sizeof(command));
    command.kind = COMMAND_TOKEN_USE;
    struct command_token_use *use = &command.token_use;
    snprintf(use->id, sizeof(use->id), "%s", join->id);
    memcpy(use->secret_hash, join->secret_hash, sizeof(use->secret_hash));
    use->role = join->role_number;
    use->now_ms = clock_real_ms();
    memcpy(use->bearer, join->bearer, sizeof(use->bearer));
    return record_is_name(use->id, sizeof(use->id))
               ? cluster_ask(&command, JOIN_ASK_MS, err)
               : error_set(err, ERR_UNAUTHORIZED, "the cluster does not know this token");
}
