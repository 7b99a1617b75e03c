/* From an embedded member back to the object around it. */
#pragma once

#include <stddef.h>

#define container_of(pointer, type, member) \
    ((type *)((char *)(1 ? (pointer) : &((type *)0)->member) - offsetof(type, member)))

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
