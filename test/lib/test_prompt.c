/* The priority of the programs: see test_prompt.h. Source: src/fence/main.c, be_prompt,
 * start_child.
 */
#include "test/lib/test_prompt.h"

#include <sched.h>
#include <sys/resource.h>

enum { FENCED_RR = 10, FENCED_NICE = -15, REGIOND_NICE = -10 };

void test_prompt_as_fenced(void)
{
    struct sched_param priority = {.sched_priority = FENCED_RR};
    if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &priority))
        setpriority(PRIO_PROCESS, 0, FENCED_NICE);
}

void test_prompt_as_regiond(void)
{
    setpriority(PRIO_PROCESS, 0, REGIOND_NICE);
}
