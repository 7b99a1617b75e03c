/*
 * TFTP packets: strict decoder and encoder. Pure; any thread.
 * Source: RFC 1350, 2347 (options), 2348 (blksize), 2349 (timeout, tsize), 7440 (windowsize).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/error.h"

enum {
    TFTP_PACKET_NAME = 256,      /* file name, with the NUL */
    TFTP_PACKET_REQUEST = 512,   /* longest request (RFC 2347) and acknowledgement of options */
    TFTP_PACKET_HEADER = 4,      /* of DATA and ACK */
    TFTP_PACKET_BLKSIZE = 512,   /* without the option */
    TFTP_PACKET_BLKSIZE_MIN = 8, /* RFC 2348 */
    TFTP_PACKET_BLKSIZE_MAX = 65464,
    TFTP_PACKET_WINDOW_MAX = 64, /* more is answered with this */
};

enum tftp_packet_type {
    TFTP_PACKET_RRQ = 1,
    TFTP_PACKET_WRQ,
    TFTP_PACKET_DATA,
    TFTP_PACKET_ACK,
    TFTP_PACKET_ERROR,
    TFTP_PACKET_OACK,
};

/* RFC 1350 5, RFC 2347 */
enum tftp_packet_error {
    TFTP_PACKET_ERROR_OTHER = 0,
    TFTP_PACKET_ERROR_NOT_FOUND = 1,
    TFTP_PACKET_ERROR_ACCESS = 2,
    TFTP_PACKET_ERROR_ILLEGAL = 4,
    TFTP_PACKET_ERROR_UNKNOWN_ID = 5,
    TFTP_PACKET_ERROR_OPTIONS = 8,
};

/** Options of a request or of its answer; 0 = not given. */
struct tftp_packet_options {
    uint32_t blksize, timeout_s, windowsize;
    bool tsize_given;
    uint64_t tsize;
};

struct tftp_packet {
    enum tftp_packet_type type;
    char name[TFTP_PACKET_NAME];        /* RRQ, WRQ */
    bool octet;                         /* RRQ, WRQ: the mode; else netascii or mail */
    struct tftp_packet_options options; /* RRQ, WRQ, OACK */
    uint16_t block;                     /* DATA, ACK */
    uint16_t error;                     /* ERROR */
    const uint8_t *payload;             /* DATA; text of ERROR (not terminated): in the input */
    size_t payload_size;
};

/**
 * Decode size bytes. Options that are not known are skipped, values above what is served are left
 * to the session. Errors: BAD_INPUT (not TFTP, cut off), NOT_ALLOWED (an option twice, or with a
 * value that RFC 2348, 2349 or 7440 does not allow: ERROR 8 is the answer), TOO_LARGE.
 */
enum error_code tftp_packet_read(const void *bytes, size_t size, struct tftp_packet *packet,
                                 struct error *err);

/** Encode into bytes, which hold TFTP_PACKET_REQUEST; the size. At least one option is set. */
size_t tftp_packet_write_oack(const struct tftp_packet_options *options, uint8_t *bytes);

/** The same; text is cut where the packet ends. */
size_t tftp_packet_write_error(enum tftp_packet_error error, const char *text, uint8_t *bytes);

/** The four bytes before a block's content. */
void tftp_packet_write_data(uint16_t block, uint8_t header[TFTP_PACKET_HEADER]);
