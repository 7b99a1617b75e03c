/* The driver "vmware": see power_vmware.h. */
#include "src/rack/power_vmware.h"

#include <stdlib.h>
#include <string.h>

#include "src/rack/power_soap.h"
#include "src/rack/power_steps.h"

#define VIM "xmlns=\"urn:vim25\""

/* One order under way. Names of the host's services are escaped. */
struct vmware {
    struct power_http http;
    const char *root_folder, *properties, *session, *search, *views;
    struct power_vmware_vm vm;
};

/* ---- decoding ---- */

static const char *property(const struct power_xml_element *object, const char *name,
                            struct arena *arena)
{
    const struct power_xml_element *set = NULL;
    while ((set = power_xml_next(object, set, "propSet"))) {
        const char *own = power_xml_text(power_xml_next(set, NULL, "name"), arena);
        if (own && !strcmp(own, name))
            return power_xml_text(power_xml_next(set, NULL, "val"), arena);
    }
    return NULL;
}

static enum power_seen power_of(const char *text)
{
    if (text && (!strcmp(text, "poweredOn") || !strcmp(text, "suspended")))
        return POWER_SEEN_ON;
    return text && !strcmp(text, "poweredOff") ? POWER_SEEN_OFF : POWER_SEEN_UNKNOWN;
}

static enum error_code find(const struct power_xml *xml, const char *name, struct arena *arena,
                            struct power_vmware_vm *vm, struct error *err)
{
    const struct power_xml_element *object = NULL;
    int found = 0;
    while ((object = power_xml_next(power_xml_root(xml), object, "returnval"))) {
        const char *own = property(object, "name", arena);
        const char *id = power_xml_text(power_xml_next(object, NULL, "obj"), arena);
        if (name ? !own || strcmp(own, name) != 0 : found > 0)
            continue;
        if (!id || !*id || strlen(id) >= sizeof(vm->id))
            return error_set(err, ERR_CORRUPT, "a machine without its id");
        strcpy(vm->id, id);
        vm->power = power_of(property(object, "runtime.powerState", arena));
        found++;
    }
    if (found > 1)
        return error_set(err, ERR_BAD_INPUT, "%d machines are called so: give power_uuid", found);
    return found ? ERR_OK
                 : error_set(err, ERR_NOT_FOUND, "no such machine, or none that this user may see");
}

enum error_code power_vmware_find(const struct power_xml *xml, const char *name,
                                  struct power_vmware_vm *vm, struct error *err)
{
    struct arena *arena = arena_new();
    enum error_code code = find(xml, name, arena, vm, err);
    arena_free(arena);
    return code;
}

/* ---- talking ---- */

static enum error_code ask(struct vmware *vmware, const char *body, struct power_xml **xml,
                           struct error *err)
{
    struct power_soap_call call = {.path = "/sdk", .old = true, .header = "", .body = body};
    return power_soap_run(&vmware->http, &call, xml, err);
}

/* The text of an element of the reply, escaped for what is asked next; "" = it is not there. */
static enum error_code ask_text(struct vmware *vmware, const char *body, const char *element,
                                const char **text, struct error *err)
{
    struct arena *arena = vmware->http.arena;
    struct power_xml *xml;
    enum error_code code = ask(vmware, body, &xml, err);
    if (code)
        return code;
    const char *found = power_xml_text(power_xml_next(power_xml_root(xml), NULL, element), arena);
    *text = power_xml_escape(arena, found ? found : "");
    power_xml_free(xml);
    return ERR_OK;
}

static enum error_code find_services(struct vmware *vmware, struct error *err)
{
    struct {
        const char *name, **place;
    } services[] = {{"rootFolder", &vmware->root_folder},
                    {"propertyCollector", &vmware->properties},
                    {"sessionManager", &vmware->session},
                    {"searchIndex", &vmware->search},
                    {"viewManager", &vmware->views}};
    struct arena *arena = vmware->http.arena;
    struct power_xml *xml;
    enum error_code code = ask(vmware,
                               "<RetrieveServiceContent " VIM "><_this type=\"ServiceInstance\">"
                               "ServiceInstance</_this></RetrieveServiceContent>",
                               &xml, err);
    if (code)
        return code;
    for (size_t i = 0; i < sizeof(services) / sizeof(services[0]) && !code; i++) {
        const char *text =
            power_xml_text(power_xml_next(power_xml_root(xml), NULL, services[i].name), arena);
        if (text && *text)
            *services[i].place = power_xml_escape(arena, text);
        else
            code = error_set(err, ERR_CORRUPT, "the host at %s has no %s",
                             power_order_where(vmware->http.order), services[i].name);
    }
    power_xml_free(xml);
    return code;
}

static const char *escaped(const struct vmware *vmware, const char *parameter)
{
    return power_xml_escape(vmware->http.arena, power_order_text(vmware->http.order, parameter));
}

