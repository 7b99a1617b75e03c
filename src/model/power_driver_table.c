/*
 * The table of power drivers: see power_driver.h. Names, labels, choices and defaults are those of
 * MAAS 3.4's describe_power_types, so that its clients' requests fit.
 */
#include "src/base/container.h"
#include "src/model/power_driver.h"

enum { IPMI_USER = 16, IPMI_PASSWORD = 20, IPMI_KG = 20 };

static const struct power_choice ipmi_interfaces[] = {
    {"LAN", "LAN [IPMI 1.5]"},
    {"LAN_2_0", "LAN_2_0 [IPMI 2.0]"},
};

static const struct power_choice boot_types[] = {
    {"auto", "Automatic"},
    {"legacy", "Legacy boot"},
    {"efi", "EFI boot"},
};

static const struct power_choice cipher_suites[] = {
    {"17", "17 - HMAC-SHA256::HMAC_SHA256_128::AES-CBC-128"},
    {"3", "3 - HMAC-SHA1::HMAC-SHA1-96::AES-CBC-128"},
    {"", "default of the tool"},
    {"8", "8 - HMAC-MD5::HMAC-MD5-128::AES-CBC-128"},
    {"12", "12 - HMAC-MD5::MD5-128::AES-CBC-128"},
};

static const struct power_choice privilege_levels[] = {
    {"USER", "User"},
    {"OPERATOR", "Operator"},
    {"ADMIN", "Administrator"},
};

static const struct power_choice workaround_flags[] = {
    {"opensesspriv", "Opensesspriv"},
    {"authcap", "Authcap"},
    {"idzero", "Idzero"},
    {"unexpectedauth", "Unexpectedauth"},
    {"forcepermsg", "Forcepermsg"},
    {"endianseq", "Endianseq"},
    {"intel20", "Intel20"},
    {"supermicro20", "Supermicro20"},
    {"sun20", "Sun20"},
    {"nochecksumcheck", "Nochecksumcheck"},
    {"integritycheckvalue", "Integritycheckvalue"},
    {"ipmiping", "Ipmiping"},
    {"", "None"},
};

#define CHOICES(table) .choices = (table), .choices_count = (int)COUNT_OF(table)

static const struct power_parameter ipmi[] = {
    {"power_driver", "Power driver", POWER_CHOICE, .required = true, .of_bmc = true,
     .fallback = "LAN_2_0", CHOICES(ipmi_interfaces)},
    {"power_boot_type", "Power boot type", POWER_CHOICE, .fallback = "auto", CHOICES(boot_types)},
    {"power_address", "IP address", POWER_IP_ADDRESS, .required = true, .of_bmc = true,
     .fallback = ""},
    {"power_port", "UDP port", POWER_PORT, .of_bmc = true, .fallback = "623"},
    {"power_user", "Power user", POWER_STRING, .of_bmc = true, .fallback = "",
     .longest = IPMI_USER},
    {"power_pass", "Power password", POWER_PASSWORD, .secret = true, .of_bmc = true, .fallback = "",
     .longest = IPMI_PASSWORD},
    {"mac_address", "Power MAC", POWER_MAC_ADDRESS, .fallback = ""},
    {"k_g", "K_g BMC key", POWER_PASSWORD, .secret = true, .of_bmc = true, .fallback = "",
     .longest = IPMI_KG},
    {"cipher_suite_id", "Cipher Suite ID", POWER_CHOICE, .of_bmc = true, .fallback = "3",
     CHOICES(cipher_suites)},
    {"privilege_level", "Privilege Level", POWER_CHOICE, .of_bmc = true, .fallback = "OPERATOR",
     CHOICES(privilege_levels)},
    {"workaround_flags", "Workaround Flags", POWER_MULTIPLE_CHOICE, .of_bmc = true,
     .fallback = "opensesspriv", CHOICES(workaround_flags)},
};

static const struct power_choice yes_no[] = {{"n", "No"}, {"y", "Yes"}};

#define VERIFY_SSL                                                                              \
    {                                                                                           \
        "power_verify_ssl", "Verify SSL connections with system CA certificates", POWER_CHOICE, \
            .required = true, .of_bmc = true, .fallback = "n", CHOICES(yes_no)                  \
    }

static const struct power_parameter redfish[] = {
    {"power_address", "Redfish address", POWER_HOST, .required = true, .of_bmc = true,
     .fallback = ""},
    {"power_user", "Redfish user", POWER_STRING, .required = true, .of_bmc = true, .fallback = ""},
    {"power_pass", "Redfish password", POWER_PASSWORD, .required = true, .secret = true,
     .of_bmc = true, .fallback = ""},
    {"node_id", "Node ID", POWER_STRING, .fallback = ""},
};

