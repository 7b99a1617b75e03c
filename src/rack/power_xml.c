/* Replies in XML: see power_xml.h. */
#include "src/rack/power_xml.h"

#include <libxml/tree.h>
#include <stdint.h>
#include <string.h>

#include "src/wire/xml_document.h"

static const xmlNode *node_of(const struct power_xml_element *element)
{
    return (const xmlNode *)element;
}

static const struct power_xml_element *element_of(const xmlNode *at)
{
    return (const struct power_xml_element *)at;
}

enum error_code power_xml_read(const char *bytes, size_t size, struct power_xml **xml,
                               struct error *err)
{
    xmlDocPtr document;
    enum error_code code = xml_document_read(bytes, size, &document, err);
    *xml = (struct power_xml *)document;
    return code;
}

void power_xml_free(struct power_xml *xml)
{
    xmlFreeDoc((xmlDocPtr)xml);
}

const struct power_xml_element *power_xml_root(const struct power_xml *xml)
{
    return element_of(xmlDocGetRootElement((const xmlDoc *)xml));
}

/* Behind it and all that is in it, still inside of within. */
static const xmlNode *behind(const xmlNode *within, const xmlNode *at)
{
    while (at != within && !at->next)
        at = at->parent;
    return at == within ? NULL : at->next;
}

const struct power_xml_element *power_xml_next(const struct power_xml_element *within,
                                               const struct power_xml_element *after,
                                               const char *name)
{
    const xmlNode *top = node_of(within);
    const xmlNode *at = after ? node_of(after) : top;
    for (;;) {
        at = at->type == XML_ELEMENT_NODE && at->children ? at->children : behind(top, at);
        if (!at)
            return NULL;
        if (at->type == XML_ELEMENT_NODE && !strcmp((const char *)at->name, name))
            return element_of(at);
    }
}

const struct power_xml_element *power_xml_child(const struct power_xml_element *within)
{
    const xmlNode *at = within ? node_of(within)->children : NULL;
    while (at && at->type != XML_ELEMENT_NODE)
        at = at->next;
    return element_of(at);
}

/* libxml's text, moved to the arena without the blanks around it. */
static const char *take(xmlChar *text, struct arena *arena)
{
    const char *copy = arena_trim(arena, text ? (const char *)text : "");
    xmlFree(text);
    return copy;
}

const char *power_xml_text(const struct power_xml_element *element, struct arena *arena)
{
    return element ? take(xmlNodeGetContent(node_of(element)), arena) : NULL;
}

const char *power_xml_attribute(const struct power_xml_element *element, const char *name,
                                struct arena *arena)
{
    xmlChar *value =
        element ? xmlGetNoNsProp((xmlNode *)(uintptr_t)element, (const xmlChar *)name) : NULL;
    return value ? take(value, arena) : NULL;
}

const char *power_xml_escape(struct arena *arena, const char *text)
{
    static const struct {
        char letter;
        const char *entity;
    } entities[] = {
        {'<', "&lt;"}, {'>', "&gt;"}, {'&', "&amp;"}, {'"', "&quot;"}, {'\'', "&apos;"}};
    char *escaped = arena_alloc(arena, 6 * strlen(text) + 1), *to = escaped;
    for (; *text; text++) {
        const char *entity = NULL;
        for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++)
            if (entities[i].letter == *text)
                entity = entities[i].entity;
        if (entity)
            to = stpcpy(to, entity);
        else
            *to++ = *text;
    }
    *to = '\0';
    return escaped;
}
