/* The table of event types: see event_type.h. */
#include "src/model/event_type.h"

#include <string.h>
#include <strings.h>

#include "src/base/container.h"

static const struct event_type types[] = {
    {"NODE_PXE_REQUEST", EVENT_DEBUG, "PXE Request"},
    {"NODE_TFTP_REQUEST", EVENT_DEBUG, "TFTP Request"},
    {"NODE_HTTP_REQUEST", EVENT_DEBUG, "HTTP Request"},
    {"PERFORMING_PXE_BOOT", EVENT_INFO, "Performing PXE boot"},
    {"LOADING_EPHEMERAL", EVENT_INFO, "Loading ephemeral"},
    {"NODE_ENLISTED", EVENT_INFO, "Node enlisted"},
    {"NODE_CREATED", EVENT_INFO, "Node created"},
    {"NODE_CHANGED_STATUS", EVENT_INFO, "Node changed status"},
    {"CONFIGURING_STORAGE", EVENT_INFO, "Configuring storage"},
    {"INSTALLING_OS", EVENT_INFO, "Installing OS"},
    {"CONFIGURING_OS", EVENT_INFO, "Configuring OS"},
    {"REBOOTING", EVENT_INFO, "Rebooting"},
    {"NODE_STATUS_EVENT", EVENT_DEBUG, "Node status event"},
    {"NODE_INVENTORY", EVENT_INFO, "Hardware reported"},
    {"NODE_INVENTORY_FAILED", EVENT_ERROR, "Failed to report the hardware"},
    {"REQUEST_NODE_START", EVENT_INFO, "User powering up node"},
    {"REQUEST_NODE_STOP", EVENT_INFO, "User powering down node"},
    {"REQUEST_NODE_MARK_BROKEN", EVENT_INFO, "User marking node broken"},
    {"REQUEST_NODE_MARK_FIXED", EVENT_INFO, "User marking node fixed"},
    {"REQUEST_NODE_START_COMMISSIONING", EVENT_INFO, "User starting node commissioning"},
    {"REQUEST_NODE_START_TESTING", EVENT_INFO, "User starting node testing"},
    {"REQUEST_NODE_OVERRIDE_FAILED_TESTING", EVENT_INFO, "User overrode 'Failed testing' status"},
    {"REQUEST_NODE_ABORT", EVENT_INFO, "User aborting what is under way"},
    {"REQUEST_NODE_ACQUIRE", EVENT_INFO, "User acquiring node"},
    {"REQUEST_NODE_START_DEPLOYMENT", EVENT_INFO, "User starting deployment"},
    {"REQUEST_NODE_RELEASE", EVENT_INFO, "User releasing node"},
    {"REQUEST_NODE_ERASE_DISK", EVENT_INFO, "User erasing disk"},
    {"REQUEST_NODE_START_RESCUE_MODE", EVENT_INFO, "User entering rescue mode"},
    {"REQUEST_NODE_STOP_RESCUE_MODE", EVENT_INFO, "User exiting rescue mode"},
    {"REQUEST_NODE_LOCK", EVENT_INFO, "User locking node"},
    {"REQUEST_NODE_UNLOCK", EVENT_INFO, "User unlocking node"},
    {"NODE_OPERATION_FAILED", EVENT_ERROR, "Failed"},
    {"NODE_TIMED_OUT", EVENT_ERROR, "Gave up waiting"},
    {"NODE_STARTED_AGAIN", EVENT_WARNING, "Node is started again"},
    {"NODE_POWERED_ON", EVENT_INFO, "Node powered on"},
    {"NODE_POWERED_OFF", EVENT_INFO, "Node powered off"},
    {"NODE_POWER_ON_FAILED", EVENT_ERROR, "Failed to power on node"},
    {"NODE_POWER_OFF_FAILED", EVENT_ERROR, "Failed to power off node"},
    {"NODE_POWER_QUERIED", EVENT_DEBUG, "Queried node's BMC"},
    {"NODE_POWER_QUERY_FAILED", EVENT_WARNING, "Failed to query node's BMC"},
    {"REGION_IMPORT_INFO", EVENT_INFO, "Importing images"},
    {"REGION_IMPORT_ERROR", EVENT_ERROR, "Failed to import images"},
    {"RACK_NOTICE", EVENT_INFO, "Rack controller"},
    {"AUTHORISATION", EVENT_AUDIT, "Authorisation"},
    {"SETTINGS", EVENT_AUDIT, "Settings"},
    {"NODE", EVENT_AUDIT, "Node"},
    {"TAG", EVENT_AUDIT, "Tag"},
    {"SCRIPT", EVENT_AUDIT, "Script"},
};

static const struct {
    int level;
    const char *name;
} levels[] = {
    {EVENT_AUDIT, "AUDIT"},     {EVENT_DEBUG, "DEBUG"}, {EVENT_INFO, "INFO"},
    {EVENT_WARNING, "WARNING"}, {EVENT_ERROR, "ERROR"}, {EVENT_CRITICAL, "CRITICAL"},
};

const struct event_type *event_type_find(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (!strcmp(types[i].name, name))
            return &types[i];
    return NULL;
}

const char *event_level_name(int level)
{
    for (size_t i = COUNT_OF(levels); i-- > 1;)
        if (level >= levels[i].level)
            return levels[i].name;
    return levels[0].name;
}

int event_level_parse(const char *word)
{
    for (size_t i = 0; i < COUNT_OF(levels); i++)
        if (!strcasecmp(levels[i].name, word))
            return levels[i].level;
    return -1;
}
