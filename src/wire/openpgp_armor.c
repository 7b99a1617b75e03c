/* Public keys in ASCII armor: see openpgp_armor.h. */
#include "src/wire/openpgp_armor.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "src/wire/digest.h"

#define BEGIN "-----BEGIN PGP PUBLIC KEY BLOCK-----"
#define END   "-----END PGP PUBLIC KEY BLOCK-----"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* RFC 9580 5: tags of packets. */
enum { SECRET_KEY = 5, PUBLIC_KEY = 6, SECRET_SUBKEY = 7, TAGS = 64 };
enum { CRC_TEXT = 4, CRC_BYTES = 3 };

static enum error_code bad(struct error *err, const char *why)
{
    return error_set(err, ERR_BAD_INPUT, "Enter one OpenPGP public key in ASCII armor: %s.", why);
}

/* ---- packets ---- */

/* What stands in a transferable public key: signatures, keys, users, what is for one program. */
static bool belongs(int tag)
{
    static const bool known[TAGS] = {
        [2] = true, [PUBLIC_KEY] = true, [12] = true, [13] = true, [14] = true, [17] = true,
    };
    return known[tag];
}

struct packet {
    int tag;
    size_t head, size; /* bytes of the header, of the body */
};

static uint64_t number(const uint8_t *bytes, size_t count)
{
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    return value;
}

/* 4.2.1, 4.2.2: a length that is known from the start. */
static bool read_packet(const uint8_t *bytes, size_t left, struct packet *packet)
{
    size_t first = left > 1 ? bytes[1] : 0, width;
    bool is_new = left && bytes[0] & 0x40;
    if (left < 2 || !(bytes[0] & 0x80))
        return false;
    packet->tag = is_new ? bytes[0] & 0x3f : bytes[0] >> 2 & 0x0f;
    if (!is_new && (bytes[0] & 3) == 3)
        return false;
    if (is_new && first >= 224 && first != 255) /* a part of one */
        return false;
    if (is_new && first < 192) {
        *packet = (struct packet){packet->tag, 2, first};
    } else if (is_new && first < 224) {
        if (left < 3)
            return false;
        *packet = (struct packet){packet->tag, 3, ((first - 192) << 8) + bytes[2] + 192};
    } else {
        width = is_new ? 4 : (size_t)1 << (bytes[0] & 3);
        packet->head = (is_new ? 2 : 1) + width;
        if (left < packet->head)
            return false;
        packet->size = (size_t)number(bytes + packet->head - width, width);
    }
    return packet->size <= left - packet->head;
}

static enum error_code check_packets(const uint8_t *bytes, size_t size, struct error *err)
{
    struct packet packet = {0};
    for (size_t at = 0; at < size; at += packet.head + packet.size) {
        if (!read_packet(bytes + at, size - at, &packet))
            return bad(err, "its packets are not whole");
        if (packet.tag == SECRET_KEY || packet.tag == SECRET_SUBKEY)
            return bad(err, "this is a private key, which nobody else may know");
        if (!belongs(packet.tag) || (!at && packet.tag != PUBLIC_KEY))
            return bad(err, "its packets are not those of a public key");
        int version = packet.size ? bytes[at + packet.head] : 0;
        if (packet.tag == PUBLIC_KEY && (version < 3 || version > 6))
            return bad(err, "the version of the key is not known");
    }
    return size ? ERR_OK : bad(err, "it is empty");
}

/* ---- armor ---- */

/* 6.1: CRC-24. */
static uint32_t checksum(const uint8_t *bytes, size_t size)
{
    uint32_t crc = 0xb704ce;
    for (size_t i = 0; i < size; i++) {
        crc ^= (uint32_t)bytes[i] << 16;
        for (int bit = 0; bit < 8; bit++)
            crc = crc << 1 ^ (crc & 0x800000 ? 0x1864cfb : 0);
    }
    return crc & 0xffffff;
}

