/* A shell for people: see rescue.h. Source: dropbear(8). */
#include "src/agent/rescue.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "src/agent/tool.h"
#include "src/base/file.h"
#include "src/base/log.h"

enum { AGAIN_MS = 1000 };

static enum error_code prepare(const char *keys, struct error *err)
{
    if (mkdir("/dev/pts", 0755) && errno != EEXIST)
        return error_errno(err, "/dev/pts");
    if (mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "mode=620,ptmxmode=666") &&
        errno != EBUSY)
        return error_errno(err, "mount /dev/pts");
    enum error_code code = file_make_folders("/root/.ssh", 0700, err);
    if (!code)
        code = file_make_folders("/etc/dropbear", 0700, err); /* for the host keys it makes */
    return code ? code : file_write("/root/.ssh/authorized_keys", keys, strlen(keys), 0600, err);
}

enum error_code rescue_run(struct talk *talk, const struct task *task, struct error *err)
{
    if (!task->ssh_keys || !*task->ssh_keys)
        return error_set(err, ERR_BAD_INPUT, "nobody has an SSH key to log in with");
    enum error_code code = prepare(task->ssh_keys, err);
    pid_t pid;
    for (bool told = false; !code; told = true) {
        /* -R: make host keys at first use, -s: no passwords, -F -E: stay, and log here */
        code = tool_start(TOOL_ARGV("/usr/sbin/dropbear", "-R", "-s", "-F", "-E", "-p", "22"), -1,
                          -1, &pid, err);
        if (!code && !told)
            code = talk_end(talk, ERR_OK, err);
        if (code)
            break;
        log_info("rescue mode: log in as root by SSH");
        tool_wait(pid, "dropbear", err);
        log_warning("%s; starting it again", err->text);
        talk_pause(AGAIN_MS);
    }
    return code;
}
