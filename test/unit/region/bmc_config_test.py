"""The commissioning script that makes a user in the BMC: what it says and does there, by a stand-in for ipmitool."""
import os
import pathlib
import subprocess

SCRIPT = pathlib.Path(__file__).resolve().parents[3] / "src/region/scripts/30-maas-01-bmc-config"
IPMITOOL = """case "$*" in
*'lan print 1') echo 'IP Address              : 10.0.9.9' ;;
*'user list 1') printf '1,,true,false,true,\\n2,root,true,true,true,ADMINISTRATOR\\n3,,true,false,true,\\n' ;;
*exec*) cat "$4"; exit "$IPMITOOL_STATUS" ;;
esac
"""


def run(folder, status):
    """What it wrote of the BMC, its output, and the argv of all programs it started; the tool repeats what it is told."""
    tools = folder / "tools"
    tools.mkdir()
    for name in ("ipmitool", "modprobe", "sed", "awk", "cat", "tr", "head", "mktemp", "rm", "sleep"):
        found = subprocess.run(["which", name], stdout=subprocess.PIPE, text=True, check=False).stdout.strip()
        body = {"ipmitool": IPMITOOL, "modprobe": "exit 1\n"}.get(name, f'exec {found} "$@"\n')
        (tools / name).write_text(f'#!/bin/bash\nPATH=/usr/bin:/bin\necho "${{0##*/}} $*" >>"$ARGV_LOG"\n{body}')
        (tools / name).chmod(0o755)
    script = folder / "script"
    script.write_text(SCRIPT.read_text().replace("/dev/ipmi0", "/dev/null"))  # a device that is everywhere
    said = subprocess.run(["/bin/bash", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False, env={
        "PATH": str(tools), "ARGV_LOG": str(folder / "argv"), "BMC_CONFIG_PATH": str(folder / "bmc"), "IPMITOOL_STATUS": str(status),
        "TMPDIR": str(folder)})
    bmc = dict(line.split(": ") for line in (folder / "bmc").read_text().splitlines()) if (folder / "bmc").exists() else None
    return said, bmc, (folder / "argv").read_text()


def test_only_the_region_learns_the_password(tmp_path):
    said, bmc, argv = run(tmp_path, 0)
    assert said.returncode == 0 and "User maas, place 3, on channel 1: 10.0.9.9" in said.stdout, said.stdout
    password = bmc["power_pass"].strip("'")
    assert len(password) == 16 and password.startswith("A1z") and bmc["power_address"] == "'10.0.9.9'"
    assert "user set password 3 (password) 16" in said.stdout and password not in said.stdout
    assert "ipmitool -I open exec" in argv and password not in argv
    assert os.stat(tmp_path / "bmc").st_mode & 0o077 == 0


def test_a_bmc_that_refuses(tmp_path):
    said, bmc, _ = run(tmp_path, 1)
    assert said.returncode == 1 and "The BMC does not take the user." in said.stdout and bmc is None
