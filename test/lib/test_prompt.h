/*
 * Tests of deadlines are scheduled as the programs are that keep them; else they measure what else
 * runs on the host. Best effort: without the right to, they run as they are. Before any thread.
 */
#pragma once

/** As gantry-fenced: before all that computes. */
void test_prompt_as_fenced(void);

/** As gantry-regiond, which gantry-fenced starts with nice -10. */
void test_prompt_as_regiond(void);
