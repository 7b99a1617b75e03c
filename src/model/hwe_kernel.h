/*
 * Kernels as Ubuntu's images have several: "ga-24.04" came with the release, "hwe-24.04" is a newer
 * one for newer hardware, "-edge" the next one, "-lowlatency" and others are flavours. Which one a
 * machine gets, and the package that it is. Pure; any thread. Source: MAAS API 2.0 5.2, 12.3.
 */
#pragma once

#include <stdbool.h>

#include "src/base/arena.h"
#include "src/base/error.h"

struct hwe_kernel {
    int release;        /* 2404 */
    int age;            /* 0 ga, 1 hwe, 2 edge */
    const char *flavor; /* in the text that was read; "" = generic */
    int flavor_length;
};

/** False: the name is none of such a kernel ("generic"). The old "hwe-t" is one of 14.04. */
bool hwe_kernel_parse(const char *name, struct hwe_kernel *kernel);

/** What is asked of an image; texts NULL or "" where nobody asked. */
struct hwe_kernel_wish {
    const char *available; /* names with commas between, of the whole images */
    const char *asked;     /* at this deployment: it must be this one */
    const char *minimum;   /* of the machine */
};

/**
 * The kernel to take, in the arena: the one that was asked for, else the oldest that is not older
 * than the minimum and of its flavour. NULL: the image has no such kernels, and nobody asked for
 * one. Errors: BAD_INPUT with a text for people.
 */
enum error_code hwe_kernel_choose(const struct hwe_kernel_wish *wish, struct arena *arena,
                                  const char **chosen, struct error *err);

/** Ubuntu's package of a kernel, in the arena: "linux-generic-hwe-24.04". NULL: not known. */
const char *hwe_kernel_package(const char *name, struct arena *arena);