/* The session is a cookie. */
static enum error_code log_in(struct vmware *vmware, struct error *err)
{
    const char *ignored;
    return ask_text(vmware,
                    arena_printf(vmware->http.arena,
                                 "<Login " VIM "><_this type=\"SessionManager\">%s</_this>"
                                 "<userName>%s</userName><password>%s</password></Login>",
                                 vmware->session, escaped(vmware, "power_user"),
                                 escaped(vmware, "power_pass")),
                    "key", &ignored, err);
}

static void log_out(struct vmware *vmware)
{
    const char *ignored;
    struct error unused;
    ask_text(vmware,
             arena_printf(vmware->http.arena,
                          "<Logout " VIM "><_this type=\"SessionManager\">%s</_this></Logout>",
                          vmware->session),
             "LogoutResponse", &ignored, &unused);
}

/* objects: <objectSet> elements; paths: <pathSet> elements. */
static const char *properties_of(const struct vmware *vmware, const char *objects,
                                 const char *paths)
{
    return arena_printf(vmware->http.arena,
                        "<RetrieveProperties " VIM
                        " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">"
                        "<_this type=\"PropertyCollector\">%s</_this><specSet><propSet>"
                        "<type>VirtualMachine</type>%s</propSet>%s</specSet></RetrieveProperties>",
                        vmware->properties, paths, objects);
}

static enum error_code look(struct vmware *vmware, const char *objects, const char *name,
                            struct error *err)
{
    struct power_xml *xml;
    enum error_code code =
        ask(vmware,
            properties_of(vmware, objects,
                          "<pathSet>name</pathSet><pathSet>runtime.powerState</pathSet>"),
            &xml, err);
    if (code)
        return code;
    code = power_vmware_find(xml, name, &vmware->vm, err);
    power_xml_free(xml);
    return code ? error_wrap(err, "the host at %s", power_order_where(vmware->http.order)) : code;
}

static enum error_code look_at(struct vmware *vmware, const char *id, struct error *err)
{
    return look(vmware,
                arena_printf(vmware->http.arena,
                             "<objectSet><obj type=\"VirtualMachine\">%s</obj></objectSet>", id),
                NULL, err);
}

/* All machines, as <objectSet> elements. */
static enum error_code all_of(struct vmware *vmware, const char **objects, struct error *err)
{
    struct arena *arena = vmware->http.arena;
    const char *view;
    enum error_code code =
        ask_text(vmware,
                 arena_printf(arena,
                              "<CreateContainerView " VIM "><_this type=\"ViewManager\">%s</_this>"
                              "<container type=\"Folder\">%s</container><type>VirtualMachine</type>"
                              "<recursive>true</recursive></CreateContainerView>",
                              vmware->views, vmware->root_folder),
                 "returnval", &view, err);
    if (!code)
        *objects = arena_printf(arena,
                                "<objectSet><obj type=\"ContainerView\">%s</obj><skip>true</skip>"
                                "<selectSet xsi:type=\"TraversalSpec\"><type>ContainerView</type>"
                                "<path>view</path><skip>false</skip></selectSet></objectSet>",
                                view);
    return code;
}

static enum error_code find_by_name(struct vmware *vmware, const char *name, struct error *err)
{
    const char *objects;
    enum error_code code = all_of(vmware, &objects, err);
    return code ? code : look(vmware, objects, name, err);
}

/* The instance's UUID first, then the one of its firmware. */
static enum error_code find_by_uuid(struct vmware *vmware, struct error *err)
{
    const char *id = "";
    enum error_code code = ERR_OK;
    for (int i = 0; i < 2 && !code && !*id; i++)
        code = ask_text(
            vmware,
            arena_printf(vmware->http.arena,
                         "<FindByUuid " VIM "><_this type=\"SearchIndex\">%s</_this><uuid>%s</uuid>"
                         "<vmSearch>true</vmSearch><instanceUuid>%s</instanceUuid></FindByUuid>",
                         vmware->search, escaped(vmware, "power_uuid"), i ? "false" : "true"),
            "returnval", &id, err);
    if (!code && !*id)
        return error_set(err, ERR_NOT_FOUND, "the host at %s has no machine with this power_uuid",
                         power_order_where(vmware->http.order));
    return code ? code : look_at(vmware, id, err);
}

static enum error_code query(void *subject, enum power_seen *seen, struct error *err)
{
    struct vmware *vmware = subject;
    const char *name = power_order_text(vmware->http.order, "power_vm_name");
    enum error_code code;
    if (*vmware->vm.id) /* found before */
        code = look_at(vmware, power_xml_escape(vmware->http.arena, vmware->vm.id), err);
    else if (*power_order_text(vmware->http.order, "power_uuid"))
        code = find_by_uuid(vmware, err);
    else
        code = find_by_name(vmware, name, err);
    *seen = vmware->vm.power;
    return code;
}

