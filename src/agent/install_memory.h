/*
 * A root file system in the machine's memory, for a system that no disk holds. Blocking; root of
 * the ephemeral system. Source: docs/deploy.md, in memory.
 */
#pragma once

#include "src/agent/task.h"
#include "src/agent/tool.h"

/**
 * Room for it: *device is a file for images that are a file system, NULL for those that hold files,
 * which then go to root. Errors: IO.
 */
enum error_code install_memory_make(const struct task_image *image, const char *root,
                                    struct tool_log *log, const char **device, struct error *err);

/**
 * The image is written: grow and mount a file system at root, and see that it has the modules of
 * the kernel that runs. Errors: INTERNAL (a program), IO.
 */
enum error_code install_memory_mount(const char *device, const char *root, struct tool_log *log,
                                     struct error *err);