static const struct power_parameter webhook[] = {
    {"power_on_uri", "URI to power on the node", POWER_URL, .required = true, .of_bmc = true,
     .fallback = "", .longest = 1024},
    {"power_off_uri", "URI to power off the node", POWER_URL, .required = true, .of_bmc = true,
     .fallback = "", .longest = 1024},
    {"power_query_uri", "URI to query the nodes power status", POWER_URL, .required = true,
     .of_bmc = true, .fallback = "", .longest = 1024},
    {"power_on_regex", "Regex to confirm the node is on", POWER_PATTERN, .required = true,
     .of_bmc = true, .fallback = "status.*\\:.*running"},
    {"power_off_regex", "Regex to confirm the node is off", POWER_PATTERN, .required = true,
     .of_bmc = true, .fallback = "status.*\\:.*stopped"},
    {"power_user", "Power user", POWER_STRING, .of_bmc = true, .fallback = ""},
    {"power_pass", "Power password", POWER_PASSWORD, .secret = true, .of_bmc = true,
     .fallback = ""},
    {"power_token", "Power token, will be used in place of power_user and power_pass",
     POWER_PASSWORD, .secret = true, .of_bmc = true, .fallback = "", .longest = 4096},
    VERIFY_SSL,
};

#define PDU(label, outlet_label)                                                            \
    {"power_address", label, POWER_PEER, .required = true, .of_bmc = true, .fallback = ""}, \
        {"node_outlet", outlet_label, POWER_NUMBER, .required = true, .fallback = ""},      \
        {"power_on_delay", "Power ON outlet delay (seconds)", POWER_NUMBER, .of_bmc = true, \
         .fallback = "5"},                                                                  \
    {                                                                                       \
        "snmp_community", "SNMP community", POWER_PASSWORD, .secret = true, .of_bmc = true, \
                                                            .fallback = "private"           \
    }

static const struct power_parameter apc[] = {
    PDU("IP for APC PDU", "APC PDU node outlet number (1-16)")};
static const struct power_parameter eaton[] = {
    PDU("IP for Eaton PDU", "Eaton PDU node outlet number (1-24)")};
static const struct power_parameter raritan[] = {
    PDU("IP for Raritan PDU", "Raritan PDU node outlet number")};

static const struct power_parameter wakeonlan[] = {
    {"power_mac", "MAC address", POWER_MAC_ADDRESS, .required = true, .fallback = ""},
    {"power_address", "Broadcast address (optional)", POWER_IP_ADDRESS, .fallback = ""},
};

static const struct power_parameter proxmox[] = {
    {"power_address", "Proxmox host name or IP", POWER_HOST, .required = true, .of_bmc = true,
     .fallback = ""},
    {"power_user", "Proxmox username, including realm", POWER_STRING, .required = true,
     .of_bmc = true, .fallback = ""},
    {"power_pass", "Proxmox password, required if a token name and secret aren't given",
     POWER_PASSWORD, .secret = true, .of_bmc = true, .fallback = ""},
    {"power_token_name", "Proxmox API token name", POWER_STRING, .of_bmc = true, .fallback = ""},
    {"power_token_secret", "Proxmox API token secret", POWER_PASSWORD, .secret = true,
     .of_bmc = true, .fallback = ""},
    {"power_vm_name", "Node ID", POWER_STRING, .required = true, .fallback = ""},
    VERIFY_SSL,
};

static const struct power_parameter lxd[] = {
    {"power_address", "LXD address", POWER_HOST, .required = true, .of_bmc = true, .fallback = ""},
    {"instance_name", "Instance name", POWER_STRING, .required = true, .fallback = ""},
    {"project", "LXD project", POWER_STRING, .required = true, .of_bmc = true,
     .fallback = "default"},
    {"password", "LXD password (optional)", POWER_PASSWORD, .secret = true, .of_bmc = true,
     .fallback = ""},
    {"certificate", "LXD certificate (optional)", POWER_PEM, .of_bmc = true, .fallback = "",
     .longest = 8192},
    {"key", "LXD private key (optional)", POWER_PASSWORD, .secret = true, .of_bmc = true,
     .fallback = "", .longest = 8192},
};

static const struct power_parameter virsh[] = {
    {"power_address", "Address", POWER_LIBVIRT, .required = true, .of_bmc = true, .fallback = ""},
    {"power_pass", "Password (optional)", POWER_PASSWORD, .secret = true, .of_bmc = true,
     .fallback = ""},
    {"power_id", "Virsh VM ID", POWER_STRING, .required = true, .fallback = ""},
};

#define USER(label)                                                       \
    {                                                                     \
        "power_user", label, POWER_STRING, .of_bmc = true, .fallback = "" \
    }
