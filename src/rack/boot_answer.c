/*
 * Boot answers: see boot_answer.h. Source: ipxe.org/cmd and /scripting, the SYSLINUX configuration
 * manual, GNU GRUB manual 6 (shell-like scripting) and 16.3.
 */
#include "src/rack/boot_answer.h"

#include <ctype.h>
#include <string.h>

enum { WAIT_S = 10, AGAIN_S = 3 };

/* ms in which nothing comes at all: what is slow goes on (iPXE's monojob_wait). */
#define IPXE_TIMEOUT "--timeout 20000 "

/* The machine's own configuration, as its loader asks for it. */
#define IPXE_CONFIG "ipxe.cfg-${mac:hexhyp}?platform=${platform}&uuid=${uuid}"
#define IPXE_TIMED  "&timeout=1" /* said by an iPXE that knows the option: since March 2014 */
#define GRUB_AGAIN  "configfile $prefix/grub.cfg-$net_default_mac\n"

static const char *const purposes[BOOT_PURPOSES] = {
    [BOOT_ENLIST] = "enlist",       [BOOT_COMMISSIONING] = "commissioning",
    [BOOT_TESTING] = "testing",     [BOOT_DEPLOY] = "deploy",
    [BOOT_EPHEMERAL] = "ephemeral", [BOOT_RESCUE] = "rescue",
    [BOOT_ERASE] = "erase",         [BOOT_LOCAL] = "local",
    [BOOT_POWEROFF] = "poweroff",   [BOOT_WAIT] = "wait",
};

const char *boot_answer_purpose(enum boot_purpose purpose)
{
    ASSERT(purpose < BOOT_PURPOSES);
    return purposes[purpose];
}

struct boot_answer boot_answer_wait(void)
{
    return (struct boot_answer){.purpose = BOOT_WAIT, .options = ""};
}

/* Reading */

typedef bool rule(const char *text);

static bool is_file_name(const char *text)
{
    for (const char *at = text; *at; at++)
        if (!isalnum((unsigned char)*at) && !strchr("._/-", *at))
            return false;
    return *text && *text != '/' && *text != '.' && !strstr(text, "..");
}

/* Printable ASCII: what every loader and the kernel pass on as it is. */
static bool is_line(const char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return true;
}

static bool is_url_path(const char *text)
{
    return *text == '/' && is_line(text) && !strpbrk(text, " \"'\\<>{}$`");
}

static enum error_code read_text(const json_t *json, const char *key, rule *good,
                                 struct arena *arena, const char **text, struct error *err)
{
    const json_t *value = json_object_get(json, key);
    *text = NULL;
    if (!value || json_is_null(value))
        return ERR_OK;
    const char *found = json_string_value(value);
    if (!found || strlen(found) != json_string_length(value) || strlen(found) >= BOOT_ANSWER_TEXT ||
        !good(found))
        return error_set(err, ERR_BAD_INPUT, "boot answer: %s is not acceptable", key);
    *text = arena_strdup(arena, found);
    return ERR_OK;
}

static enum error_code read_purpose(const json_t *json, enum boot_purpose *purpose,
                                    struct error *err)
{
    const char *word = json_string_value(json_object_get(json, "purpose"));
    for (int i = 0; word && i < BOOT_PURPOSES; i++) {
        if (i == BOOT_WAIT || strcmp(word, purposes[i]) != 0)
            continue;
        *purpose = (enum boot_purpose)i;
        return ERR_OK;
    }
    return error_set(err, ERR_BAD_INPUT, "boot answer: unknown purpose");
}

static bool has_files(const struct boot_answer *answer)
{
    return answer->purpose != BOOT_LOCAL && answer->purpose != BOOT_POWEROFF &&
           answer->purpose != BOOT_WAIT;
}

enum error_code boot_answer_read(const json_t *json, struct arena *arena,
                                 struct boot_answer *answer, struct error *err)
{
    memset(answer, 0, sizeof(*answer));
    const struct {
        const char *key;
        rule *good;
        const char **text;
    } texts[] = {
        {"kernel", is_file_name, &answer->kernel}, {"initrd", is_file_name, &answer->initrd},
        {"root", is_file_name, &answer->root},     {"preseed", is_url_path, &answer->preseed},
        {"options", is_line, &answer->options},
    };
    enum error_code code = read_purpose(json, &answer->purpose, err);
    for (size_t i = 0; !code && i < sizeof(texts) / sizeof(*texts); i++)
        code = read_text(json, texts[i].key, texts[i].good, arena, texts[i].text, err);
    if (code)
        return code;
    if (!answer->options)
        answer->options = "";
    answer->keep = json_is_true(json_object_get(json, "keep"));
    if (has_files(answer) && (!answer->kernel || !answer->initrd))
        return error_set(err, ERR_BAD_INPUT, "boot answer: kernel or initrd is missing");
    return ERR_OK;
}

/* Writing */

