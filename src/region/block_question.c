/* Questions for blocks: see block_question.h. */
#include "src/region/block_question.h"

#include <string.h>

enum { BLOCKS_END = UINT32_MAX / CLUSTER_BLOCK_SIZE + 1 };

static enum error_code read_networks(const json_t *networks, json_t *subnets, struct error *err)
{
    json_t *network;
    size_t i;
    if (!json_is_array(networks) || json_array_size(networks) > BLOCK_NEEDS)
        return error_set(err, ERR_BAD_INPUT, "networks: expected a list of up to %d", BLOCK_NEEDS);
    json_array_foreach (networks, i, network) {
        json_t *subnet = json_object_get(network, "subnet_id");
        json_int_t lacks = json_integer_value(json_object_get(network, "blocks"));
        if (!json_is_integer(subnet) || lacks < 1 || lacks > CLUSTER_BLOCK_RUN)
            return error_set(err, ERR_BAD_INPUT, "networks[%zu] is malformed", i);
        json_array_append(subnets, subnet);
    }
    return ERR_OK;
}

/* [number, count] behind the block that was named last. */
static bool read_run(const json_t *run, int64_t behind, struct block_range *range)
{
    const json_t *number = json_array_get(run, 0), *many = json_array_get(run, 1);
    json_int_t first = json_integer_value(number), length = json_integer_value(many);
    if (!json_is_integer(number) || !json_is_integer(many) || first <= behind || length < 1 ||
        length > CLUSTER_BLOCKS || first > BLOCKS_END - length)
        return false;
    *range = (struct block_range){(ip4)first, (ip4)(first + length - 1)};
    return true;
}

/* [[number, count], ...], ascending. */
static enum error_code read_back(const json_t *params, struct arena *arena, struct block_ask *ask,
                                 struct error *err)
{
    const json_t *renewals = json_object_get(params, "renewals"), *run;
    const json_t *back = json_object_get(params, "back");
    size_t i, count = json_array_size(back);
    if (!back)
        return ERR_OK;
    if (!json_is_array(back) || count > CLUSTER_BLOCKS || !json_is_integer(renewals) ||
        json_integer_value(renewals) < 0)
        return error_set(err, ERR_BAD_INPUT, "dhcp_blocks: back or renewals is malformed");
    struct block_range *runs = ARENA_ARRAY(arena, struct block_range, count + 1);
    json_array_foreach (back, i, run)
        if (!read_run(run, i ? (int64_t)runs[i - 1].last : -1, &runs[i]))
            return error_set(err, ERR_BAD_INPUT, "back[%zu] is malformed", i);
    ask->renewals = (uint64_t)json_integer_value(renewals);
    ask->back = runs;
    ask->back_count = (int)count;
    return ERR_OK;
}

enum error_code block_question_read(const json_t *params, struct arena *arena,
                                    struct block_ask *ask, json_t *subnets, struct error *err)
{
    const json_t *sequence = json_object_get(params, "sequence");
    ask->store = json_string_value(json_object_get(params, "store"));
    ask->sequence = (uint64_t)json_integer_value(sequence);
    if (!ask->store || strlen(ask->store) != CLUSTER_ID - 1 ||
        !record_is_name(ask->store, CLUSTER_ID) || !json_is_integer(sequence) ||
        json_integer_value(sequence) < 0)
        return error_set(err, ERR_BAD_INPUT, "dhcp_blocks: store or sequence is malformed");
    enum error_code code = read_networks(json_object_get(params, "networks"), subnets, err);
    return code ? code : read_back(params, arena, ask, err);
}
