/* What a rack says of itself when it links, and of its interfaces later. */
// rooms: region
#include <stdint.h>
#include <string.h>

#include "src/region/rack_hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct rack_hello hello = {.nets_count = 0};
    struct error err = {0};
    json_t *params = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, NULL);
    enum error_code code = params ? rack_hello_parse(params, &hello, &err) : ERR_BAD_INPUT;
    ASSERT(code == ERR_OK || code == ERR_BAD_INPUT);
    if (!code)
        ASSERT(memchr(hello.system_id, 0, sizeof(hello.system_id)) && *hello.system_id &&
               memchr(hello.version, 0, sizeof(hello.version)) &&
               memchr(hello.incarnation, 0, sizeof(hello.incarnation)));
    int count = hello.nets_count;
    if (params && rack_hello_interfaces(params, &hello, &err))
        ASSERT(hello.nets_count == count);
    ASSERT(hello.nets_count >= 0 && hello.nets_count <= RACK_HELLO_NETS);
    json_decref(params);
    return 0;
}