#define PASSWORD(label)                                                                     \
    {                                                                                       \
        "power_pass", label, POWER_PASSWORD, .secret = true, .of_bmc = true, .fallback = "" \
    }
#define ADDRESS(label, type)                                                           \
    {                                                                                  \
        "power_address", label, type, .required = true, .of_bmc = true, .fallback = "" \
    }
#define OWN(name, label, type)                              \
    {                                                       \
        name, label, type, .required = true, .fallback = "" \
    }

static const struct power_parameter amt[] = {
    PASSWORD("Power password"),
    ADDRESS("Power address", POWER_HOST),
};

static const struct power_parameter dli[] = {
    OWN("outlet_id", "Outlet ID", POWER_NUMBER),
    ADDRESS("Power address", POWER_HOST),
    USER("Power user"),
    PASSWORD("Power password"),
};

static const struct power_parameter hmc[] = {
    ADDRESS("IP for HMC", POWER_PEER),
    USER("HMC username"),
    PASSWORD("HMC password"),
    OWN("server_name", "HMC Managed System server name", POWER_LABEL),
    OWN("lpar", "HMC logical partition", POWER_LABEL),
};

static const struct power_parameter hmcz[] = {
    ADDRESS("HMC Address", POWER_HOST),
    {"power_user", "HMC username", POWER_STRING, .required = true, .of_bmc = true, .fallback = ""},
    {"power_pass", "HMC password", POWER_PASSWORD, .required = true, .secret = true, .of_bmc = true,
     .fallback = ""},
    OWN("power_partition_name", "HMC partition name", POWER_STRING),
};

static const struct power_parameter moonshot[] = {
    ADDRESS("Power address", POWER_PEER),
    {"power_user", "Power user", POWER_STRING, .of_bmc = true, .fallback = "",
     .longest = IPMI_USER},
    {"power_pass", "Power password", POWER_PASSWORD, .secret = true, .of_bmc = true, .fallback = "",
     .longest = IPMI_PASSWORD},
    OWN("power_hwaddress", "Power hardware address", POWER_BRIDGE),
};

static const struct power_parameter mscm[] = {
    ADDRESS("IP for MSCM CLI API", POWER_PEER),
    USER("MSCM CLI API user"),
    PASSWORD("MSCM CLI API password"),
    OWN("node_id", "Node ID - Must adhere to cXnY format (X=cartridge number, Y=node number).",
        POWER_LABEL),
};

static const struct power_parameter msftocs[] = {
    ADDRESS("Power address", POWER_HOST),
    {"power_port", "Power port", POWER_PORT, .of_bmc = true, .fallback = ""},
    USER("Power user"),
    PASSWORD("Power password"),
    OWN("blade_id", "Blade ID (Typically 1-24)", POWER_NUMBER),
};

static const struct power_parameter openbmc[] = {
    ADDRESS("OpenBMC address", POWER_HOST),
    {"power_user", "OpenBMC user", POWER_STRING, .required = true, .of_bmc = true, .fallback = ""},
    {"power_pass", "OpenBMC password", POWER_PASSWORD, .required = true, .secret = true,
     .of_bmc = true, .fallback = ""},
};

static const struct power_parameter recs_box[] = {
    OWN("node_id", "Node ID", POWER_STRING),
    ADDRESS("Power address", POWER_HOST),
    {"power_port", "Power port", POWER_PORT, .of_bmc = true, .fallback = ""},
    USER("Power user"),
    PASSWORD("Power password"),
};

static const struct power_choice sm15k_controls[] = {
    {"ipmi", "IPMI"},
    {"restapi", "REST API v0.9"},
    {"restapi2", "REST API v2.0"},
};

static const struct power_parameter sm15k[] = {
    OWN("system_id", "System ID", POWER_NUMBER),
    ADDRESS("Power address", POWER_PEER),
    USER("Power user"),
    PASSWORD("Power password"),
    {"power_control", "Power control type", POWER_CHOICE, .required = true, .of_bmc = true,
     .fallback = "ipmi", CHOICES(sm15k_controls)},
};

static const struct power_parameter ucsm[] = {
    OWN("uuid", "Server UUID", POWER_LABEL),
    ADDRESS("URL for XML API", POWER_URL),
    USER("API user"),
    PASSWORD("API password"),
};

static const struct power_parameter vmware[] = {
    {"power_vm_name", "VM Name (if UUID unknown)", POWER_STRING, .fallback = ""},
    {"power_uuid", "VM UUID (if known)", POWER_LABEL, .fallback = ""},
    ADDRESS("VMware IP", POWER_HOST),
    {"power_user", "VMware username", POWER_STRING, .required = true, .of_bmc = true,
     .fallback = ""},
    {"power_pass", "VMware password", POWER_PASSWORD, .required = true, .secret = true,
     .of_bmc = true, .fallback = ""},
    {"power_port", "VMware API port (optional)", POWER_PORT, .of_bmc = true, .fallback = ""},
    {"power_protocol", "VMware API protocol (optional)", POWER_STRING, .of_bmc = true,
     .fallback = ""},
};

