/*
 * What a caller says of itself when a stream between members begins, and the form of a member's
 * address in raft's configuration, "name@ip:port". Pure; any thread. names: peer_
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "raft/cluster_fact.h"

enum {
    PEER_ADDRESS = LIMIT_NAME + CLUSTER_ADDRESS + 8, /* "name@ip:port", with the NUL */
    PEER_MAGIC_BYTES = 8,
    PEER_HELLO_ADDRESS = 32, /* behind magic, purpose, from whom, to whom */
    PEER_HELLO_BYTES = PEER_HELLO_ADDRESS + PEER_ADDRESS,
};

/** What a hello begins with, and the welcome that answers it. */
#define PEER_MAGIC "gantry-1"

/** What a stream is for. RAFT: libraft's frames one way. MESSAGES: member_message.h one way. CALLS:
 * src/wire/call_link.h, calls of who opened it. */
enum peer_purpose { PEER_RAFT = 1, PEER_MESSAGES = 2, PEER_CALLS = 3 };

/** Parts of "name@ip:port". Errors: BAD_INPUT. */
struct peer_address {
    char name[LIMIT_NAME], ip[CLUSTER_ADDRESS];
    int port;
};
enum error_code peer_address_parse(const char *text, struct peer_address *address,
                                   struct error *err);
const char *peer_address_format(const char *name, const char *ip, int port,
                                char text[PEER_ADDRESS]);

struct peer_hello {
    enum peer_purpose purpose;
    uint64_t from, to;          /* ids: the caller's, the one it means */
    char address[PEER_ADDRESS]; /* where the caller is reached */
};

void peer_hello_write(const struct peer_hello *hello, uint8_t bytes[PEER_HELLO_BYTES]);

/** False = it is none. *address: the parts of the hello's address. */
bool peer_hello_read(const uint8_t bytes[PEER_HELLO_BYTES], struct peer_hello *hello,
                     struct peer_address *address);
