"""The agent as first process, in namespaces of its own: it never leaves the machine on. In such a namespace the kernel
carries out power off by ending the first process with SIGINT, reboot with SIGHUP."""
import os
import signal
import subprocess
import time

import pytest

# A /sys without devices, and the kernel's command line from $1.
SETUP = """
set -e
mount -t tmpfs none /sys
mount --bind "$1" /proc/cmdline
exec "$2"
"""


class Machine:
    def __init__(self, build, folder, cmdline):
        (folder / "cmdline").write_text(cmdline + "\n", encoding="ascii")
        self.log = folder / "console"
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen(
                ["unshare", "--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc",
                 "/bin/sh", "-c", SETUP, "sh", folder / "cmdline", build / "gantry-agent"],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={"PATH": os.environ["PATH"]})

    def console(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, text, timeout_s=20):
        end = time.monotonic() + timeout_s
        while text not in self.console():
            assert time.monotonic() < end, self.console()
            time.sleep(0.05)

    def first_process(self):
        """Its pid as we see it."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as children:
            return int(children.read().split()[0])

    def end(self, timeout_s):
        """The signal that ended it."""
        status = self.process.wait(timeout_s)
        assert "Sanitizer" not in self.console()
        return status - 128 if status > 128 else -status


@pytest.fixture(name="machine_with")
def make_machine(build, tmp_path):
    if os.geteuid():
        pytest.skip("namespaces are made by root")
    machines = []

    def machine_with(cmdline):
        machines.append(Machine(build, tmp_path, cmdline))
        return machines[-1]
    yield machine_with
    for machine in machines:
        if machine.process.poll() is None:
            machine.process.kill()
            machine.process.wait()


def test_without_anybody_to_report_to_it_powers_off(machine_with):
    machine = machine_with("quiet")
    assert machine.end(40) == signal.SIGINT
    assert "nobody to report to" in machine.console()
    assert "powering off in 15 s" in machine.console()


def test_time_limit_ends_it(machine_with):
    machine = machine_with("gantry.limit_s=2 cloud-config-url=http://192.0.2.1/")
    start = time.monotonic()
    assert machine.end(40) == signal.SIGINT
    assert time.monotonic() - start < 25
    assert "the time of 2 s is over" in machine.console() or "not done within 2 s" in machine.console()


def test_bad_command_line(machine_with):
    machine = machine_with("BOOTIF=nonsense")
    machine.wait_for("BOOTIF=nonsense: expected 01-aa-bb-cc-dd-ee-ff")
    assert machine.end(40) == signal.SIGINT


@pytest.mark.parametrize("sent,ended", [(signal.SIGTERM, signal.SIGINT), (signal.SIGUSR2, signal.SIGINT),
                                        (signal.SIGINT, signal.SIGHUP)], ids=["off", "busybox-off", "ctrl-alt-del"])
def test_asked_to_end_it_ends_at_once(machine_with, sent, ended):
    machine = machine_with("cloud-config-url=http://192.0.2.1/")
    machine.wait_for("trying again")
    start = time.monotonic()
    os.kill(machine.first_process(), sent)
    assert machine.end(10) == ended
    assert time.monotonic() - start < 5


def test_crash_of_the_work_powers_off(machine_with):
    machine = machine_with("cloud-config-url=http://192.0.2.1/")
    machine.wait_for("trying again")
    first = machine.first_process()
    with open(f"/proc/{first}/task/{first}/children", encoding="ascii") as children:
        worker = int(children.read().split()[0])
    os.kill(worker, signal.SIGKILL)
    machine.wait_for("the agent ended by signal 9")
    machine.wait_for("powering off in 15 s")
    assert machine.end(30) == signal.SIGINT
