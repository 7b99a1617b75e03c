/* Commands on foreign consoles by ssh: see power_ssh.h. */
#include "src/rack/power_ssh.h"

#include <string.h>

#include "src/base/clock.h"
#include "src/base/container.h"
#include "src/base/file.h"
#include "src/rack/power_tool.h"

enum { RUN_MS = 30000, LOST = 255 /* ssh's own status, not the command's */ };

/* ssh asks a program for the password when it has no terminal: this one writes a private file. */
enum error_code power_ssh_environment(const char *folder, const char *password, struct arena *arena,
                                      const char *environment[POWER_SSH_ENVIRONMENT],
                                      struct error *err)
{
    static const char program[] = "#!/bin/sh\nexec cat \"$0.answer\"\n";
    const char *path = arena_printf(arena, "%s/ask", folder);
    const char *answer = arena_printf(arena, "%s.answer", path);
    int count = 0;
    environment[count++] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    environment[count++] = "LC_ALL=C";
    environment[count++] = arena_printf(arena, "HOME=%s", folder);
    environment[count++] = "DISPLAY=none";
    environment[count++] = arena_printf(arena, "SSH_ASKPASS=%s", path);
    environment[count++] = "SSH_ASKPASS_REQUIRE=force";
    environment[count] = NULL;
    if (!*password)
        return ERR_OK;
    enum error_code code = file_write(path, program, strlen(program), 0700, err);
    return code ? code : file_write(answer, password, strlen(password), 0600, err);
}

enum error_code power_ssh_open(struct power_ssh *ssh, const struct power_order *order,
                               struct arena *arena, struct error *err)
{
    *ssh = (struct power_ssh){
        .order = order,
        .arena = arena,
        .deadline_ns = clock_boot_ns() + order->timeout_ms * CLOCK_MS,
        .host = power_order_peer_host(order, arena),
        .port = power_order_peer_port(order, "22"),
        .user = power_order_text(order, "power_user"),
    };
    enum error_code code = power_tool_folder(order, arena, &ssh->folder, err);
    return code ? code
                : power_ssh_environment(ssh->folder, power_order_text(order, "power_pass"), arena,
                                        ssh->environment, err);
}

void power_ssh_close(struct power_ssh *ssh)
{
    if (ssh->folder)
        file_remove_tree(ssh->folder, NULL);
    ssh->folder = NULL;
}

enum error_code power_ssh_explain(const struct power_order *order, const char *output,
                                  struct arena *arena, struct error *err)
{
    const char *where = power_order_where(order);
    if (strstr(output, "Host key verification failed"))
        return error_set(err, ERR_FORBIDDEN,
                         "the console at %s has another host key than before: if that is right, "
                         "remove it from %s (ssh-keygen -R)",
                         where, order->tools->known_hosts);
    if (strstr(output, "Permission denied") || strstr(output, "Too many authentication failures"))
        return error_set(err, ERR_FORBIDDEN, "the console at %s refuses user, key or password",
                         where);
    return error_set(err, ERR_UNAVAILABLE, "the console at %s cannot be reached: %s", where,
                     process_last_line(arena, output));
}

enum error_code power_ssh_run(struct power_ssh *ssh, const char *command, const char **output,
                              struct error *err)
{
    struct arena *arena = ssh->arena;
    bool by_password = *power_order_text(ssh->order, "power_pass") != '\0';
    const char *known =
        arena_printf(arena, "UserKnownHostsFile=%s", ssh->order->tools->known_hosts);
    const char *const argv[] = {
        ssh->order->tools->ssh,
        "-T",
        "-F",
        "none",
        "-o",
        "LogLevel=ERROR",
        "-o",
        "StrictHostKeyChecking=accept-new",
        "-o",
        known,
        "-o",
        "GlobalKnownHostsFile=/dev/null",
        "-o",
        "ConnectTimeout=8",
        "-o",
        "NumberOfPasswordPrompts=1",
        "-o",
        by_password ? "PreferredAuthentications=password,keyboard-interactive" : "BatchMode=yes",
        "-p",
        ssh->port,
        "-l",
        *ssh->user ? ssh->user : "root",
        "--",
        ssh->host,
        command,
        NULL};
    struct process_result result;
    struct power_tool tool = {argv, ssh->environment, "openssh-client", RUN_MS, ssh->deadline_ns};
    enum error_code code = power_tool_run(ssh->order, &tool, arena, &result, err);
    if (code)
        return code;
    *output = result.output;
    return result.status == LOST ? power_ssh_explain(ssh->order, result.output, arena, err)
                                 : ERR_OK;
}
