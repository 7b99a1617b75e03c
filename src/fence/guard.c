/* Virtual addresses that fall silent by themselves: see guard.h. */
#include "src/fence/guard.h"

#include <net/if.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/limits.h"
#include "src/base/spool.h"

#define TABLE "netdev gantry-guard"
#define PORTS "inet gantry-guard"

/* How much later than the deadline an element may end; callers keep a margin of twice that. */
enum { GUARD_SLIP_MS = 10, GUARD_TRIES = 4 };

struct guard {
    struct nft_ctx *nft;
    bool ports; /* their table is there */
};

/* Each hook's chain on one interface: who is named by a packet and does not live is dropped. */
static const struct {
    const char *name, *priority, *ip, *arp, *more;
} hooks[] = {
    {"ingress", "-400", "ip daddr", "arp daddr ip",
     "ip daddr @closing tcp flags & (syn | ack) == syn drop"},
    {"egress", "400", "ip saddr", "arp saddr ip", ""},
};

static enum error_code order(struct guard *guard, const char *commands, struct error *err)
{
    if (!nft_run_cmd_from_buffer(guard->nft, commands))
        return ERR_OK;
    const char *why = nft_ctx_get_error_buffer(guard->nft);
    return error_set(err, ERR_UNAVAILABLE, "nftables: %.*s", (int)strcspn(why, "\n"), why);
}

#define ANEW(table) "add table " table "\ndelete table " table "\nadd table " table "\n"
#define SETS(table, type)                            \
    "add set " table " covered { type " type "\n}\n" \
    "add set " table " live { type " type "; flags timeout\n}\n"

#define CLOSING(verb, what) verb " " TABLE " closing { " what "\n}\n"

static const char port_rules[] =
    "add chain " PORTS " input { type filter hook input priority -10; policy accept\n}\n"
    "add chain " PORTS " output { type filter hook output priority -10; policy accept\n}\n"
    "add rule " PORTS " input tcp dport @covered tcp dport != @live drop\n"
    "add rule " PORTS " output tcp sport @covered tcp sport != @live drop\n";

enum error_code guard_new(struct guard **out, struct error *err)
{
    struct guard *guard = calloc(1, sizeof(*guard));
    ASSERT(guard);
    guard->nft = nft_ctx_new(NFT_CTX_DEFAULT);
    ASSERT(guard->nft);
    nft_ctx_buffer_output(guard->nft);
    nft_ctx_buffer_error(guard->nft);
    enum error_code code = order(
        guard, ANEW(TABLE) SETS(TABLE, "ipv4_addr") CLOSING("add set", "type ipv4_addr"), err);
    if (code) {
        nft_ctx_free(guard->nft);
        free(guard);
        return code;
    }
    struct error ignored;
    guard->ports = !order(guard, ANEW(PORTS) SETS(PORTS, "inet_service"), &ignored) &&
                   !order(guard, port_rules, &ignored);
    *out = guard;
    return ERR_OK;
}

void guard_free(struct guard *guard)
{
    struct error ignored;
    if (!guard)
        return;
    order(guard, "delete table " TABLE "\n", &ignored);
    if (guard->ports)
        order(guard, "delete table " PORTS "\n", &ignored);
    nft_ctx_free(guard->nft);
    free(guard);
}

static enum error_code hook_up(struct guard *guard, size_t hook, const char *interface,
                               unsigned index, struct error *err)
{
    char chain[64], commands[1024];
    snprintf(chain, sizeof(chain), TABLE " %s-%u", hooks[hook].name, index);
    snprintf(commands, sizeof(commands),
             "add chain %s { type filter hook %s device \"%s\" priority %s; policy accept\n}\n"
             "flush chain %s\n"
             "add rule %s %s @covered %s != @live drop\n"
             "add rule %s %s @covered %s != @live drop\n",
             chain, hooks[hook].name, interface, hooks[hook].priority, chain, chain, hooks[hook].ip,
             hooks[hook].ip, chain, hooks[hook].arp, hooks[hook].arp);
    size_t used = strlen(commands);
    if (*hooks[hook].more)
        snprintf(commands + used, sizeof(commands) - used, "add rule %s %s\n", chain,
                 hooks[hook].more);
    enum error_code code = order(guard, commands, err);
    return code ? error_wrap(err, "%s of %s", hooks[hook].name, interface) : ERR_OK;
}

enum error_code guard_cover(struct guard *guard, ip4 address, const char *interface,
                            struct error *err)
{
    char text[IP4_TEXT], commands[512];
    unsigned index = if_nametoindex(interface);
    if (!index)
        return error_set(err, ERR_NOT_FOUND, "there is no interface %s", interface);
    if (strpbrk(interface, "\"\\{};"))
        return error_set(err, ERR_BAD_INPUT, "%s cannot be named in a rule", interface);
    ip4_format(address, text);
    snprintf(commands, sizeof(commands),
             "add element " TABLE " covered { %s\n}\n" CLOSING("add element", "%s")
                 CLOSING("delete element", "%s"),
             text, text, text);
    enum error_code code = order(guard, commands, err);
    for (size_t hook = 0; hook < sizeof(hooks) / sizeof(*hooks); hook++) {
        struct error missing;
        if (hook_up(guard, hook, interface, index, &missing) && !code) {
            *err = missing;
            code = missing.code;
        }
    }
    return code;
}

