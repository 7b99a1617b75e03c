/* Capabilities: see rights.h. Source: capabilities(7). */
#include "src/fence/rights.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "src/base/container.h"

static const struct {
    int number;
    const char *name, *why;
} needed[] = {
    {CAP_NET_ADMIN, "NET_ADMIN", "virtual addresses"},
    {CAP_NET_RAW, "NET_RAW", "ARP and router advertisements"},
    {CAP_NET_BIND_SERVICE, "NET_BIND_SERVICE", "DHCP and TFTP"},
    {CAP_KILL, "KILL", "ending PostgreSQL"},
    {CAP_SETUID, "SETUID", "unprivileged children"},
    {CAP_SETGID, "SETGID", "unprivileged children"},
    {CAP_SYS_NICE, "SYS_NICE", "meeting deadlines"},
    {CAP_IPC_LOCK, "IPC_LOCK", "meeting deadlines"},
};

static bool get(struct __user_cap_data_struct sets[2])
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    return syscall(SYS_capget, &header, sets) == 0;
}

static uint64_t wanted_mask(void)
{
    uint64_t mask = 0;
    for (size_t i = 0; i < COUNT_OF(needed); i++)
        mask |= (uint64_t)1 << needed[i].number;
    return mask;
}

enum error_code rights_check(struct error *err)
{
    struct __user_cap_data_struct sets[2];
    char missing[256] = "";
    if (!get(sets))
        return error_errno(err, "capabilities");
    uint64_t have = sets[0].effective | (uint64_t)sets[1].effective << 32;
    for (size_t i = 0; i < COUNT_OF(needed); i++) {
        size_t used = strlen(missing);
        if (!(have >> needed[i].number & 1))
            snprintf(missing + used, sizeof(missing) - used, " CAP_%s (%s)", needed[i].name,
                     needed[i].why);
    }
    if (*missing)
        return error_set(err, ERR_FORBIDDEN, "missing rights:%s; start it as root", missing);
    return ERR_OK;
}

enum error_code rights_drop(struct error *err)
{
    uint64_t mask = wanted_mask();
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct sets[2] = {{0}};
    for (int number = 0; number <= CAP_LAST_CAP; number++)
        if (!(mask >> number & 1) && prctl(PR_CAPBSET_READ, number) == 1 &&
            prctl(PR_CAPBSET_DROP, number))
            return error_errno(err, "cannot drop capability %d", number);
    for (int half = 0; half < 2; half++)
        sets[half].effective = sets[half].permitted = (uint32_t)(mask >> (32 * half));
    return syscall(SYS_capset, &header, sets) ? error_errno(err, "capabilities") : ERR_OK;
}
