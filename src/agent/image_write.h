/*
 * Writes the image of an operating system where it belongs while it arrives: HTTP from a rack,
 * unpacked by a program, onto a block device or into a folder. What is cut off goes on where it
 * stopped, at another rack if need be. Blocking; root of the ephemeral system.
 */
#pragma once

#include "src/agent/talk.h"
#include "src/agent/task.h"
#include "src/agent/tool.h"

/** device for a form that is a file system or a disk, folder for one that holds files. */
struct image_place {
    const char *device, *folder;
};

/**
 * Errors: CORRUPT (size or SHA-256 is another: what was written is worth nothing), IO, INTERNAL (a
 * program failed), those of talk_exchange.
 */
enum error_code image_write(struct talk *talk, const struct task_image *image,
                            const struct image_place *place, struct tool_log *log,
                            struct error *err);
