/* Booting machines: see boot_part.h. */
#include "src/rack/boot_part.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/container.h"
#include "src/base/file.h"
#include "src/base/log.h"
#include "src/model/join.h"
#include "src/rack/boot_doors.h"
#include "src/rack/proxy_config.h"
#include "src/wire/haproxy.h"

enum { ASK_MS = 5000, PROXY_LOOK_MS = 1000 };

/* The one of this program. */
static struct boot_part {
    struct rack *rack;
    struct tls_files tls; /* of this rack */
    struct boot_store *store;
    struct image_cache *cache;
    struct boot_source *source;
    struct tftp *tftp;
    struct http_boot *http;
    struct boot_doors *doors;
    struct proxy_config_paths paths;
    struct haproxy *proxy; /* NULL = none is wanted */
    struct loop_timer proxy_look;
    bool stopping;
} part;

/* ---- regions ---- */

struct question {
    boot_source_answered *answered;
    void *subject;
};

static void on_answer(void *subject, json_t *result, const struct error *why)
{
    struct question *question = subject;
    bool good = why->code == ERR_OK;
    question->answered(question->subject, good ? result : NULL, good ? NULL : why);
    free(question);
}

static void ask_region(void *owner, json_t *params, boot_source_answered *answered, void *subject)
{
    struct rack *rack = owner;
    struct call_link_call call = {"boot_config", params, ASK_MS};
    struct question *question = malloc(sizeof(*question));
    ASSERT(question);
    *question = (struct question){answered, subject};
    region_link_call(rack->regions, &call, on_answer, question);
    json_decref(params);
}

static void on_forget(void *subject, json_t *params)
{
    const json_t *text = json_object_get(params, "mac");
    struct mac mac;
    (void)subject;
    if (json_is_null(text))
        boot_store_forget(part.store, NULL);
    else if (json_is_string(text) && mac_parse(json_string_value(text), &mac))
        boot_store_forget(part.store, &mac);
    else
        log_warning("boot_forget: mac is neither an address nor null");
}

/* The one that calls go to first: it is known to be reachable. */
static void tell_cache(struct rack *rack)
{
    const struct membership *regions = region_link_membership(rack->regions);
    const char *preferred = region_link_preferred(rack->regions);
    char texts[LIMIT_REGIONS][IMAGE_FETCH_HOST];
    const char *list[LIMIT_REGIONS];
    int count = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < regions->count; i++) {
            const struct membership_region *region = &regions->regions[i];
            bool first = preferred && !strcmp(region->name, preferred);
            if (first != (pass == 0))
                continue;
            snprintf(texts[count], IMAGE_FETCH_HOST, "%s:%d", region->address, region->hop_port);
            list[count] = texts[count];
            count++;
        }
    image_cache_set_regions(part.cache, list, count);
}

/* ---- proxy ---- */

static int proxy_sockets(const struct rack *rack, struct haproxy_socket sockets[HAPROXY_SOCKETS])
{
    int count = 0;
    memset(sockets, 0, sizeof(sockets[0]) * HAPROXY_SOCKETS);
    for (int i = 0; i < rack->settings.provision_count; i++) {
        const struct interface *found =
            interfaces_find(&rack->interfaces, rack->settings.provision[i]);
        for (int k = 0; found && k < found->addresses && count < HAPROXY_SOCKETS; k++) {
            ip4_format(found->address[k].address, sockets[count].address);
            sockets[count++].port = rack->settings.proxy_port;
        }
    }
    return count;
}

static void look_at_proxy(void *owner)
{
    struct rack *rack = owner;
    struct haproxy_socket sockets[HAPROXY_SOCKETS];
    char pem_file[LIMIT_PATH];
    struct spool text;
    if (part.stopping || !part.proxy)
        return;
    snprintf(pem_file, sizeof(pem_file), "%s/rack-proxy.pem", rack->settings.run_dir);
    struct proxy_config config = {.paths = &part.paths,
                                  .regions = region_link_membership(rack->regions),
                                  .listeners = proxy_sockets(rack, sockets),
                                  .pem_file = pem_file,
                                  .ca_file = part.tls.ca};
    spool_init(&text);
    proxy_config_write(&text, &config);
    spool_put(&text, "", 1);
    haproxy_look(part.proxy, sockets, config.listeners, text.bytes);
    spool_close(&text);
}