static void write_base(struct spool *out, const struct boot_answer_place *place)
{
    char text[IP4_TEXT];
    spool_printf(out, "http://%s:%d/", ip4_format(place->rack, text), place->http_port);
}

/* Below which folder racks serve it: images have names, other bytes are named by their content. */
static const char *folder_of(const char *file)
{
    return strncmp(file, "blobs/", 6) != 0 ? "images/" : "";
}

/* The kernel's command line, before a loader's rules are applied. */
static void write_command_line(const struct boot_answer *answer,
                               const struct boot_answer_place *place, struct spool *out)
{
    char text[IP4_TEXT];
    const uint8_t *mac = place->mac.bytes;
    if (answer->preseed)
        spool_printf(out, "cloud-config-url=http://%s:%d%s ", ip4_format(place->rack, text),
                     place->proxy_port, answer->preseed);
    if (answer->root) {
        spool_text(out, "root=squash:");
        write_base(out, place);
        spool_printf(out, "%s%s ", folder_of(answer->root), answer->root);
    }
    spool_printf(out, "BOOTIF=01-%02x-%02x-%02x-%02x-%02x-%02x", mac[0], mac[1], mac[2], mac[3],
                 mac[4], mac[5]);
    if (*answer->options)
        spool_printf(out, " %s", answer->options);
    spool_put(out, "", 1);
}

/* iPXE has no quoting at all: what it would take for its own cannot be said. */
static enum error_code check_for_ipxe(const char *line, struct error *err)
{
    static const char *const operators[] = {"&&", "||", ";"};
    bool bad = strstr(line, "${") != NULL;
    for (const char *at = line; *at && !bad;) {
        size_t length = strcspn(at, " ");
        for (size_t i = 0; i < sizeof(operators) / sizeof(*operators); i++)
            bad |= length == strlen(operators[i]) && !strncmp(at, operators[i], length);
        at += length + (at[length] == ' ');
    }
    return bad ? error_set(err, ERR_BAD_INPUT, "iPXE cannot pass these kernel options on: %.200s",
                           line)
               : ERR_OK;
}

/*
 * What iPXE leaves to others. UEFI has no disk to boot by number: GRUB looks for the installed
 * loader there, and only by TFTP does the signed GRUB find its configuration. Few builds of iPXE
 * can switch a machine off; PXELINUX and GRUB, which then ask for their own answer, can.
 */
static void write_ipxe_end(const struct boot_answer *answer, const struct boot_answer_place *place,
                           struct spool *out)
{
    char text[IP4_TEXT];
    bool local = answer->purpose == BOOT_LOCAL;
    spool_text(out, local ? "" : "poweroff ||\n");
    spool_text(out, "iseq ${platform} efi && goto efi ||\n");
    spool_text(out, local ? "sanboot --no-describe --drive 0x80\nexit 1" : "chain --replace ");
    if (!local) {
        write_base(out, place);
        spool_text(out, "pxelinux.0");
    }
    spool_printf(out, "\n:efi\nchain --replace tftp://%s/grubx64.efi\n",
                 ip4_format(place->rack, text));
}

/* Without what ends the line. */
static void write_ipxe_ask(const struct boot_answer_place *place, bool timed, struct spool *out)
{
    spool_printf(out, "chain --replace %s", timed ? IPXE_TIMEOUT : "");
    write_base(out, place);
    spool_printf(out, IPXE_CONFIG "%s", timed ? IPXE_TIMED : "");
}

/*
 * What does not arrive in full is asked for anew from the beginning, DHCP included: another rack
 * may answer now, and the firmware would take minutes. What was loaded before would be an initrd of
 * the next kernel. The firmware's next device is a disk that is half written, or last year's.
 */
static void write_ipxe_again(const struct boot_answer_place *place, struct spool *out)
{
    spool_printf(out,
                 ":again\nsleep %d\nimgfree ||\n"
                 "dhcp netX && chain --replace %s${filename} || reboot\n",
                 AGAIN_S, place->timed ? IPXE_TIMEOUT : "");
}

static enum error_code write_ipxe(const struct boot_answer *answer, const char *line,
                                  const struct boot_answer_place *place, struct spool *out,
                                  struct error *err)
{
    spool_text(out, "#!ipxe\n");
    if (answer->purpose == BOOT_WAIT) {
        spool_printf(out, "sleep %d\n", WAIT_S);
        write_ipxe_ask(place, place->timed, out);
        spool_text(out, " ||\n");
        write_ipxe_again(place, out);
        return ERR_OK;
    }
    if (!has_files(answer)) {
        write_ipxe_end(answer, place, out);
        return ERR_OK;
    }
    enum error_code code = check_for_ipxe(line, err);
    if (code)
        return code;
    /* What this rack has yet to fetch may be silent for long. */
    const char *timeout = place->timed && place->here ? IPXE_TIMEOUT : "";
    spool_printf(out, "kernel %s", timeout);
    write_base(out, place);
    /* A name of our own for the initrd: UEFI kernels find it by that. */
    spool_printf(out, "%s%s initrd=initrd %s || goto again\ninitrd %s--name initrd ",
                 folder_of(answer->kernel), answer->kernel, line, timeout);
    write_base(out, place);
    spool_printf(out, "%s%s || goto again\nboot ||\n", folder_of(answer->initrd), answer->initrd);
    write_ipxe_again(place, out);
    return ERR_OK;
}

