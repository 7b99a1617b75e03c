/*
 * The sockets of DHCP on one interface: UDP port 67, and one that sends frames. They come from
 * fenced, and are opened anew when the interface comes up or was made anew. Loop thread.
 */
#pragma once

#include "src/base/loop.h"
#include "src/rack/dhcp_reply.h"
#include "src/base/interfaces.h"
#include "src/wire/fence_link.h"

struct dhcp_socket;

struct dhcp_socket_events {
    /** A datagram of any size and content, and the address it was sent to. */
    void (*received)(void *owner, const struct interface *interface, const void *bytes, size_t size,
                     ip4 to);
    /** fenced or the kernel refuses: for the log. It is tried again every few seconds. */
    void (*failed)(void *owner, const struct interface *interface, const char *why);
};

/** Begin to open; the interface is copied. */
struct dhcp_socket *dhcp_socket_new(struct loop *loop, struct fence_link *fence,
                                    const struct interface *interface,
                                    const struct dhcp_socket_events *events, void *owner);

/** The interface as it was last told; other addresses need no new socket. */
const struct interface *dhcp_socket_interface(const struct dhcp_socket *socket);
void dhcp_socket_set_interface(struct dhcp_socket *socket, const struct interface *interface);

/** Both sockets are there. */
bool dhcp_socket_is_open(const struct dhcp_socket *socket);

/** Send one message; false when the kernel refused or the sockets are not there. */
bool dhcp_socket_send(struct dhcp_socket *socket, const struct dhcp_target *target,
                      const void *message, size_t size);

/** Close; it is gone when the loop comes round and fenced has answered. No more events. */
void dhcp_socket_close(struct dhcp_socket *socket);
