/* The table of what racks ask: see rack_call.h. */
#include "src/region/rack_call.h"

#include <string.h>

static const struct rack_call_row rows[] = {
#define RACK_CALL(method, mode, function) {method, mode, function},
#include "src/region/rack_calls.def"
#undef RACK_CALL
    {NULL, DB_READ, NULL},
};

const struct rack_call_row *rack_call_find(const char *method)
{
    for (const struct rack_call_row *row = rows; row->method; row++)
        if (!strcmp(row->method, method))
            return row;
    return NULL;
}
