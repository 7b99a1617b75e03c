/* Foreign XML: see xml_document.h. */
#include "src/wire/xml_document.h"

#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <pthread.h>

/* Before anything that it declares is read: even attributes that nobody asks for are expanded. */
static void refuse_type(void *parser, const xmlChar *name, const xmlChar *external,
                        const xmlChar *system)
{
    (void)name;
    (void)external;
    (void)system;
    xmlStopParser(parser);
}

static xmlDocPtr parse(const char *bytes, size_t size)
{
    /* without XML_PARSE_HUGE libxml2 bounds depth and lengths; without NOENT and DTDLOAD it reads
     * nothing else */
    const int options = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING;
    xmlParserCtxtPtr parser = xmlNewParserCtxt();
    ASSERT(parser && parser->sax);
    parser->sax->internalSubset = refuse_type;
    xmlDocPtr document = xmlCtxtReadMemory(parser, bytes, (int)size, "foreign.xml", NULL, options);
    xmlFreeParserCtxt(parser);
    return document;
}

enum error_code xml_document_read(const char *bytes, size_t size, struct _xmlDoc **document,
                                  struct error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    *document = NULL;
    if (!size || size > XML_DOCUMENT_BYTES)
        return error_set(err, ERR_CORRUPT, "not XML of at most %d bytes", XML_DOCUMENT_BYTES);
    pthread_once(&once, xmlInitParser);
    xmlDocPtr read = parse(bytes, size);
    if (!read || !xmlDocGetRootElement(read) || read->intSubset) {
        xmlFreeDoc(read);
        return error_set(err, ERR_CORRUPT, "not XML, or with a document type");
    }
    *document = read;
    return ERR_OK;
}
