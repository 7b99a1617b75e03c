/* A host that stood still: see pause.h. */
#include "src/fence/pause.h"

#include "src/base/clock.h"

bool pause_seen(struct pause *pause, uint64_t real_ms, uint64_t boot_ns)
{
    int64_t apart_ms = (int64_t)real_ms - (int64_t)(boot_ns / CLOCK_MS);
    bool seen = pause->looked && apart_ms - pause->apart_ms > PAUSE_MS;
    pause->apart_ms = apart_ms;
    pause->looked = true;
    return seen;
}
