/* One API call as bytes: URL, query or form; pure, so it is tested without a region. One thread. */
#pragma once

#include "src/cli/cli.h"
#include "src/model/api_action.h"
#include "src/wire/multipart.h"

enum { API_REQUEST_PARAMS = 256 };

/** "key=value", or "key@=file" (a file part; "-" is stdin). */
struct api_request_param {
    const char *name, *value;
    size_t size;
    bool is_file;
};

struct api_request {
    const struct api_action *action;
    const char *parts[4]; /* of the URI */
    int parts_count;
    struct api_request_param params[API_REQUEST_PARAMS];
    int params_count;
};

struct api_request_bytes {
    const char *method, *url;
    const char *content_type; /* NULL = no body */
    const char *form;         /* the body, or, with a file in it: */
    bool has_file;
    struct multipart multipart;
};

/**
 * Words after the action: parts of the URI, then parameters in any order. Files are read.
 * Errors: BAD_INPUT (too few or many words), NOT_FOUND, TOO_LARGE, IO.
 */
enum error_code api_request_parse(struct cli *cli, const struct api_action *action, int argc,
                                  char **argv, struct api_request *request, struct error *err);

/** How many of the words are parts of the URI. */
int api_request_count_parts(int argc, char **argv);

/**
 * base: the profile's URL. GET and DELETE carry parameters in the query, others in a form.
 * Ends with api_request_close, also after an error. Errors: IO (full disk).
 */
enum error_code api_request_render(const struct api_request *request, const char *base,
                                   struct arena *arena, struct api_request_bytes *bytes,
                                   struct error *err);
void api_request_close(struct api_request_bytes *bytes);
