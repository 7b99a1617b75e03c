/* Programs that drivers run: see power_tool.h. */
#include "src/rack/power_tool.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/file.h"

enum { OUTPUT_BYTES = 64 << 10 };

enum error_code power_tool_run(const struct power_order *order, const struct power_tool *tool,
                               struct arena *arena, struct process_result *result,
                               struct error *err)
{
    const char *where = power_order_where(order);
    uint64_t now = clock_boot_ns();
    if (now >= tool->deadline_ns)
        return error_set(err, ERR_TIMEOUT, "no time is left for the BMC at %s", where);
    uint64_t left_ms = (tool->deadline_ns - now) / CLOCK_MS + 1;
    struct process_run run = {
        .argv = tool->argv,
        .environment = tool->environment,
        .output_limit = OUTPUT_BYTES,
        .timeout_ms = left_ms < (uint64_t)tool->timeout_ms ? (int)left_ms : tool->timeout_ms,
    };
    enum error_code code = process_run(&run, arena, result, err);
    if (code == ERR_NOT_FOUND)
        return error_set(err, ERR_IO, "%s is not installed on this rack: install %s", tool->argv[0],
                         tool->package);
    if (code == ERR_TIMEOUT)
        return error_set(err, ERR_UNAVAILABLE, "the BMC at %s does not answer", where);
    return code;
}

enum error_code power_tool_folder(const struct power_order *order, struct arena *arena,
                                  const char **folder, struct error *err)
{
    char *path = arena_printf(arena, "%s/power-XXXXXX", order->tools->folder);
    *folder = NULL;
    if (file_make_folders(order->tools->folder, 0700, err))
        return err->code;
    if (!mkdtemp(path))
        return error_errno(err, "%s", path);
    *folder = path;
    return ERR_OK;
}