/* The lines of a text one by one, without blanks at their ends; false behind the last one. */
static bool next_line(const char **text, char line[OPENPGP_ARMOR_LINE + 1], bool *fits)
{
    size_t size = strcspn(*text, "\n"), whole = size;
    if (!**text)
        return false;
    while (size && strchr(" \t\r", (*text)[size - 1]))
        size--;
    *fits = size <= OPENPGP_ARMOR_LINE;
    size = *fits ? size : 0;
    memcpy(line, *text, size);
    line[size] = '\0';
    for (const char *p = line; *p; p++)
        *fits = *fits && *p >= ' ' && *p <= '~';
    *text += whole + ((*text)[whole] == '\n');
    return true;
}

struct armor {
    char *kept, *body; /* all lines, those of base64 */
    size_t kept_size, body_size;
    const char *crc; /* 4 letters, or NULL */
};

static void keep(struct armor *armor, const char *line)
{
    size_t size = strlen(line);
    memcpy(armor->kept + armor->kept_size, line, size);
    armor->kept[armor->kept_size + size] = '\n';
    armor->kept_size += size + 1;
}

/* A line of the part with base64: more of it, or the checksum behind it. */
static bool add_body(struct armor *armor, const char *line, struct arena *arena)
{
    size_t size = strlen(line), letters = strspn(line, alphabet);
    bool is_crc = *line == '=' && size == 1 + CRC_TEXT;
    if (armor->crc || !size)
        return false;
    if (is_crc && strspn(line + 1, alphabet) == CRC_TEXT) {
        armor->crc = arena_strdup(arena, line + 1);
        return true;
    }
    if (!letters || letters + strspn(line + letters, "=") != size)
        return false;
    memcpy(armor->body + armor->body_size, line, size);
    armor->body_size += size;
    return true;
}

/* 6.2: the first line, "Key: value", an empty line, base64, "=" and its checksum, the last line. */
static enum error_code read_lines(const char *text, struct arena *arena, struct armor *armor,
                                  struct error *err)
{
    enum { BEFORE, HEADERS, BODY, AFTER } part = BEFORE;
    char line[OPENPGP_ARMOR_LINE + 1];
    bool fits;
    while (next_line(&text, line, &fits)) {
        bool is_begin = !strcmp(line, BEGIN), is_end = !strcmp(line, END);
        bool good = fits;
        if (part == BEFORE && !*line && fits)
            continue;
        if (part == AFTER && !*line && fits)
            continue;
        if (part == BEFORE) {
            good = good && is_begin;
            part = HEADERS;
        } else if (part == HEADERS) {
            good = good && (!*line || strstr(line, ": "));
            part = *line ? HEADERS : BODY;
        } else if (part == BODY && is_end) {
            part = AFTER;
        } else {
            good = good && part == BODY && add_body(armor, line, arena);
        }
        if (!good)
            return bad(err, "a line does not belong there");
        keep(armor, line);
    }
    return part == AFTER ? ERR_OK : bad(err, "its last line is missing");
}

enum error_code openpgp_armor_read(const char *text, struct arena *arena, const char **key,
                                   struct error *err)
{
    size_t length = strlen(text), size = 0, crc_size = 0;
    if (length > OPENPGP_ARMOR_BYTES)
        return bad(err, "it is longer than 16 KiB");
    struct armor armor = {.kept = arena_alloc(arena, length + 2),
                          .body = arena_alloc(arena, length + 1)};
    enum error_code code = read_lines(text, arena, &armor, err);
    if (code)
        return code;
    const uint8_t *bytes =
        (const uint8_t *)digest_base64_parse(arena, armor.body, armor.body_size, &size);
    if (!bytes)
        return bad(err, "it is not in base64");
    if (armor.crc) {
        const char *crc = digest_base64_parse(arena, armor.crc, CRC_TEXT, &crc_size);
        if (!crc || crc_size != CRC_BYTES ||
            number((const uint8_t *)crc, CRC_BYTES) != checksum(bytes, size))
            return bad(err, "its checksum is another one");
    }
    code = check_packets(bytes, size, err);
    *key = armor.kept;
    return code;
}