/* Names are relative: they follow the loader, by TFTP or by HTTP (option 210). */
static void write_pxelinux(const struct boot_answer *answer, const char *line, struct spool *out)
{
    bool wait = answer->purpose == BOOT_WAIT;
    spool_printf(out, "DEFAULT gantry\nPROMPT %d\nTIMEOUT %d\nLABEL gantry\n", wait,
                 wait ? WAIT_S * 10 : 1);
    if (answer->purpose == BOOT_LOCAL)
        spool_text(out, "    LOCALBOOT 0\n");
    else if (answer->purpose == BOOT_POWEROFF)
        spool_text(out, "    COM32 poweroff.c32\n");
    else if (answer->purpose == BOOT_WAIT) /* it cannot load its configuration again */
        spool_text(out, "    COM32 reboot.c32\n");
    else
        spool_printf(out,
                     "    KERNEL %s%s\n"
                     "    INITRD %s%s\n"
                     "    APPEND %s\n"
                     "    IPAPPEND 0\n",
                     folder_of(answer->kernel), answer->kernel, folder_of(answer->initrd),
                     answer->initrd, line);
}

/*
 * One word list for GRUB's shell: everything that could mean something to it is escaped. Quotes are
 * left out, as the shell itself would: escaped ones would reach the kernel with a backslash.
 */
static void write_grub_words(const char *line, struct spool *out)
{
    for (; *line; line++) {
        if (*line == '\'' || *line == '"')
            continue;
        if (!isalnum((unsigned char)*line) && !strchr(" ._:/=,@%+-", *line))
            spool_put(out, "\\", 1);
        spool_put(out, line, 1);
    }
}

static const char grub_local[] =
    "for loader in debian/shimx64.efi debian/grubx64.efi ubuntu/shimx64.efi ubuntu/grubx64.efi "
    "centos/shimx64.efi rocky/shimx64.efi redhat/shimx64.efi boot/bootx64.efi; do\n"
    "    if search --no-floppy --set=root --file /efi/$loader; then\n"
    "        chainloader /efi/$loader\n"
    "        boot\n"
    "    fi\n"
    "done\n"
    "echo 'No installed system was found on a disk.'\n"
    "exit 1\n";

/*
 * Kernel and initrd come from where GRUB itself came from ($root), so by TFTP after a PXE boot:
 * under Secure Boot the signed GRUB may not load its HTTP module.
 */
static void write_grub(const struct boot_answer *answer, const char *line, struct spool *out)
{
    spool_text(out, "set timeout=0\n");
    if (answer->purpose == BOOT_LOCAL) {
        spool_text(out, grub_local);
    } else if (answer->purpose == BOOT_POWEROFF) {
        spool_text(out, "halt\n");
    } else if (answer->purpose == BOOT_WAIT) {
        spool_printf(out, "sleep %d\n" GRUB_AGAIN "reboot\n", WAIT_S);
    } else {
        spool_printf(out, "if linux /%s%s ", folder_of(answer->kernel), answer->kernel);
        write_grub_words(line, out);
        spool_printf(out,
                     "; then\n    if initrd /%s%s; then\n        boot\n    fi\nfi\n"
                     "sleep %d\nreboot\n",
                     folder_of(answer->initrd), answer->initrd, AGAIN_S);
    }
}

enum error_code boot_answer_write(const struct boot_answer *answer, enum boot_loader loader,
                                  const struct boot_answer_place *place, struct spool *out,
                                  struct error *err)
{
    struct spool line;
    enum error_code code = ERR_OK;
    spool_init(&line);
    write_command_line(answer, place, &line);
    if (loader == BOOT_IPXE)
        code = write_ipxe(answer, line.bytes, place, out, err);
    else if (loader == BOOT_PXELINUX)
        write_pxelinux(answer, line.bytes, out);
    else
        write_grub(answer, line.bytes, out);
    spool_close(&line);
    return code;
}

void boot_answer_write_first(enum boot_loader loader, const struct boot_answer_place *place,
                             struct spool *out)
{
    if (loader == BOOT_GRUB) { /* without an answer on to the firmware's next device, no prompt */
        spool_text(out, GRUB_AGAIN "exit 1\n");
        return;
    }
    ASSERT(loader == BOOT_IPXE);
    /* --replace: an "exit 1" of the next script must not come back here. */
    spool_text(out, "#!ipxe\n");
    write_ipxe_ask(place, true, out);
    spool_text(out, " ||\n"); /* an iPXE that does not know the option asks without */
    write_ipxe_ask(place, false, out);
    spool_text(out, "\n");
}
