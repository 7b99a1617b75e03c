/* Who has an address: see neighbour.h. Source: proc(5), /proc/net/arp. */
#include "src/rack/neighbour.h"

#include <stdio.h>
#include <string.h>

bool neighbour_mac(ip4 address, struct mac *mac)
{
    char line[256], wanted[IP4_TEXT], found[IP4_TEXT], text[MAC_TEXT];
    bool known = false;
    FILE *file = fopen("/proc/net/arp", "re");
    if (!file)
        return false;
    ip4_format(address, wanted);
    while (!known && fgets(line, sizeof(line), file))
        known = sscanf(line, "%15s %*s %*s %17s", found, text) == 2 && !strcmp(found, wanted) &&
                strcmp(text, "00:00:00:00:00:00") != 0 && mac_parse(text, mac);
    fclose(file);
    return known;
}
