/* The SMBIOS structure table: see smbios.h. */
#include "src/agent/smbios.h"

#include <string.h>
#include <strings.h>

#include "src/base/container.h"

enum { HEAD_BYTES = 4, TYPE_MEMORY_DEVICE = 17, TYPE_END = 127 };

/* Offsets of DSP0134 section 7.18. */
enum { AT_SIZE = 0x0c, AT_KIND = 0x12, AT_EXTENDED_SIZE = 0x1c, AT_TECHNOLOGY = 0x28 };
enum { SIZE_UNKNOWN = 0xffff, SIZE_EXTENDED = 0x7fff, SIZE_IN_KIB = 0x8000 };

static uint32_t number_at(const uint8_t *bytes, int count)
{
    uint32_t value = 0;
    for (int i = count - 1; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

/* Size of one memory device whose formatted part is length bytes long. */
static uint64_t module_bytes(const uint8_t *device, size_t length)
{
    if (length < AT_SIZE + 2)
        return 0;
    /* 7.18.2: 08h ROM .. 0Ch EPROM are where the firmware lives. */
    if (length > AT_KIND && device[AT_KIND] >= 0x08 && device[AT_KIND] <= 0x0c)
        return 0;
    /* 7.18.6: 04h..07h are NVDIMMs and Optane: no main memory. */
    if (length > AT_TECHNOLOGY && device[AT_TECHNOLOGY] >= 4 && device[AT_TECHNOLOGY] <= 7)
        return 0;
    uint32_t size = number_at(device + AT_SIZE, 2);
    if (size == SIZE_UNKNOWN)
        return 0;
    if (size == SIZE_EXTENDED && length >= AT_EXTENDED_SIZE + 4)
        return (uint64_t)(number_at(device + AT_EXTENDED_SIZE, 4) & 0x7fffffff) << 20;
    return size & SIZE_IN_KIB ? (uint64_t)(size & 0x7fff) << 10 : (uint64_t)size << 20;
}

uint64_t smbios_memory_bytes(const uint8_t *table, size_t size)
{
    uint64_t sum = 0;
    size_t at = 0;
    while (size - at >= HEAD_BYTES) {
        size_t length = table[at + 1];
        if (length < HEAD_BYTES || length > size - at || table[at] == TYPE_END)
            break;
        if (table[at] == TYPE_MEMORY_DEVICE)
            sum += module_bytes(table + at, length);
        /* 6.1.3: the strings behind the formatted part end with two NULs. */
        at += length;
        while (at + 1 < size && (table[at] || table[at + 1]))
            at++;
        at = size - at < 2 ? size : at + 2;
    }
    return sum;
}

bool smbios_is_filler(const char *text)
{
    static const char *const fillers[] = {
        "To Be Filled By O.E.M.",
        "To be filled by OEM",
        "Not Specified",
        "Not Available",
        "Not Applicable",
        "Not Provided",
        "Default string",
        "System manufacturer",
        "System Product Name",
        "System Version",
        "System Serial Number",
        "Base Board Serial Number",
        "Chassis Serial Number",
        "Chassis Manufacture",
        "Chassis Version",
        "SKU Number",
        "O.E.M.",
        "OEM",
        "None",
        "Null",
        "N/A",
        "NA",
        "Unknown",
        "Undefined",
        "Invalid",
        "INVALID",
        "Empty",
        "Filled By O.E.M.",
    };
    for (size_t i = 0; i < COUNT_OF(fillers); i++)
        if (strcasecmp(text, fillers[i]) == 0)
            return true;
    /* "0000", "....", "xxxx", "----": one letter over and over says nothing either. */
    return *text && strchr("0.xX-_*", *text) && strspn(text, (char[]){*text, 0}) == strlen(text);
}
