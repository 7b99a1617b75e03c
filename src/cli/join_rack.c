/* A host becomes a rack controller: see join_call.h. */
#include <stdlib.h>
#include <string.h>

#include "src/base/container.h"
#include "src/cli/join_call.h"
#include "src/wire/ca.h"

/* The part of rackd's configuration that says where it looks. */
static const struct config_key place_keys[] = {
    {"rack", "name", CONFIG_TEXT, offsetof(struct join_place, name), "",
     .help = "name of this rack controller; empty: the host's name"},
    {"rack", "data_dir", CONFIG_PATH, offsetof(struct join_place, data_dir), "/var/lib/gantry/rack",
     .help = "where gantry-rackd keeps what must survive"},
};

static enum error_code write_files(struct cli *cli, const struct join_place *place,
                                   const char *key_pem, json_t *reply, struct error *err)
{
    static const char *const names[] = {
        "", "tls", JOIN_FILE_KEY, JOIN_FILE_CA, JOIN_FILE_CERTIFICATE, JOIN_FILE_REGIONS};
    const char *certificate = json_string_value(json_object_get(reply, "certificate"));
    const char *ca = json_string_value(json_object_get(reply, "ca"));
    const char *system_id = json_string_value(json_object_get(reply, "system_id"));
    json_t *regions = json_object_get(reply, "regions");
    if (!certificate || !ca || !system_id || json_array_size(regions) == 0)
        return error_set(err, ERR_CORRUPT,
                         "the region's answer lacks a part; are region and rack "
                         "of the same version?");
    json_t *known =
        json_pack("{ss ss sO}", "name", place->name, "system_id", system_id, "regions", regions);
    char *text = json_dumps(known, JSON_INDENT(2));
    ASSERT(text);
    enum error_code code = join_write(cli, place, JOIN_FILE_KEY, key_pem, 0600, err);
    code = code ? code : join_write(cli, place, JOIN_FILE_CA, ca, 0644, err);
    code = code ? code : join_write(cli, place, JOIN_FILE_CERTIFICATE, certificate, 0644, err);
    /* last: rackd takes a host with this file for one that has joined */
    code = code ? code : join_write(cli, place, JOIN_FILE_REGIONS, text, 0644, err);
    code = code ? code : join_give_away(cli, place, names, (int)COUNT_OF(names), err);
    if (!code)
        join_done(cli, place);
    if (!code && cli->json)
        printf("%s\n", text);
    else if (!code)
        printf("%s joined as rack controller %s; start gantry-fenced on this host\n", place->name,
               system_id);
    free(text);
    json_decref(known);
    return code;
}

enum error_code join_as_rack(struct cli *cli, const struct join_words *words,
                             const struct join_token *token, struct error *err)
{
    struct join_place place = {.role = CA_ROLE_RACK};
    static const struct join_schema schema = {place_keys, (int)COUNT_OF(place_keys),
                                              "/etc/gantry/rackd.conf"};
    struct join_answer answer = {.reply = NULL};
    enum error_code code = join_configure(cli, words, &schema, &place, err);
    code = code ? code : join_host_name(cli, &place.name, err);
    code = code ? code : join_check_place(cli, &place, JOIN_FILE_REGIONS, err);
    code = code ? code : join_exchange(cli, token, &place, NULL, &answer, err);
    code = code ? code : write_files(cli, &place, answer.key_pem, answer.reply, err);
    json_decref(answer.reply);
    return code;
}
