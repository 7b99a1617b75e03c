/*
 * Names that nobody chose: system ids and host names of new machines. Any thread.
 */
#pragma once

enum { MACHINE_SYSTEM_ID = 7, MACHINE_HOSTNAME = 64 };

/** Six characters from 24 that no one confuses, out of 6 random bytes. */
void machine_name_system_id(const unsigned char random[6], char text[MACHINE_SYSTEM_ID]);

/** "calm-cod" out of 4 random bytes; with number > 0 "calm-cod-17". */
void machine_name_hostname(const unsigned char random[4], unsigned number,
                           char text[MACHINE_HOSTNAME]);

/** A host name as DNS has them: letters, digits and dashes, at most 63, not a dash at an end. */
int machine_name_is_hostname(const char *text);
