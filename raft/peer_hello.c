/* What members say first: see peer_hello.h. */
#include "raft/peer_hello.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/address.h"

/* Where what stands in a hello. */
enum { PURPOSE = PEER_MAGIC_BYTES, FROM = 16, TO = 24 };

enum error_code peer_address_parse(const char *text, struct peer_address *address,
                                   struct error *err)
{
    ip4 ip;
    const char *at = strchr(text, '@'), *colon = at ? strrchr(at, ':') : NULL;
    memset(address, 0, sizeof(*address));
    if (!colon || at == text || at - text >= LIMIT_NAME || colon - at > CLUSTER_ADDRESS)
        return error_set(err, ERR_BAD_INPUT, "\"%s\": expected NAME@IP:PORT", text);
    memcpy(address->name, text, (size_t)(at - text));
    memcpy(address->ip, at + 1, (size_t)(colon - at - 1));
    size_t digits = strspn(colon + 1, "0123456789");
    long port = strtol(colon + 1, NULL, 10);
    if (!digits || digits > 5 || (digits > 1 && colon[1] == '0') || colon[1 + digits] ||
        port > 65535 || !ip4_parse(address->ip, &ip))
        return error_set(err, ERR_BAD_INPUT, "\"%s\": expected NAME@IP:PORT", text);
    address->port = (int)port;
    return ERR_OK;
}

const char *peer_address_format(const char *name, const char *ip, int port, char text[PEER_ADDRESS])
{
    int length = snprintf(text, PEER_ADDRESS, "%s@%s:%d", name, ip, port);
    ASSERT(length > 0 && length < PEER_ADDRESS);
    return text;
}

static void put_number(uint8_t *bytes, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t number_at(const uint8_t *bytes)
{
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

void peer_hello_write(const struct peer_hello *hello, uint8_t bytes[PEER_HELLO_BYTES])
{
    memset(bytes, 0, PEER_HELLO_BYTES);
    memcpy(bytes, PEER_MAGIC, PEER_MAGIC_BYTES);
    bytes[PURPOSE] = (uint8_t)hello->purpose;
    put_number(bytes + FROM, hello->from);
    put_number(bytes + TO, hello->to);
    snprintf((char *)bytes + PEER_HELLO_ADDRESS, PEER_ADDRESS, "%s", hello->address);
}

bool peer_hello_read(const uint8_t bytes[PEER_HELLO_BYTES], struct peer_hello *hello,
                     struct peer_address *address)
{
    int purpose = bytes[PURPOSE];
    memset(hello, 0, sizeof(*hello));
    if (memcmp(bytes, PEER_MAGIC, PEER_MAGIC_BYTES) != 0 || purpose < PEER_RAFT ||
        purpose > PEER_CALLS || bytes[PEER_HELLO_BYTES - 1])
        return false;
    hello->purpose = (enum peer_purpose)purpose;
    hello->from = number_at(bytes + FROM);
    hello->to = number_at(bytes + TO);
    snprintf(hello->address, sizeof(hello->address), "%s",
             (const char *)bytes + PEER_HELLO_ADDRESS);
    return hello->from && !peer_address_parse(hello->address, address, NULL);
}