static void on_proxy_look(struct loop_timer *timer)
{
    (void)timer;
    look_at_proxy(part.rack);
}

static void start_proxy(struct rack *rack)
{
    struct haproxy_setup setup = {.program = rack->settings.haproxy,
                                  .run_dir = rack->settings.run_dir,
                                  .name = "rack-proxy",
                                  .certificate_file = part.tls.certificate,
                                  .key_file = part.tls.key,
                                  .changed = look_at_proxy,
                                  .owner = rack};
    if (!rack->settings.provision_count)
        return;
    part.proxy = haproxy_new(&rack->loop, rack->fence, &setup);
    loop_timer_init(&rack->loop, &part.proxy_look, on_proxy_look);
    loop_timer_start(&part.proxy_look, 0, PROXY_LOOK_MS);
}

/* ---- part ---- */

static enum error_code open_stores(struct rack *rack, struct error *err)
{
    const struct settings *settings = &rack->settings;
    const char *data_dir = settings->data_dir;
    part.tls = (struct tls_files){
        .certificate = arena_printf(rack->arena, "%s/%s", data_dir, JOIN_FILE_CERTIFICATE),
        .key = arena_printf(rack->arena, "%s/%s", data_dir, JOIN_FILE_KEY),
        .ca = arena_printf(rack->arena, "%s/%s", data_dir, JOIN_FILE_CA)};
    struct image_cache_settings images = {.folder =
                                              arena_printf(rack->arena, "%s/images", data_dir),
                                          .limit_bytes = (uint64_t)settings->cache_mib << 20,
                                          .tls = part.tls};
    enum error_code code = proxy_config_read_paths(settings->proxy_allow, &part.paths, err);
    code = code ? code : image_cache_new(&rack->loop, &images, &part.cache, err);
    if (code)
        return code;
    const char *answers = arena_printf(rack->arena, "%s/boot-answers", data_dir);
    if (boot_store_open(&rack->loop, answers, &part.store, err))
        log_error("%s", err->text); /* it is empty now, and regions know all of it */
    return ERR_OK;
}

enum error_code boot_part_start(struct rack *rack, struct error *err)
{
    part.rack = rack;
    enum error_code code = open_stores(rack, err);
    if (code)
        return code;
    struct boot_source_settings settings = {.boot_dir = rack->settings.boot_dir,
                                            .http_port = rack->settings.boot_port,
                                            .proxy_port = rack->settings.proxy_port,
                                            .ask_region = ask_region,
                                            .owner = rack};
    part.source = boot_source_new(&rack->loop, &settings, part.store, part.cache);
    part.tftp = tftp_new(&rack->loop, part.source);
    part.http = http_boot_new(&rack->loop, part.source);
    struct boot_doors_setup doors = {.loop = &rack->loop,
                                     .fence = rack->fence,
                                     .settings = &rack->settings,
                                     .tftp = part.tftp,
                                     .http = part.http};
    part.doors = boot_doors_new(&doors);
    region_link_hear(rack->regions, "boot_forget", on_forget, rack);
    tell_cache(rack);
    boot_doors_look(part.doors, &rack->interfaces);
    start_proxy(rack);
    return ERR_OK;
}

void boot_part_interfaces(struct rack *rack)
{
    boot_doors_look(part.doors, &rack->interfaces);
    look_at_proxy(rack);
}

void boot_part_linked(struct rack *rack)
{
    tell_cache(rack);
    look_at_proxy(rack);
}

void boot_part_stop(struct rack *rack)
{
    (void)rack;
    part.stopping = true;
    boot_doors_free(part.doors);
    tftp_free(part.tftp);
    http_boot_free(part.http);
    if (part.proxy)
        loop_timer_stop(&part.proxy_look);
    haproxy_free(part.proxy);
    image_cache_free(part.cache);
    boot_source_free(part.source);
    boot_store_close(part.store);
}

