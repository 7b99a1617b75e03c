/* A rack joins: see join_call.h. */
#include <stdio.h>
#include <string.h>

#include "src/region/join_call.h"
#include "src/region/routes.h"
#include "src/wire/digest.h"

enum { SYSTEM_ID_CHARS = 6 };

/* The id follows from the key: who asks again with the same key is the same rack. */
static void make_system_id(const struct join *join, char system_id[SYSTEM_ID_CHARS + 1])
{
    static const char letters[] = "34678abcdefghkmnpqrstwxy";
    uint8_t bytes[DIGEST_BYTES];
    digest_sha256(join->bearer, strlen(join->bearer), bytes);
    for (int i = 0; i < SYSTEM_ID_CHARS; i++)
        system_id[i] = letters[bytes[i] % (sizeof(letters) - 1)];
    system_id[SYSTEM_ID_CHARS] = '\0';
}

static enum error_code add_rack(const struct join *join, const char *system_id,
                                const char *certificate_pem, struct error *err)
{
    struct command command;
    struct certificate certificate;
    memset(&command, 0, sizeof(command));
    command.kind = COMMAND_RACK_ADD;
    struct cluster_rack *rack = &command.rack_add;
    enum error_code code = certificate_parse(certificate_pem, &certificate, err);
    if (code)
        return code;
    snprintf(rack->system_id, sizeof(rack->system_id), "%s", system_id);
    snprintf(rack->name, sizeof(rack->name), "%s", join->name);
    snprintf(rack->serial, sizeof(rack->serial), "%s", certificate.serial);
    return cluster_ask(&command, JOIN_ASK_MS, err);
}

static void write_reply(const struct cluster_state *facts, const char *system_id,
                        const char *certificate_pem, const struct ca *ca, struct api_reply *reply)
{
    struct json_out *out = api_reply_json(reply);
    json_out_open_object(out, NULL);
    json_out_text(out, "system_id", system_id);
    json_out_text(out, "certificate", certificate_pem);
    json_out_text(out, "ca", ca_pem(ca));
    json_out_open_list(out, "regions");
    for (int i = 0; i < facts->members_count; i++) {
        json_out_open_object(out, NULL);
        json_out_text(out, "name", facts->members[i].name);
        json_out_text(out, "address", facts->members[i].address);
        json_out_int(out, "port", facts->members[i].ports[CLUSTER_PORT_RACK]);
        json_out_close_object(out);
    }
    json_out_close_list(out);
    json_out_close_object(out);
}

enum error_code join_rack(struct join *join, const struct cluster_view *view,
                          struct api_reply *reply, struct error *err)
{
    struct ca_subject subject = {.name = join->name, .role = CA_ROLE_RACK};
    char system_id[SYSTEM_ID_CHARS + 1], *pem = NULL;
    struct ca *ca = NULL;
    make_system_id(join, system_id);
    const struct cluster_rack *namesake = cluster_state_rack_named(&view->facts, join->name);
    if (namesake && strcmp(namesake->system_id, system_id) != 0)
        return error_set(err, ERR_CONFLICT,
                         "the cluster has a rack %s already: give this one another [rack] name, or "
                         "take the old one out with `gantry rack remove --name %s`",
                         join->name, join->name);
    enum error_code code = ca_open(join->settings->ca_dir, &ca, err);
    code = code ? code : join_use_token(join, err);
    code = code ? code : ca_sign(ca, join->csr, &subject, CA_LEAF_DAYS, join->arena, &pem, err);
    code = code ? code : add_rack(join, system_id, pem, err);
    if (!code)
        write_reply(&view->facts, system_id, pem, ca, reply);
    ca_free(ca);
    return code;
}
