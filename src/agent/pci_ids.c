/*
 * The PCI id list: "vvvv  Vendor", below it "\tdddd  Product", below that subsystems with two tabs;
 * classes ("C xx") stand at the end. See pci_ids.h.
 */
#include "src/agent/pci_ids.h"

#include <stdbool.h>
#include <string.h>

#include "src/agent/tree.h"

enum { LINE_BYTES = 512 };

static int digit_of(char letter)
{
    return letter >= '0' && letter <= '9'   ? letter - '0'
           : letter >= 'a' && letter <= 'f' ? letter - 'a' + 10
           : letter >= 'A' && letter <= 'F' ? letter - 'A' + 10
                                            : -1;
}

/* "vvvv  Name" in length bytes: the number, or -1; *name is where the name begins. */
static int read_line(const char *line, size_t length, const char **name)
{
    int number = 0;
    if (length < 7)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = digit_of(line[i]);
        if (digit < 0)
            return -1;
        number = number * 16 + digit;
    }
    if (line[4] != ' ' || line[5] != ' ')
        return -1;
    *name = line + 6;
    return number;
}

static const char *name_of(struct arena *arena, const char *name, const char *end)
{
    size_t length = (size_t)(end - name);
    char text[LINE_BYTES + 1];
    length = length < LINE_BYTES ? length : LINE_BYTES;
    memcpy(text, name, length);
    text[length] = '\0';
    return tree_clean(arena, text);
}

static bool set_vendor(struct arena *arena, struct pci_ids_row *rows, int count, int vendor,
                       const char *name, const char *end)
{
    const char *text = NULL;
    for (int i = 0; i < count; i++)
        if (rows[i].vendor_id == vendor)
            rows[i].vendor = text = text ? text : name_of(arena, name, end);
    return text != NULL;
}

static void set_product(struct arena *arena, struct pci_ids_row *rows, int count, int ids[2],
                        const char *name, const char *end)
{
    const char *text = NULL;
    for (int i = 0; i < count; i++)
        if (rows[i].vendor_id == ids[0] && rows[i].product_id == ids[1])
            rows[i].product = text = text ? text : name_of(arena, name, end);
}

void pci_ids_fill(const char *list, size_t size, struct arena *arena, struct pci_ids_row *rows,
                  int count)
{
    bool wanted = false; /* the vendor whose products follow */
    int ids[2] = {-1, -1};
    for (const char *line = list, *end; line < list + size; line = end + 1) {
        end = memchr(line, '\n', (size_t)(list + size - line));
        if (!end)
            end = list + size;
        const char *name;
        if (end - line > 2 && line[0] == 'C' && line[1] == ' ')
            break;
        if (line < end && *line == '\t') {
            ids[1] = wanted ? read_line(line + 1, (size_t)(end - line) - 1, &name) : -1;
            if (ids[1] >= 0)
                set_product(arena, rows, count, ids, name, end);
            continue;
        }
        ids[0] = read_line(line, (size_t)(end - line), &name);
        if (ids[0] >= 0)
            wanted = set_vendor(arena, rows, count, ids[0], name, end);
    }
}