static const struct power_parameter wedge[] = {
    ADDRESS("IP address", POWER_PEER),
    USER("Power user"),
    PASSWORD("Power password"),
};

#define DRIVER(table) .parameters = (table), .parameters_count = (int)COUNT_OF(table)

const struct power_driver power_drivers[] = {
    {"ipmi", "IPMI", .switches = true, .queryable = true, .address = "power_address", DRIVER(ipmi)},
    {"manual", "Manual"},
    {"redfish", "Redfish", .switches = true, .queryable = true, .chassis = true,
     .address = "power_address", .unit = "node_id", DRIVER(redfish)},
    {"webhook", "Webhook", .switches = true, .queryable = true, .address = "power_query_uri",
     DRIVER(webhook)},
    {"apc", "American Power Conversion (APC) PDU", .switches = true, .queryable = true,
     .chassis = true, .address = "power_address", .unit = "node_outlet", DRIVER(apc)},
    {"eaton", "Eaton PDU", .switches = true, .queryable = true, .chassis = true,
     .address = "power_address", .unit = "node_outlet", DRIVER(eaton)},
    {"raritan", "Raritan PDU", .switches = true, .queryable = true, .chassis = true,
     .address = "power_address", .unit = "node_outlet", DRIVER(raritan)},
    {"wakeonlan", "Wake on LAN", .switches = true, .address = "power_address", .unit = "power_mac",
     DRIVER(wakeonlan)},
    {"proxmox", "Proxmox", .switches = true, .queryable = true, .chassis = true,
     .address = "power_address", .unit = "power_vm_name", DRIVER(proxmox)},
    {"lxd", "LXD (virtual systems)", .switches = true, .queryable = true, .chassis = true,
     .address = "power_address", .unit = "instance_name", DRIVER(lxd)},
    {"virsh", "Virsh (virtual systems)", .switches = true, .queryable = true, .chassis = true,
     .address = "power_address", .unit = "power_id", DRIVER(virsh)},
    {"amt", "Intel AMT", .switches = true, .queryable = true, .address = "power_address",
     DRIVER(amt)},
    {"dli", "Digital Loggers, Inc. PDU", .switches = true, .queryable = true, .chassis = true,
     .address = "power_address", .unit = "outlet_id", DRIVER(dli)},
    {"hmc", "IBM Hardware Management Console (HMC) for PowerPC", .switches = true,
     .queryable = true, .chassis = true, .address = "power_address", .unit = "lpar", DRIVER(hmc)},
    {"hmcz", "IBM Hardware Management Console (HMC) for Z", .switches = true, .queryable = true,
     .chassis = true, .address = "power_address", .unit = "power_partition_name", DRIVER(hmcz)},
    {"moonshot", "HP Moonshot - iLO4 (IPMI)", .switches = true, .queryable = true, .chassis = true,
     .address = "power_address", .unit = "power_hwaddress", DRIVER(moonshot)},
    {"mscm", "HP Moonshot - iLO Chassis Manager", .switches = true, .queryable = true,
     .chassis = true, .address = "power_address", .unit = "node_id", DRIVER(mscm)},
    {"msftocs", "Microsoft OCS - Chassis Manager", .switches = true, .queryable = true,
     .chassis = true, .address = "power_address", .unit = "blade_id", DRIVER(msftocs)},
    {"openbmc", "OpenBMC Power Driver", .switches = true, .queryable = true,
     .address = "power_address", DRIVER(openbmc)},
    {"recs_box", "Christmann RECS|Box Power Driver", .switches = true, .queryable = true,
     .chassis = true, .address = "power_address", .unit = "node_id", DRIVER(recs_box)},
    {"sm15k", "SeaMicro 15000", .switches = true, .queryable = true, .chassis = true,
     .address = "power_address", .unit = "system_id", DRIVER(sm15k)},
    {"ucsm", "Cisco UCS Manager", .switches = true, .queryable = true, .chassis = true,
     .address = "power_address", .unit = "uuid", DRIVER(ucsm)},
    {"vmware", "VMware", .switches = true, .queryable = true, .chassis = true,
     .address = "power_address", .unit = "power_vm_name", DRIVER(vmware)},
    {"wedge", "Facebook's Wedge", .switches = true, .queryable = true, .address = "power_address",
     DRIVER(wedge)},
};
const int power_drivers_count = (int)COUNT_OF(power_drivers);