void guard_close(struct guard *guard, ip4 address)
{
    char text[IP4_TEXT], commands[128];
    struct error ignored; /* who comes in all the same is reset when the address goes */
    snprintf(commands, sizeof(commands), CLOSING("add element", "%s"), ip4_format(address, text));
    order(guard, commands, &ignored);
}

/* Deleting alone fails for an element that is not there. */
static void take_out(struct guard *guard, const char *table, const char *element)
{
    char commands[256];
    struct error ignored;
    snprintf(commands, sizeof(commands),
             "add element %s live { %s timeout 1s\n}\n"
             "delete element %s live { %s\n}\n",
             table, element, table, element);
    order(guard, commands, &ignored);
}

void guard_mute(struct guard *guard, ip4 address)
{
    char text[IP4_TEXT];
    take_out(guard, TABLE, ip4_format(address, text));
}

/* What a try was late is taken off the next one, so the end is never later than by the slip. */
static enum error_code let(struct guard *guard, const char *table, const char *element,
                           uint64_t deadline_ns, struct error *err)
{
    char commands[512];
    uint64_t now = clock_boot_ns(), shorter_ns = 0;
    for (int tries = 0; tries < GUARD_TRIES && now + shorter_ns < deadline_ns; tries++) {
        uint64_t left_ms = (deadline_ns - now - shorter_ns) / CLOCK_MS + 1;
        /* Before Linux 6.12 adding alone does not move the end of an element that is there. */
        snprintf(commands, sizeof(commands),
                 "add element %s live { %s timeout 1s\n}\n"
                 "delete element %s live { %s\n}\n"
                 "add element %s live { %s timeout %llums\n}\n",
                 table, element, table, element, table, element, (unsigned long long)left_ms);
        enum error_code code = order(guard, commands, err);
        if (code)
            return code;
        uint64_t took_ns = clock_boot_ns() - now;
        if (took_ns <= shorter_ns + GUARD_SLIP_MS * CLOCK_MS)
            return ERR_OK;
        shorter_ns = took_ns;
        now += took_ns;
    }
    take_out(guard, table, element);
    return error_set(err, ERR_TIMEOUT, "its lease ended before it could speak");
}

enum error_code guard_let(struct guard *guard, ip4 address, uint64_t deadline_ns, struct error *err)
{
    char text[IP4_TEXT];
    return let(guard, TABLE, ip4_format(address, text), deadline_ns, err);
}

/* Covered after it may speak: what is connected to a standby goes on when that is promoted. */
enum error_code guard_let_port(struct guard *guard, uint16_t port, uint64_t deadline_ns,
                               struct error *err)
{
    char text[16], commands[128];
    snprintf(text, sizeof(text), "%u", port);
    if (!guard->ports)
        return error_set(err, ERR_UNAVAILABLE, "nftables: no inet table");
    enum error_code code = let(guard, PORTS, text, deadline_ns, err);
    snprintf(commands, sizeof(commands), "add element " PORTS " covered { %s\n}\n", text);
    return code && code != ERR_TIMEOUT ? code : order(guard, commands, err) ? err->code : code;
}

void guard_free_port(struct guard *guard, uint16_t port)
{
    char commands[256];
    struct error ignored;
    if (!guard->ports)
        return;
    snprintf(commands, sizeof(commands),
             "add element " PORTS " covered { %u\n}\ndelete element " PORTS " covered { %u\n}\n",
             port, port);
    order(guard, commands, &ignored);
}

/* More than an unlucky member with another source address needs, and less than a place each of
 * those that PostgreSQL has for who did not say who it is. */
#define STRANGERS "limit rate over 10/second burst 60 packets"

static const char strangers_rules[] =
    "add set " PORTS " doors { type inet_service\n}\nflush set " PORTS " doors\n"
    "add set " PORTS " callers { type ipv4_addr\n}\nflush set " PORTS " callers\n"
    "add chain " PORTS " strangers { type filter hook input priority -20; policy accept\n}\n"
    "flush chain " PORTS " strangers\n"
    "add rule " PORTS " strangers iifname != \"lo\" tcp dport @doors "
    "tcp flags & (syn | ack) == syn ip saddr != @callers " STRANGERS " drop\n";

enum error_code guard_know(struct guard *guard, const struct guard_known *known, struct error *err)
{
    struct spool commands;
    char text[IP4_TEXT];
    if (!guard->ports)
        return error_set(err, ERR_UNAVAILABLE, "nftables: no inet table");
    spool_init(&commands);
    spool_text(&commands, strangers_rules);
    for (uint32_t i = 0; i < known->ports_count; i++)
        spool_printf(&commands, "add element " PORTS " doors { %u\n}\n", known->ports[i]);
    for (uint32_t i = 0; i < known->callers_count; i++)
        spool_printf(&commands, "add element " PORTS " callers { %s\n}\n",
                     ip4_format(known->callers[i], text));
    spool_put(&commands, "", 1);
    enum error_code code = order(guard, commands.bytes, err);
    spool_close(&commands);
    return code;
}
