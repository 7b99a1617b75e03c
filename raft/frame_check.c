/* Frames of libraft, checked: see frame_check.h. */
#include "raft/frame_check.h"

#include <raft.h>
#include <string.h>

enum {
    VOTE_BYTES = 40,
    VOTE_RESULT_BYTES = 24,
    APPEND_BYTES = 48, /* and 16 for each entry */
    APPEND_RESULT_BYTES = 32,
    SNAPSHOT_BYTES = 56, /* and the configuration */
    TIMEOUT_NOW_BYTES = 24,
    VERSION_MAX = 2, /* of any message of 0.22 */
    PRE_VOTE = 2,    /* flag of a vote request */
    CONFIGURATION_BYTES = 4096,
    CONFIGURATION_FORMAT = 1,
};

static uint64_t number_at(const uint8_t *bytes)
{
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

static uint32_t number32_at(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static enum error_code bad(struct error *err, const char *what)
{
    return error_set(err, ERR_CORRUPT, "raft frame: %s", what);
}

static enum error_code check_preamble(const uint8_t *bytes, size_t *header, struct error *err)
{
    uint64_t size = number_at(bytes + 8);
    size_t low = 0, high = 0;
    if (bytes[1] || bytes[2] > VERSION_MAX || bytes[3] || number32_at(bytes + 4))
        return bad(err, "version");
    switch (bytes[0]) {
    case RAFT_REQUEST_VOTE:
        low = high = VOTE_BYTES;
        break;
    case RAFT_REQUEST_VOTE_RESULT:
        low = high = VOTE_RESULT_BYTES;
        break;
    case RAFT_APPEND_ENTRIES:
        low = APPEND_BYTES;
        high = APPEND_BYTES + 16 * FRAME_ENTRIES;
        break;
    case RAFT_APPEND_ENTRIES_RESULT:
        low = high = APPEND_RESULT_BYTES;
        break;
    case RAFT_INSTALL_SNAPSHOT:
        low = SNAPSHOT_BYTES + 16;
        high = SNAPSHOT_BYTES + CONFIGURATION_BYTES;
        break;
    case RAFT_TIMEOUT_NOW:
        low = high = TIMEOUT_NOW_BYTES;
        break;
    default:
        return bad(err, "type");
    }
    if (size < low || size > high || size % 8)
        return bad(err, "length");
    *header = (size_t)size;
    return ERR_OK;
}

/* One server of a configuration: id, address with its NUL, role. Returns its size, 0 = bad. */
static size_t check_server(const uint8_t *bytes, size_t left)
{
    if (left < 10 || !number_at(bytes))
        return 0;
    size_t room = left - 9 < FRAME_SERVER_ADDRESS ? left - 9 : FRAME_SERVER_ADDRESS;
    size_t length = strnlen((const char *)bytes + 8, room);
    if (length == 0 || length == room || bytes[8 + length + 1] > RAFT_SPARE)
        return 0;
    return 8 + length + 2;
}

/* libraft frees a configuration twice when a server in it stands there twice. */
static bool is_known(const uint8_t *const *servers, size_t count, const uint8_t *candidate)
{
    for (size_t i = 0; i < count; i++)
        if (number_at(servers[i]) == number_at(candidate) ||
            !strcmp((const char *)servers[i] + 8, (const char *)candidate + 8))
            return true;
    return false;
}

enum error_code frame_check_configuration(const uint8_t *bytes, size_t size, struct error *err)
{
    const uint8_t *servers[FRAME_SERVERS];
    if (size < 9 || size > CONFIGURATION_BYTES || size % 8 || bytes[0] != CONFIGURATION_FORMAT)
        return bad(err, "configuration");
    uint64_t count = number_at(bytes + 1);
    size_t at = 9;
    if (count == 0 || count > FRAME_SERVERS)
        return bad(err, "number of servers");
    for (size_t i = 0; i < count; i++) {
        size_t taken = check_server(bytes + at, size - at);
        if (!taken || is_known(servers, i, bytes + at))
            return bad(err, "server");
        servers[i] = bytes + at;
        at += taken;
    }
    if (size - at >= 8)
        return bad(err, "configuration too long");
    return ERR_OK;
}

/* The heads of the entries say how long the payload is. */
static enum error_code check_heads(const uint8_t *header, size_t size, size_t *payload,
                                   struct error *err)
{
    uint64_t count = number_at(header + 32);
    if (count != (size - APPEND_BYTES) / 16 || (size - APPEND_BYTES) % 16)
        return bad(err, "number of entries");
    *payload = 0;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *head = header + 40 + 16 * i;
        uint32_t length = number32_at(head + 12);
        if (head[8] < RAFT_COMMAND || head[8] > RAFT_CHANGE)
            return bad(err, "entry type");
        if (!length || length % 8 || length > FRAME_PAYLOAD_BYTES - *payload)
            return bad(err, "entry length");
        *payload += length;
    }
    return ERR_OK;
}

static enum error_code check_header(int type, const uint8_t *header, size_t size, size_t *payload,
                                    struct error *err)
{
    *payload = 0;
    if (type == RAFT_APPEND_ENTRIES)
        return check_heads(header, size, payload, err);
    if (type != RAFT_INSTALL_SNAPSHOT)
        return ERR_OK;
    uint64_t configuration = number_at(header + 32);
    if (configuration != size - SNAPSHOT_BYTES)
        return bad(err, "length of the configuration");
    uint64_t length = number_at(header + size - 16);
    if (!length || length > FRAME_PAYLOAD_BYTES)
        return bad(err, "length of the snapshot");
    *payload = (size_t)length;
    return frame_check_configuration(header + 40, (size_t)configuration, err);
}

static enum error_code check_entries(const uint8_t *header, const uint8_t *payload,
                                     struct error *err)
{
    size_t count = (size_t)number_at(header + 32);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *head = header + 40 + 16 * i;
        uint32_t length = number32_at(head + 12);
        if (head[8] == RAFT_CHANGE && frame_check_configuration(payload, length, err))
            return ERR_CORRUPT;
        payload += length;
    }
    return ERR_OK;
}

