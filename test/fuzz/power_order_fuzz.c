/* Any JSON as an order to a power driver: refused with a reason, or whole. */
// rooms: rack
#include <stdint.h>
#include <string.h>

#include "src/rack/power.h"
#include "src/rack/power_order.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check(const struct power_order *order)
{
    struct arena *arena = arena_new();
    ASSERT(order->driver && json_is_object(order->parameters) && *order->request);
    ASSERT(order->timeout_ms && order->timeout_ms <= POWER_TIMEOUT_MS);
    ASSERT(!order->background || order->action == POWER_QUERY);
    ASSERT(*power_order_where(order) && *power_order_action_word(order->action));
    int port = power_order_port(order, 1);
    ASSERT(port > 0 && port < 65536);
    if (power_driver_parameter(order->driver, "power_address")) {
        ASSERT(power_order_peer_host(order, arena));
        ASSERT(power_order_peer_port(order, "1"));
    }
    arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct power_order order;
    struct error err = {0};
    json_t *params = json_loadb((const char *)bytes, size, 0, NULL);
    if (power_order_parse(params, &order, &err)) {
        ASSERT(err.text[0]);
    } else {
        check(&order);
        power_order_close(&order);
    }
    json_decref(params);
    return 0;
}
