/*
 * What a killed PostgreSQL leaves in the kernel: the System V segment by which its data directory
 * is locked. Its next start in the same directory removes that; when the directory goes, nobody
 * does, and a host has room for 4096 of them. Blocking; any thread. names: pg_memory_
 */
#pragma once

/**
 * Before a data directory is removed in which no PostgreSQL runs. A segment that is in use, or that
 * is not this directory's (the note is from before the host's start), stays.
 */
void pg_memory_release(const char *data_dir);
