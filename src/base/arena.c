/* Memory given back all at once: see arena.h. */
#include "src/base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/error.h"

enum { BLOCK_BYTES = 32 * 1024 };

struct block {
    struct block *next;
    size_t size, used;
    max_align_t bytes[];
};

struct arena {
    struct block *head, *first;
    size_t used;
};

static struct block *block_new(size_t size)
{
    struct block *block = malloc(sizeof(*block) + size);
    ASSERT(block);
    block->next = NULL;
    block->size = size;
    block->used = 0;
    return block;
}

struct arena *arena_new(void)
{
    struct arena *arena = calloc(1, sizeof(*arena));
    ASSERT(arena);
    arena->head = arena->first = block_new(BLOCK_BYTES);
    return arena;
}

static void drop_blocks(struct arena *arena)
{
    while (arena->head != arena->first) {
        struct block *next = arena->head->next;
        free(arena->head);
        arena->head = next;
    }
}

void arena_free(struct arena *arena)
{
    if (!arena)
        return;
    drop_blocks(arena);
    free(arena->first);
    free(arena);
}

void arena_reset(struct arena *arena)
{
    drop_blocks(arena);
    arena->first->used = 0;
    arena->used = 0;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    ASSERT(size <= SIZE_MAX / 2);
    size = (size + sizeof(max_align_t) - 1) & ~(sizeof(max_align_t) - 1);
    struct block *block = arena->head;
    if (block->size - block->used < size) {
        block = block_new(size > BLOCK_BYTES ? size : BLOCK_BYTES);
        block->next = arena->head;
        arena->head = block;
    }
    void *bytes = (char *)block->bytes + block->used;
    block->used += size;
    arena->used += size;
    return memset(bytes, 0, size);
}

char *arena_strndup(struct arena *arena, const char *bytes, size_t size)
{
    char *copy = arena_alloc(arena, size + 1);
    memcpy(copy, bytes, size);
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return text ? arena_strndup(arena, text, strlen(text)) : NULL;
}

char *arena_word(struct arena *arena, const char **at, const char *parting)
{
    *at += strspn(*at, parting);
    size_t size = strcspn(*at, parting);
    char *word = size ? arena_strndup(arena, *at, size) : NULL;
    *at += size;
    return word;
}

char *arena_trim(struct arena *arena, const char *text)
{
    text += strspn(text, " \t\r\n");
    size_t size = strlen(text);
    while (size && strchr(" \t\r\n", text[size - 1]))
        size--;
    return arena_strndup(arena, text, size);
}

char *arena_vprintf(struct arena *arena, const char *format, va_list args)
{
    va_list copy;
    va_copy(copy, args);
    int size = vsnprintf(NULL, 0, format, copy);
    va_end(copy);
    ASSERT(size >= 0);
    char *text = arena_alloc(arena, (size_t)size + 1);
    vsnprintf(text, (size_t)size + 1, format, args);
    return text;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}

size_t arena_used(const struct arena *arena)
{
    return arena->used;
}
