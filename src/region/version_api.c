/* What this API can do: version and describe. MAAS's clients look for its capabilities by name. */
#include "src/base/container.h"
#include "src/region/describe.h"
#include "src/region/routes.h"

/* The version of MAAS whose API this is: clients compare it. */
#define API_VERSION "3.4.0"

static const char *const capabilities[] = {
    "networks-management",       "static-ipaddresses",        "ipv6-deployment-ubuntu",
    "devices-management",        "storage-deployment-ubuntu", "network-deployment-ubuntu",
    "bridging-interface-ubuntu", "bridging-automatic-ubuntu", "authenticate-api",
};

enum error_code version_read(struct api_request *request, struct api_reply *reply,
                             struct error *err)
{
    (void)request;
    (void)err;
    struct json_out *out = api_reply_json(reply);
    json_out_open_object(out, NULL);
    json_out_open_list(out, "capabilities");
    for (size_t i = 0; i < COUNT_OF(capabilities); i++)
        json_out_text(out, NULL, capabilities[i]);
    json_out_close_list(out);
    json_out_text(out, "version", API_VERSION);
    json_out_text(out, "subversion", "");
    json_out_close_object(out);
    return ERR_OK;
}

/* Clients want exactly this content type. */
enum error_code page_describe(struct api_request *request, struct api_reply *reply,
                              struct error *err)
{
    (void)err;
    describe_write(&reply->body, request->base_url);
    reply->content_type = "application/json";
    api_reply_header(reply, "X-MAAS-API-Hash", describe_hash());
    return ERR_OK;
}

/* /MAAS/api/version/, and what is left of the API of old. */
enum error_code page_api(struct api_request *request, struct api_reply *reply, struct error *err)
{
    const char *first = request->route->rest_count ? request->route->rest[0] : "";
    if (first[0] == 'v' && request->route->rest_count == 1) {
        api_reply_text(reply, 200, "2.0");
        return ERR_OK;
    }
    if (first[0] == '1')
        return error_set(err, ERR_GONE, "The 1.0 API is no longer available. Use the 2.0 API.");
    return error_set(err, ERR_NOT_FOUND, "Unknown API endpoint: %s.", request->path);
}
