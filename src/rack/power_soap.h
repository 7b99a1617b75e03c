/*
 * Calls in SOAP, for power drivers: an envelope around them, faults as errors. Blocking; any
 * thread. Source: W3C SOAP 1.1 and 1.2. names: power_soap_
 */
#pragma once

#include "src/rack/power_http.h"
#include "src/rack/power_xml.h"

struct power_soap_call {
    const char *path;
    bool old;           /* SOAP 1.1 */
    const char *header; /* elements, XML; "" = none */
    const char *body;   /* one element, XML */
};

/**
 * *xml is the reply's document, to be freed with power_xml_free. Errors: as power_http_run;
 * CORRUPT; with the fault's text: FORBIDDEN (it names a login or a permission), IO.
 */
enum error_code power_soap_run(struct power_http *http, const struct power_soap_call *call,
                               struct power_xml **xml, struct error *err);

/** The text of a fault, in the arena; NULL when the document is none. */
const char *power_soap_fault(const struct power_xml *xml, struct arena *arena);