static enum error_code change(struct vmware *vmware, const char *method, struct error *err)
{
    struct arena *arena = vmware->http.arena;
    const char *ignored;
    return ask_text(vmware,
                    arena_printf(arena,
                                 "<%s " VIM "><_this type=\"VirtualMachine\">%s</_this></%s>",
                                 method, power_xml_escape(arena, vmware->vm.id), method),
                    "returnval", &ignored, err);
}

static enum error_code turn_on(void *subject, struct error *err)
{
    return change(subject, "PowerOnVM_Task", err);
}

static enum error_code turn_off(void *subject, struct error *err)
{
    return change(subject, "PowerOffVM_Task", err);
}

/* "https+unverified", "https" or "http"; as in MAAS, "" = https. */
static enum error_code prepare(struct vmware *vmware, struct error *err)
{
    const struct power_order *order = vmware->http.order;
    const char *protocol = power_order_text(order, "power_protocol");
    bool plain = !strcmp(protocol, "http"), anyone = !strcmp(protocol, "https+unverified");
    if (*protocol && !plain && !anyone && strcmp(protocol, "https") != 0)
        return error_set(err, ERR_BAD_INPUT,
                         "power_protocol: Enter https, https+unverified or http.");
    if (order->action != POWER_LIST && !*power_order_text(order, "power_uuid") &&
        !*power_order_text(order, "power_vm_name"))
        return error_set(err, ERR_BAD_INPUT, "power_uuid or power_vm_name is needed");
    power_http_xml(&vmware->http);
    power_http_base(&vmware->http, plain ? "http" : "https", power_order_port(order, 0));
    power_http_header(&vmware->http, "SOAPAction: urn:vim25");
    vmware->http.tls.anyone = anyone;
    vmware->http.cookies = true;
    return ERR_OK;
}

static enum error_code open_session(struct vmware *vmware, const struct power_order *order,
                                    struct arena *arena, struct error *err)
{
    *vmware = (struct vmware){.vm = {.power = POWER_SEEN_UNKNOWN}};
    power_http_open(&vmware->http, order, arena);
    enum error_code code = prepare(vmware, err);
    code = code ? code : find_services(vmware, err);
    code = code ? code : log_in(vmware, err);
    if (code)
        power_http_close(&vmware->http);
    return code;
}

static void close_session(struct vmware *vmware)
{
    log_out(vmware);
    power_http_close(&vmware->http);
}

enum error_code power_vmware_run(const struct power_order *order, struct arena *arena,
                                 enum power_seen *seen, struct error *err)
{
    struct vmware vmware;
    enum error_code code = open_session(&vmware, order, arena, err);
    if (code)
        return code;
    struct power_steps steps = {order, vmware.http.deadline_ns, &vmware, query, turn_on, turn_off,
                                NULL};
    code = power_steps_run(&steps, seen, err);
    close_session(&vmware);
    return code;
}

/* ---- the machines of a host ---- */

enum error_code power_vmware_add(const struct power_xml *xml, struct arena *arena,
                                 struct power_chassis *chassis, struct error *err)
{
    const struct power_xml_element *object = NULL, *mac;
    enum error_code code = ERR_OK;
    while (!code && (object = power_xml_next(power_xml_root(xml), object, "returnval"))) {
        const char *name = property(object, "name", arena);
        struct power_chassis_machine machine = {.name = name ? name : "",
                                                .unit = "power_uuid",
                                                .value = property(object, "config.uuid", arena)};
        mac = NULL;
        while ((mac = power_xml_next(object, mac, "macAddress")))
            power_chassis_mac(&machine, power_xml_text(mac, arena));
        if (machine.value)
            code = power_chassis_add(chassis, &machine, err);
    }
    return code;
}

static enum error_code list_machines(struct vmware *vmware, struct power_chassis *chassis,
                                     struct error *err)
{
    const char *objects;
    struct power_xml *xml;
    enum error_code code = all_of(vmware, &objects, err);
    if (!code)
        code = ask(vmware,
                   properties_of(vmware, objects,
                                 "<pathSet>name</pathSet><pathSet>config.uuid</pathSet>"
                                 "<pathSet>config.hardware.device</pathSet>"),
                   &xml, err);
    if (code)
        return code;
    code = power_vmware_add(xml, vmware->http.arena, chassis, err);
    power_xml_free(xml);
    return code;
}

enum error_code power_vmware_list(const struct power_order *order, struct arena *arena,
                                  struct power_chassis *chassis, struct error *err)
{
    struct vmware vmware;
    enum error_code code = open_session(&vmware, order, arena, err);
    if (code)
        return code;
    code = list_machines(&vmware, chassis, err);
    close_session(&vmware);
    return code;
}