enum error_code frame_check(const uint8_t *bytes, size_t have, size_t *need, struct error *err)
{
    size_t header = 0, payload = 0;
    *need = FRAME_PREAMBLE;
    if (have < FRAME_PREAMBLE)
        return ERR_OK;
    enum error_code code = check_preamble(bytes, &header, err);
    *need = FRAME_PREAMBLE + header;
    if (code || have < *need)
        return code;
    code = check_header(bytes[0], bytes + FRAME_PREAMBLE, header, &payload, err);
    *need += payload;
    if (code || have < *need)
        return code;
    ASSERT(have == *need && have <= FRAME_BYTES);
    if (bytes[0] == RAFT_APPEND_ENTRIES)
        return check_entries(bytes + FRAME_PREAMBLE, bytes + FRAME_PREAMBLE + header, err);
    return ERR_OK;
}

size_t frame_term(const uint8_t *frame, size_t size, uint8_t out[FRAME_TERM_BYTES])
{
    const uint8_t *body = frame + FRAME_PREAMBLE;
    if (frame[0] != RAFT_REQUEST_VOTE || size != FRAME_TERM_BYTES || !(body[32] & PRE_VOTE))
        return 0;
    uint64_t term = number_at(body); /* the one it would be candidate in: its own is one less */
    if (term < 2)
        return 0;
    memset(out, 0, FRAME_TERM_BYTES);
    memcpy(out, frame, FRAME_PREAMBLE + 16); /* preamble, term, candidate */
    for (int i = 0; i < 8; i++)
        out[FRAME_PREAMBLE + i] = (uint8_t)((term - 1) >> (8 * i));
    return FRAME_TERM_BYTES;
}

bool frame_asks_vote(const uint8_t *frame)
{
    return frame[0] == RAFT_REQUEST_VOTE;
}

uint64_t frame_commit(const uint8_t *frame, size_t size, uint64_t *term)
{
    const uint8_t *body = frame + FRAME_PREAMBLE;
    if (frame[0] != RAFT_APPEND_ENTRIES || size < FRAME_PREAMBLE + APPEND_BYTES)
        return 0;
    uint64_t index = number_at(body + 8);
    *term = number_at(body);
    return number_at(body + 16) == *term && number_at(body + 24) >= index ? index : 0;
}
