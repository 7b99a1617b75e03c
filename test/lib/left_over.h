/*
 * Temporary folders whose names have their owner's process number, so that a later test removes
 * what a killed one has left: NAME-PID-XXXXXX.
 */
#pragma once

/** Make "NAME-PID-XXXXXX", whose path goes to folder (64 bytes), and remove those of processes that
 * are gone; before (may be NULL) is called with each of them first. */
void left_over_make(const char *name, char *folder, void (*before)(const char *folder));
