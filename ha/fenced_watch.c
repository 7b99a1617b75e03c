/* How long fenced owes an answer: see fenced_watch.h. */
#include "ha/fenced_watch.h"

#include "src/base/clock.h"

bool fenced_watch_look(struct fenced_watch *watch, uint64_t now_ns, uint64_t owed_ms,
                       uint64_t limit_ms)
{
    uint64_t step_ns = watch->looked_ns ? now_ns - watch->looked_ns : 0;
    if (step_ns > FENCED_WATCH_STEP_MS * CLOCK_MS)
        step_ns = FENCED_WATCH_STEP_MS * CLOCK_MS;
    watch->looked_ns = now_ns;
    watch->owed_ns += step_ns;
    if (watch->owed_ns > owed_ms * CLOCK_MS) /* another answer is the oldest by now, or none is */
        watch->owed_ns = owed_ms * CLOCK_MS;
    watch->gone = watch->owed_ns > limit_ms * CLOCK_MS;
    return watch->gone;
}
