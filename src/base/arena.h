/*
 * Memory that is given back all at once: one arena per request. Not shared between threads.
 * Out of memory ends the process; sizes of foreign input are checked before they get here.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

struct arena;

/** A new arena; arena_free gives back everything it gave out. */
struct arena *arena_new(void);
void arena_free(struct arena *arena);

/** Forget all that was given out but keep the first block for the next request. */
void arena_reset(struct arena *arena);

/** size zeroed bytes, aligned for any type; never NULL. */
void *arena_alloc(struct arena *arena, size_t size);

/** Copies into the arena, NUL-terminated; arena_strdup(NULL) is NULL. */
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *bytes, size_t size);
/** Without the blanks (spaces, tabs, CR, LF) around it. */
char *arena_trim(struct arena *arena, const char *text);
/** The next word at *at, which goes behind it; NULL = there is none. parting: letters between. */
char *arena_word(struct arena *arena, const char **at, const char *parting);
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/** Bytes given out since new or reset: for limits. */
size_t arena_used(const struct arena *arena);

#define ARENA_NEW(arena, type)          ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_alloc((arena), sizeof(type) * (count)))
