/* One asynchronous step in flight: see op.h. */
#include "src/base/op.h"

#include <stddef.h>

#include "src/base/clock.h"
#include "src/base/error.h"

uint64_t op_begin(struct op *op, const char *name, uint64_t timeout_ns)
{
    ASSERT(!op->name && name);
    op->name = name;
    op->deadline_ns = timeout_ns ? clock_boot_ns() + timeout_ns : 0;
    return ++op->serial;
}

bool op_end(struct op *op, uint64_t serial)
{
    if (!op->name || op->serial != serial)
        return false;
    op->name = NULL;
    return true;
}

bool op_busy(const struct op *op)
{
    return op->name != NULL;
}

bool op_expired(const struct op *op)
{
    return op->name && op->deadline_ns && clock_boot_ns() >= op->deadline_ns;
}

void op_abandon(struct op *op)
{
    op->name = NULL;
}
