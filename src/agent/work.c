/* One boot's work: see work.h. */
#include "src/agent/work.h"

#include "src/agent/erase.h"
#include "src/agent/install.h"
#include "src/agent/rescue.h"
#include "src/agent/script_run.h"
#include "src/base/log.h"

static enum error_code ask_task(struct talk *talk, struct task *task, struct error *err)
{
    struct http_client_reply reply;
    enum error_code code = talk_get(talk, "gantry/task", &reply, err);
    if (!code)
        code = task_parse(reply.body, reply.body_size, talk->arena, task, err);
    if (code)
        return error_wrap(err, "task");
    talk->system_id = task->system_id;
    log_info("task: %s", task_name(task->kind));
    return ERR_OK;
}

static enum error_code report_and_end(struct talk *talk, const struct report *report,
                                      struct error *err)
{
    return talk_end(talk, report_inventory(talk, report, err), err);
}

static enum error_code carry_out(struct talk *talk, const struct report *report, struct task *task,
                                 struct error *err)
{
    struct script_run_setup scripts = {.packages = &task->packages};
    enum error_code code;
    switch (task->kind) {
    case TASK_ENLIST:
        return report_and_end(talk, report, err);
    case TASK_COMMISSION:
        code = report_inventory(talk, report, err);
        return talk_end(talk, code ? code : script_run_all(talk, &scripts, err), err);
    case TASK_TEST:
    case TASK_RELEASE:
        return talk_end(talk, script_run_all(talk, &scripts, err), err);
    case TASK_DEPLOY:
        code = install_run(talk, task, report->inventory, err);
        break;
    case TASK_ERASE:
        code = erase_run(talk, task, report->inventory, err);
        break;
    case TASK_RESCUE:
        code = rescue_run(talk, task, err);
        break;
    default:
        return ERR_OK;
    }
    return code ? talk_end(talk, code, err) : ERR_OK;
}

enum error_code work_run(struct talk *talk, const struct report *report, struct work *work,
                         struct error *err)
{
    struct task task;
    bool known = false;
    work->reboot = work->switch_root = work->kexec = false;
    if (!talk->cmdline->preseed_url)
        return error_set(err, ERR_BAD_INPUT,
                         "no cloud-config-url= on the kernel's command line: nobody to report to");
    enum error_code code = talk_read_preseed(talk, talk->cmdline->preseed_url, err);
    if (code)
        return error_wrap(err, "preseed");
    if (!talk->preseed.consumer_key)
        code = report_enlist(talk, report->inventory, &known, err);
    if (code || known)
        return code;
    code = ask_task(talk, &task, err);
    if (code) /* a machine that cannot be told what to do has failed at it */
        return talk_end(talk, code, err);
    if (work->report_only)
        return report_and_end(talk, report, err);
    if (work->is_guest && task.kind != TASK_COMMISSION && task.kind != TASK_TEST)
        return error_set(err, ERR_BAD_INPUT, "task %s is not for a system that runs already",
                         task_name(task.kind));
    work->reboot = task.reboot;
    work->switch_root = task.in_memory;
    code = carry_out(talk, report, &task, err);
    work->kexec = task.kexec;
    return code;
}
