/* Requests of the children: see request.h. */
#include "src/fence/request.h"

#include <string.h>

#include "src/base/address.h"

/* A field of fixed size that ends within it and holds printable ASCII only. */
static bool is_text(const char *field, size_t size)
{
    size_t length = strnlen(field, size);
    if (length == size)
        return false;
    for (size_t i = 0; i < length; i++)
        if (field[i] <= 0x20 || field[i] > 0x7e)
            return false;
    return true;
}

static bool is_interface(const char *name, bool may_be_empty)
{
    return is_text(name, FENCE_INTERFACE) && (*name ? !strchr(name, '/') : may_be_empty);
}

static bool is_net(const char *text)
{
    struct ip4_net net;
    return is_text(text, FENCE_NET) && ip4_net_parse(text, &net) && net.prefix > 0;
}

static bool are_ends(const struct fence_request *request)
{
    if (!is_net(request->nudge.address) || request->nudge.count > FENCE_NUDGES)
        return false;
    for (uint32_t i = 0; i < request->nudge.count; i++)
        if (!request->nudge.ends[i].peer || request->nudge.ends[i].peer_port - 1 > 65534 ||
            request->nudge.ends[i].port - 1 > 65534)
            return false;
    return true;
}

static bool are_known(const struct fence_request *request)
{
    if (request->known.doors > FENCE_DOORS || request->known.callers > LIMIT_REGIONS + 1)
        return false;
    for (uint32_t i = 0; i < request->known.doors; i++)
        if (request->known.door[i] - 1 > 65534)
            return false;
    return true;
}

static bool is_sound(const struct fence_request *request)
{
    ip4 ip;
    switch ((enum fence_type)request->type) {
    case FENCE_QUERY:
        return true;
    case FENCE_PG_START:
        return is_text(request->pg_start.data_dir, LIMIT_PATH) &&
               is_text(request->pg_start.config_file, LIMIT_PATH) && request->pg_start.port &&
               request->pg_start.port < 65536;
    case FENCE_PG_STOP:
        return request->pg_stop.mode <= FENCE_STOP_KILL && request->pg_stop.timeout_ms <= 600000;
    case FENCE_PG_SIGNAL:
        return request->pg_signal.what <= FENCE_SIGNAL_PROMOTE;
    case FENCE_LEASE:
        return request->lease.epoch > 0 && request->lease.announce <= FENCE_ANNOUNCE_OFTEN &&
               (request->lease.resource == FENCE_RESOURCE_POSTGRES ||
                (request->lease.resource == FENCE_RESOURCE_ADDRESS &&
                 is_net(request->lease.address)));
    case FENCE_ADDRESS_ADD:
        return is_net(request->address.address) &&
               is_interface(request->address.interface, false) && request->address.probe <= 1 &&
               request->address.epoch > 0;
    case FENCE_ADDRESS_DROP:
        return is_net(request->address.address);
    case FENCE_LISTEN:
        return request->listen.kind < FENCE_LISTENS && request->listen.port < 65536 &&
               is_interface(request->listen.interface, true) &&
               is_text(request->listen.address, sizeof(request->listen.address)) &&
               (!request->listen.address[0] || ip4_parse(request->listen.address, &ip));
    case FENCE_NUDGE:
        return are_ends(request);
    case FENCE_KNOWN:
        return are_known(request);
    case FENCE_TYPES:
        break;
    }
    return false;
}

enum error_code request_check(const void *bytes, size_t size, enum request_sender sender,
                              struct fence_request *request, struct error *err)
{
    request->number = 0;
    if (size != sizeof(*request))
        return error_set(err, ERR_BAD_INPUT, "request of %zu bytes: expected %zu", size,
                         sizeof(*request));
    memcpy(request, bytes, size);
    if (request->number == 0 || request->type == 0 || request->type >= FENCE_TYPES ||
        !is_sound(request))
        return error_set(err, ERR_BAD_INPUT, "malformed request of type %u", request->type);
    if (sender == REQUEST_FROM_RACKD && request->type != FENCE_LISTEN &&
        request->type != FENCE_QUERY)
        return error_set(err, ERR_FORBIDDEN, "request of type %u is not rackd's to make",
                         request->type);
    return ERR_OK;
}