struct metric {
    const char *name, *type, *help;
    uint64_t value;
};

static void write_metrics(struct spool *spool, const struct metric *metrics, size_t count)
{
    for (size_t i = 0; i < count; i++)
        spool_printf(spool, "# HELP gantry_%s %s\n# TYPE gantry_%s %s\ngantry_%s %llu\n",
                     metrics[i].name, metrics[i].help, metrics[i].name, metrics[i].type,
                     metrics[i].name, (unsigned long long)metrics[i].value);
}

static void write_transfers(struct spool *spool)
{
    const struct tftp_counts tftp = tftp_counts(part.tftp);
    struct http_boot_counts http = http_boot_counts(part.http);
    const struct metric metrics[] = {
        {"tftp_requests_total", "counter", "Read and write requests.", tftp.requests},
        {"tftp_completed_total", "counter", "Files that arrived whole.", tftp.completed},
        {"tftp_bytes_total", "counter", "Bytes of those.", tftp.bytes},
        {"tftp_resent_blocks_total", "counter", "Blocks sent again.", tftp.resent},
        {"tftp_not_found_total", "counter", "Names that are not here.", tftp.not_found},
        {"tftp_refused_total", "counter", "Names, modes, options, writes that are not served.",
         tftp.refused},
        {"tftp_malformed_total", "counter", "Packets that are not TFTP.", tftp.malformed},
        {"tftp_limited_total", "counter", "Refused: too many at a time.", tftp.limited},
        {"tftp_failed_total", "counter", "Files that could not be given.", tftp.failed},
        {"tftp_aborted_total", "counter", "Ended by the client.", tftp.aborted},
        {"tftp_timed_out_total", "counter", "The client fell silent.", tftp.timed_out},
        {"tftp_running", "gauge", "Transfers now.", (uint64_t)tftp.running},
        {"http_boot_requests_total", "counter", "Requests on the boot port.", http.requests},
        {"http_boot_bytes_total", "counter", "Bytes promised in answers.", http.bytes},
        {"http_boot_not_found_total", "counter", "Names that are not here.", http.not_found},
        {"http_boot_refused_total", "counter", "Names and methods not served.", http.refused},
        {"http_boot_failed_total", "counter", "Answers that could not be had.", http.failed},
    };
    write_metrics(spool, metrics, COUNT_OF(metrics));
}

void boot_part_metrics(struct rack *rack, struct spool *spool)
{
    const struct boot_source_counts *boots = boot_source_counts(part.source);
    const struct image_cache_counts *images = image_cache_counts(part.cache);
    int open, wanted;
    (void)rack;
    boot_doors_count(part.doors, &open, &wanted);
    const struct metric metrics[] = {
        {"boot_sockets", "gauge", "Open sockets of TFTP and HTTP boot.", (uint64_t)open},
        {"boot_sockets_wanted", "gauge", "How many should be.", (uint64_t)wanted},
        {"boot_answers_region_total", "counter", "Boot answers of regions.", boots->answered},
        {"boot_answers_kept_total", "counter", "No region: kept answers given.", boots->kept},
        {"boot_answers_wait_total", "counter", "No region: ask again.", boots->waits},
        {"boot_answers_none_total", "counter", "No answer for a machine.", boots->nothing},
        {"boot_machines_known", "gauge", "Machines booted here.",
         (uint64_t)boot_store_count(part.store)},
        {"image_cache_bytes", "gauge", "Images on disk.", images->bytes},
        {"image_cache_hits_total", "counter", "Opens of images that were here.", images->hits},
        {"image_cache_misses_total", "counter", "Opens that waited.", images->misses},
        {"image_cache_fetched_bytes_total", "counter", "Fetched from regions.",
         images->fetched_bytes},
        {"image_cache_failures_total", "counter", "Images that could not be had.",
         images->failures},
        {"image_cache_evictions_total", "counter", "Made room for others.", images->evictions},
        {"rack_proxy_runs", "gauge", "HAProxy of this rack runs.",
         part.proxy && haproxy_runs(part.proxy)},
    };
    write_transfers(spool);
    write_metrics(spool, metrics, COUNT_OF(metrics));
}
