/* The kernel's command line: see cmdline.h. */
#include "src/agent/cmdline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The next word of *rest, quotes taken off as the kernel's parse_args does; NULL at the end. */
static char *next_word(struct arena *arena, const char **rest)
{
    const char *text = *rest + strspn(*rest, " \t\r\n");
    if (!*text)
        return NULL;
    char *word = arena_alloc(arena, strlen(text) + 1), *out = word;
    bool quoted = false;
    for (; *text && (quoted || !strchr(" \t\r\n", *text)); text++) {
        if (*text == '"')
            quoted = !quoted;
        else
            *out++ = *text;
    }
    *out = '\0';
    *rest = text;
    return word;
}

static const char *value_of(const char *word, const char *key)
{
    size_t length = strlen(key);
    return strncmp(word, key, length) == 0 && word[length] == '=' ? word + length + 1 : NULL;
}

static enum error_code read_limit(const char *value, struct cmdline *cmdline, struct error *err)
{
    char *end;
    errno = 0;
    long limit_s = strtol(value, &end, 10);
    if (errno || end == value || *end || limit_s < 1 || limit_s > CMDLINE_LIMIT_MAX_S)
        return error_set(err, ERR_BAD_INPUT,
                         "kernel command line: gantry.limit_s=%.40s: expected 1 to %d seconds",
                         value, CMDLINE_LIMIT_MAX_S);
    cmdline->limit_s = (int)limit_s;
    return ERR_OK;
}

/* PXELINUX writes the hardware type (01 = Ethernet) before the address, with dashes. */
static enum error_code read_bootif(const char *value, struct cmdline *cmdline, struct error *err)
{
    const char *address = strlen(value) == MAC_TEXT + 2 && value[2] == '-' ? value + 3 : value;
    if (!mac_parse(address, &cmdline->boot_mac))
        return error_set(err, ERR_BAD_INPUT,
                         "kernel command line: BOOTIF=%.60s: expected 01-aa-bb-cc-dd-ee-ff", value);
    cmdline->has_boot_mac = true;
    return ERR_OK;
}

/* Addresses that may take each other's place in URLs. */
static enum error_code read_racks(char *value, struct cmdline *cmdline, struct error *err)
{
    char *rest = NULL;
    for (char *rack = strtok_r(value, ",", &rest); rack; rack = strtok_r(NULL, ",", &rest)) {
        ip4 address;
        if (!ip4_parse(rack, &address) || cmdline->racks_count == CMDLINE_RACKS)
            return error_set(err, ERR_BAD_INPUT,
                             "kernel command line: gantry.racks=: expected up to %d IPv4 addresses",
                             CMDLINE_RACKS);
        cmdline->racks[cmdline->racks_count++] = rack;
    }
    return ERR_OK;
}

enum error_code cmdline_parse(const char *text, struct arena *arena, struct cmdline *cmdline,
                              struct error *err)
{
    *cmdline = (struct cmdline){.limit_s = CMDLINE_LIMIT_S};
    enum error_code code = ERR_OK;
    for (const char *word, *value; !code && (word = next_word(arena, &text));) {
        if ((value = value_of(word, "cloud-config-url")))
            cmdline->preseed_url = value;
        else if ((value = value_of(word, "BOOTIF")))
            code = read_bootif(value, cmdline, err);
        else if ((value = value_of(word, "root")))
            cmdline->root_url = strncmp(value, "squash:", 7) ? NULL : value + 7;
        else if ((value = value_of(word, "gantry.racks")))
            code = read_racks(arena_strdup(arena, value), cmdline, err);
        else if ((value = value_of(word, "gantry.limit_s")))
            code = read_limit(value, cmdline, err);
    }
    return code;
}
