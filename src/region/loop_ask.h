/*
 * From a thread of the API or of the control socket to the control loop and back: run something
 * there and wait for it. For commands of people; requests of clients use the two doors.
 */
#pragma once

#include "src/region/region.h"

/** Run call(subject) on the loop and wait until it returned. Never on the loop itself. */
void loop_ask(struct loop *loop, void (*call)(void *subject), void *subject);

/** Ask gantry-fenced and wait for its answer. Errors: those of the answer. */
enum error_code loop_ask_fenced(struct region *region, const struct fence_request *request,
                                struct error *err);
