/* A host becomes a region of the cluster: see join_call.h. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/container.h"
#include "src/cli/join_call.h"
#include "src/wire/ca.h"
#include "src/wire/seal.h"

/* The part of regiond's configuration that the cluster is told, and where it looks. */
struct region_place {
    struct join_place place;
    const char *address, *vip_net, *vip_interface;
    int http, https, raft, racks, hop, postgres, health;
};

#define AT(member) offsetof(struct region_place, member)
#define PORT       .low = 1, .high = 65535

static const struct config_key place_keys[] = {
    {"region", "name", CONFIG_TEXT, AT(place.name), "", .help = "of this region"},
    {"region", "address", CONFIG_IP, AT(address), NULL, .help = "on the management network"},
    {"region", "data_dir", CONFIG_PATH, AT(place.data_dir), "/var/lib/gantry/region",
     .help = "what must survive"},
    {"vip", "address", CONFIG_NET, AT(vip_net), "", .help = "a virtual IP for the cluster"},
    {"vip", "interface", CONFIG_TEXT, AT(vip_interface), "", .help = "that it is put on"},
    {"vip", "http_port", CONFIG_INT, AT(http), "5240", PORT, .help = "API in plain, there"},
    {"vip", "https_port", CONFIG_INT, AT(https), "5443", PORT, .help = "API over TLS, there"},
    {"ports", "raft", CONFIG_INT, AT(raft), "5250", PORT, .help = "consensus and leases"},
    {"ports", "racks", CONFIG_INT, AT(racks), "5251", PORT, .help = "links of racks"},
    {"ports", "hop", CONFIG_INT, AT(hop), "5252", PORT, .help = "API for racks and regions"},
    {"ports", "postgres", CONFIG_INT, AT(postgres), "5253", PORT, .help = "the database"},
    {"ports", "health", CONFIG_INT, AT(health), "5239", PORT, .help = "health and metrics"},
};

static json_t *describe(const struct region_place *region)
{
    json_t *more =
        json_pack("{ss s{si si si si si si}}", "address", region->address, "ports", "raft",
                  region->raft, "racks", region->racks, "hop", region->hop, "postgres",
                  region->postgres, "health", region->health, "https", region->https);
    if (more && *region->vip_net)
        json_object_set_new(more, "vip",
                            json_pack("{ss ss si si}", "address", region->vip_net, "interface",
                                      region->vip_interface, "http_port", region->http,
                                      "https_port", region->https));
    return more;
}

struct given {
    const char *cluster, *certificate, *ca, *ca_key, *ring;
    json_int_t id;
};

static enum error_code read_reply(json_t *reply, struct given *given, struct error *err)
{
    *given = (struct given){
        .cluster = json_string_value(json_object_get(reply, "cluster")),
        .certificate = json_string_value(json_object_get(reply, "certificate")),
        .ca = json_string_value(json_object_get(reply, "ca")),
        .ca_key = json_string_value(json_object_get(reply, "ca_key")),
        .ring = json_string_value(json_object_get(reply, "seal_ring")),
        .id = json_integer_value(json_object_get(reply, "id")),
    };
    struct seal_ring ring;
    if (!given->cluster || !given->certificate || !given->ca || !given->ca_key || !given->ring ||
        given->id < 1)
        return error_set(err, ERR_CORRUPT,
                         "the region's answer lacks a part; are both of the same version?");
    return seal_ring_parse(given->ring, &ring, err);
}

static enum error_code write_files(struct cli *cli, const struct join_place *place,
                                   const char *key_pem, const struct given *given,
                                   struct error *err)
{
    static const char *const names[] = {"",
                                        "tls",
                                        JOIN_REGION_CA_DIR,
                                        JOIN_REGION_CA_DIR "/ca.pem",
                                        JOIN_REGION_CA_DIR "/ca.key",
                                        JOIN_REGION_KEY,
                                        JOIN_REGION_CERTIFICATE,
                                        JOIN_REGION_RING};
    const char *ca_dir = arena_printf(cli->arena, "%s/" JOIN_REGION_CA_DIR, place->data_dir);
    json_t *member =
        json_pack("{si sI ss sb}", "format", 1, "id", given->id, "name", place->name, "fresh", 1);
    char *text = json_dumps(member, 0);
    ASSERT(text);
    enum error_code code = join_write(cli, place, JOIN_REGION_KEY, key_pem, 0600, err);
    code = code ? code : ca_install(ca_dir, given->ca, given->ca_key, err);
    code = code ? code
                : join_write(cli, place, JOIN_REGION_CERTIFICATE, given->certificate, 0644, err);
    code = code ? code : join_write(cli, place, JOIN_REGION_RING, given->ring, 0600, err);
    code = code ? code : join_give_away(cli, place, names, (int)COUNT_OF(names), err);
    /* last: regiond takes a host with this file for a member, at once when it runs */
    code = code ? code : join_write(cli, place, JOIN_REGION_MEMBER ".new", text, 0600, err);
    const char *made = arena_printf(cli->arena, "%s/" JOIN_REGION_MEMBER, place->data_dir);
    const char *new_member = arena_printf(cli->arena, "%s.new", made);
    if (!code && geteuid() == 0 && lchown(new_member, place->above.st_uid, place->above.st_gid))
        code = error_errno(err, "%s", new_member);
    if (!code && rename(new_member, made))
        code = error_errno(err, "%s", made);
    if (!code)
        join_done(cli, place);
    free(text);
    json_decref(member);
    return code;
}

static void tell(const struct cli *cli, const struct join_place *place, const struct given *given)
{
    if (cli->json)
        printf("{\"cluster\": \"%s\", \"name\": \"%s\", \"id\": %lld}\n", given->cluster,
               place->name, (long long)given->id);
    else
        printf("%s joined cluster %s as region %lld; start gantry-fenced on this host if it does "
               "not run, and watch `gantry status`\n",
               place->name, given->cluster, (long long)given->id);
}

static enum error_code exchange(struct cli *cli, const struct join_token *token,
                                const struct region_place *region, struct error *err)
{
    json_t *more = describe(region);
    struct join_answer answer = {.reply = NULL};
    struct given given;
    if (!more)
        return error_set(err, ERR_BAD_INPUT, "the configuration is no UTF-8");
    enum error_code code = join_exchange(cli, token, &region->place, more, &answer, err);
    code = code ? code : read_reply(answer.reply, &given, err);
    code = code ? code : write_files(cli, &region->place, answer.key_pem, &given, err);
    if (!code)
        tell(cli, &region->place, &given);
    json_decref(more);
    json_decref(answer.reply);
    return code;
}

enum error_code join_as_region(struct cli *cli, const struct join_words *words,
                               const struct join_token *token, struct error *err)
{
    struct region_place region = {.place = {.role = CA_ROLE_REGION}};
    static const struct join_schema schema = {place_keys, (int)COUNT_OF(place_keys),
                                              "/etc/gantry/regiond.conf"};
    enum error_code code = join_configure(cli, words, &schema, &region, err);
    code = code ? code : join_host_name(cli, &region.place.name, err);
    code = code ? code : join_check_place(cli, &region.place, JOIN_REGION_MEMBER, err);
    code = code ? code : join_check_place(cli, &region.place, "removed.json", err);
    return code ? code : exchange(cli, token, &region, err);
}
