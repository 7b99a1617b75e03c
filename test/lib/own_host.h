/* A host address for what a test listens on. */
#pragma once

/** An address of 127.0.0.0/8 that no other running process is given, dotted: any port of it is
 * free, also of the outgoing connections of other tests (those of loopback leave from 127.0.0.1).
 */
const char *own_host(void);
