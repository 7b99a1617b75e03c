/* API commands: "gantry machine deploy abc distro_series=bookworm", built from the action table. */
#pragma once

#include "src/cli/api_request.h"
#include "src/cli/cli.h"
#include "src/cli/profile.h"

/** argv[0] is a subject. Errors: BAD_INPUT, what the API answered, UNAVAILABLE. */
enum error_code api_run(struct cli *cli, int argc, char **argv, struct error *err);

/** One call: the answer's body and content type, both in the arena. Errors: as above. */
struct api_run_answer {
    int status;
    const char *content_type, *body;
    size_t body_size;
};
enum error_code api_run_call(struct cli *cli, const struct profile *profile,
                             const struct api_request_bytes *bytes, struct api_run_answer *answer,
                             struct error *err);
