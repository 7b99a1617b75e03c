/* TFTP packets: see tftp_packet.h. */
#include "src/rack/tftp_packet.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { DIGITS = 19 }; /* a tsize fits in 64 bits */

/* What is left of the input. */
struct reader {
    const uint8_t *at, *end;
};

static uint16_t read_16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static void write_16(uint8_t *bytes, unsigned value)
{
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

/* The next NUL-terminated text, or NULL when it does not end. */
static const char *read_text(struct reader *reader)
{
    const uint8_t *end = memchr(reader->at, 0, (size_t)(reader->end - reader->at));
    const char *text = (const char *)reader->at;
    if (!end)
        return NULL;
    reader->at = end + 1;
    return text;
}

static bool read_number(const char *text, uint64_t *number)
{
    size_t length = strlen(text);
    *number = 0;
    if (!length || length > DIGITS - 1 || strspn(text, "0123456789") != length)
        return false;
    for (; *text; text++)
        *number = *number * 10 + (uint64_t)(*text - '0');
    return true;
}

/* One option with bounds; a second one of the same name is against RFC 2347. */
struct option {
    const char *name;
    uint64_t low, high, clamp;
    uint32_t *value;
};

static enum error_code set_option(const struct option *option, uint64_t number, struct error *err)
{
    if (*option->value)
        return error_set(err, ERR_NOT_ALLOWED, "option %s twice", option->name);
    if (number < option->low || number > option->high)
        return error_set(err, ERR_NOT_ALLOWED, "option %s out of range", option->name);
    *option->value = (uint32_t)(number < option->clamp ? number : option->clamp);
    return ERR_OK;
}

static enum error_code read_option(const char *name, const char *value,
                                   struct tftp_packet_options *options, struct error *err)
{
    /* Above the largest blksize or window a smaller one may be answered: not refused. */
    const struct option known[] = {
        {"blksize", TFTP_PACKET_BLKSIZE_MIN, 65535, TFTP_PACKET_BLKSIZE_MAX, &options->blksize},
        {"timeout", 1, 255, 255, &options->timeout_s},
        {"windowsize", 1, 65535, TFTP_PACKET_WINDOW_MAX, &options->windowsize},
    };
    uint64_t number;
    bool is_number = read_number(value, &number);
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        if (strcasecmp(name, known[i].name) != 0)
            continue;
        if (!is_number)
            return error_set(err, ERR_NOT_ALLOWED, "option %s is no number", known[i].name);
        return set_option(&known[i], number, err);
    }
    if (strcasecmp(name, "tsize") != 0)
        return ERR_OK;
    if (options->tsize_given || !is_number)
        return error_set(err, ERR_NOT_ALLOWED, "option tsize twice or no number");
    options->tsize_given = true;
    options->tsize = number;
    return ERR_OK;
}

static enum error_code read_options(struct reader *reader, struct tftp_packet_options *options,
                                    struct error *err)
{
    while (reader->at < reader->end) {
        const char *name = read_text(reader);
        const char *value = name ? read_text(reader) : NULL;
        if (!value)
            return error_set(err, ERR_BAD_INPUT, "an option is cut off");
        enum error_code code = read_option(name, value, options, err);
        if (code)
            return code;
    }
    return ERR_OK;
}

static enum error_code read_request(struct reader *reader, struct tftp_packet *packet,
                                    struct error *err)
{
    const char *name = read_text(reader);
    const char *mode = name ? read_text(reader) : NULL;
    if (!mode)
        return error_set(err, ERR_BAD_INPUT, "the request is cut off");
    if (strlen(name) >= TFTP_PACKET_NAME)
        return error_set(err, ERR_TOO_LARGE, "the file name is too long");
    packet->octet = !strcasecmp(mode, "octet");
    if (!packet->octet && strcasecmp(mode, "netascii") != 0 && strcasecmp(mode, "mail") != 0)
        return error_set(err, ERR_BAD_INPUT, "unknown transfer mode");
    strcpy(packet->name, name);
    return read_options(reader, &packet->options, err);
}

static enum error_code read_error(struct reader *reader, struct tftp_packet *packet,
                                  struct error *err)
{
    if (reader->end - reader->at < 2)
        return error_set(err, ERR_BAD_INPUT, "the error is cut off");
    packet->error = read_16(reader->at);
    packet->payload = reader->at + 2; /* some clients leave the NUL out */
    packet->payload_size =
        strnlen((const char *)packet->payload, (size_t)(reader->end - packet->payload));
    return ERR_OK;
}

enum error_code tftp_packet_read(const void *bytes, size_t size, struct tftp_packet *packet,
                                 struct error *err)
{
    struct reader reader = {bytes, (const uint8_t *)bytes + size};
    memset(packet, 0, sizeof(*packet));
    if (size < 2)
        return error_set(err, ERR_BAD_INPUT, "shorter than any packet");
    unsigned type = read_16(reader.at);
    reader.at += 2;
    if (type < TFTP_PACKET_RRQ || type > TFTP_PACKET_OACK)
        return error_set(err, ERR_BAD_INPUT, "unknown type %u", type);
    packet->type = (enum tftp_packet_type)type;
    bool has_texts = type <= TFTP_PACKET_WRQ || type >= TFTP_PACKET_ERROR;
    if (has_texts && size > TFTP_PACKET_REQUEST)
        return error_set(err, ERR_TOO_LARGE, "longer than a packet of this type may be");
    if (type == TFTP_PACKET_RRQ || type == TFTP_PACKET_WRQ)
        return read_request(&reader, packet, err);
    if (type == TFTP_PACKET_OACK)
        return read_options(&reader, &packet->options, err);
    if (type == TFTP_PACKET_ERROR)
        return read_error(&reader, packet, err);
    if (size < TFTP_PACKET_HEADER || (type == TFTP_PACKET_ACK && size > TFTP_PACKET_REQUEST))
        return error_set(err, ERR_BAD_INPUT, "a block's number is missing");
    packet->block = read_16(reader.at);
    packet->payload = reader.at + 2;
    packet->payload_size = type == TFTP_PACKET_DATA ? size - TFTP_PACKET_HEADER : 0;
    return ERR_OK;
}

static size_t write_option(uint8_t *bytes, const char *name, uint64_t value)
{
    int used = sprintf((char *)bytes, "%s%c%llu", name, 0, (unsigned long long)value);
    return (size_t)used + 1;
}

size_t tftp_packet_write_oack(const struct tftp_packet_options *options, uint8_t *bytes)
{
    size_t used = 2;
    write_16(bytes, TFTP_PACKET_OACK);
    if (options->blksize)
        used += write_option(bytes + used, "blksize", options->blksize);
    if (options->timeout_s)
        used += write_option(bytes + used, "timeout", options->timeout_s);
    if (options->tsize_given)
        used += write_option(bytes + used, "tsize", options->tsize);
    if (options->windowsize)
        used += write_option(bytes + used, "windowsize", options->windowsize);
    return used;
}

size_t tftp_packet_write_error(enum tftp_packet_error error, const char *text, uint8_t *bytes)
{
    size_t length = strlen(text), room = TFTP_PACKET_REQUEST - 5;
    length = length < room ? length : room;
    write_16(bytes, TFTP_PACKET_ERROR);
    write_16(bytes + 2, error);
    memcpy(bytes + 4, text, length);
    bytes[4 + length] = '\0';
    return length + 5;
}

void tftp_packet_write_data(uint16_t block, uint8_t header[TFTP_PACKET_HEADER])
{
    write_16(header, TFTP_PACKET_DATA);
    write_16(header + 2, block);
}
