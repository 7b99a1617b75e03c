/* Calls in SOAP: see power_soap.h. */
#include "src/rack/power_soap.h"

#include <string.h>

#define NAMESPACE_1_1 "http://schemas.xmlsoap.org/soap/envelope/"
#define NAMESPACE_1_2 "http://www.w3.org/2003/05/soap-envelope"

const char *power_soap_fault(const struct power_xml *xml, struct arena *arena)
{
    const struct power_xml_element *root = power_xml_root(xml);
    const struct power_xml_element *fault = power_xml_next(root, NULL, "Fault");
    if (!fault)
        return NULL;
    const char *text = power_xml_text(power_xml_next(fault, NULL, "faultstring"), arena);
    text = text ? text : power_xml_text(power_xml_next(fault, NULL, "Text"), arena);
    return text && *text ? text : "a fault without a text";
}

/* Which fault it is stands in names of elements, not in its text. */
static bool is_refusal(const struct power_xml *xml)
{
    const struct power_xml_element *root = power_xml_root(xml);
    return power_xml_next(root, NULL, "InvalidLoginFault") ||
           power_xml_next(root, NULL, "NoPermissionFault") ||
           power_xml_next(root, NULL, "NotAuthenticatedFault");
}

static enum error_code take(struct power_http *http, const struct http_client_reply *reply,
                            struct power_xml **xml, struct error *err)
{
    const char *where = power_order_where(http->order);
    enum error_code code = power_xml_read(reply->body, reply->body_size, xml, err);
    if (code)
        return error_wrap(err, "the BMC at %s", where);
    const char *fault = power_soap_fault(*xml, http->arena);
    if (!fault)
        return ERR_OK;
    code = is_refusal(*xml) ? ERR_FORBIDDEN : ERR_IO;
    power_xml_free(*xml);
    *xml = NULL;
    return error_set(err, code, "the BMC at %s: %.300s", where, fault);
}

enum error_code power_soap_run(struct power_http *http, const struct power_soap_call *call,
                               struct power_xml **xml, struct error *err)
{
    struct http_client_reply reply = {0};
    struct error why;
    struct power_http_call post = {
        .method = "POST",
        .path = call->path,
        .body = arena_printf(http->arena,
                             "<?xml version=\"1.0\" encoding=\"UTF-8\"?><s:Envelope xmlns:s=\"%s\">"
                             "<s:Header>%s</s:Header><s:Body>%s</s:Body></s:Envelope>",
                             call->old ? NAMESPACE_1_1 : NAMESPACE_1_2, call->header, call->body),
        .type = call->old ? "text/xml; charset=utf-8" : "application/soap+xml;charset=UTF-8",
    };
    *xml = NULL;
    enum error_code code = power_http_run(http, &post, &reply, err);
    if (!code)
        return take(http, &reply, xml, err);
    /* a fault comes with a status that tells less */
    if (reply.status != 400 && reply.status != 500)
        return code;
    enum error_code fault = take(http, &reply, xml, &why);
    if (fault != ERR_IO && fault != ERR_FORBIDDEN) {
        power_xml_free(*xml);
        *xml = NULL;
        return code;
    }
    *err = why;
    return fault;
}
