/* Any bytes as a rack's question for blocks: refused with a reason, or numbers that there are, each
 * named once. */
// rooms: region
#include <string.h>

#include "src/region/block_question.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* What is given back, written as a rack writes it, is what it wrote. */
static void check_back(const struct block_ask *ask, const json_t *said)
{
    json_t *again = json_array();
    for (int i = 0; i < ask->back_count; i++) {
        const struct block_range *range = &ask->back[i];
        ASSERT(range->first <= range->last && range->last <= UINT32_MAX / CLUSTER_BLOCK_SIZE);
        ASSERT(i == 0 || range->first > ask->back[i - 1].last);
        json_array_append_new(again,
                              json_pack("[I, I]", (json_int_t)range->first,
                                        (json_int_t)range->last - (json_int_t)range->first + 1));
    }
    for (size_t i = 0; i < json_array_size(said); i++)
        ASSERT(json_equal(json_array_get(json_array_get(said, i), 0),
                          json_array_get(json_array_get(again, i), 0)) &&
               json_equal(json_array_get(json_array_get(said, i), 1),
                          json_array_get(json_array_get(again, i), 1)));
    json_decref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct block_ask ask = {.rack = "rack"};
    struct error err = {0};
    json_t *params = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, NULL);
    if (!params)
        return 0;
    json_t *subnets = json_array();
    struct arena *arena = arena_new();
    if (block_question_read(params, arena, &ask, subnets, &err) == ERR_OK) {
        ASSERT(strlen(ask.store) == CLUSTER_ID - 1 && ask.sequence <= INT64_MAX);
        ASSERT(json_array_size(subnets) == json_array_size(json_object_get(params, "networks")));
        ASSERT(json_array_size(subnets) <= BLOCK_NEEDS && ask.renewals <= INT64_MAX);
        check_back(&ask, json_object_get(params, "back"));
    } else {
        ASSERT(err.text[0]);
    }
    arena_free(arena);
    json_decref(subnets);
    json_decref(params);
    return 0;
}
