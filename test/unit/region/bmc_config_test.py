"""The commissioning script that makes a user in the BMC: what it says and does there, by a stand-in for ipmitool."""
import os
import pathlib
import subprocess

import pytest
import yaml

SCRIPT = pathlib.Path(__file__).resolve().parents[3] / "src/region/scripts/30-maas-01-bmc-config"
END = "# --- End MAAS 1.0 script metadata ---\n"
KEY = "maas_auto_ipmi_k_g_bmc_key='it'\\''s a key'\n"
IPMITOOL = """case "$*" in
*'lan print 1') echo 'IP Address              : 10.0.9.9' ;;
*'user list 1') printf '1,,true,false,true,\\n2,root,true,true,true,ADMINISTRATOR\\n3,,true,false,true,\\n' ;;
*exec*) cat "$4" >>"$ORDERS"; cat "$4"; case $(<"$4") in raw*) exit "$KEY_STATUS" ;; *) exit "$IPMITOOL_STATUS" ;; esac ;;
esac
"""


def run(folder, status, settings="", key_status=0):
    """With these lines of the region's: what it wrote of the BMC, its output, and the argv of all programs it started; the tool repeats what it is told."""
    tools = folder / "tools"
    tools.mkdir()
    for name in ("ipmitool", "modprobe", "sed", "awk", "cat", "tr", "head", "mktemp", "rm", "sleep"):
        found = subprocess.run(["which", name], stdout=subprocess.PIPE, text=True, check=False).stdout.strip()
        body = {"ipmitool": IPMITOOL, "modprobe": "exit 1\n"}.get(name, f'exec {found} "$@"\n')
        (tools / name).write_text(f'#!/bin/bash\nPATH=/usr/bin:/bin\necho "${{0##*/}} $*" >>"$ARGV_LOG"\n{body}')
        (tools / name).chmod(0o755)
    (folder / "argv").touch()
    script = folder / "script"
    text = SCRIPT.read_text().replace("/dev/ipmi0", "/dev/null")  # a device that is everywhere
    script.write_text(text.replace(END, END + settings))
    said = subprocess.run(["/bin/bash", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False, env={
        "PATH": str(tools), "ARGV_LOG": str(folder / "argv"), "BMC_CONFIG_PATH": str(folder / "bmc"), "IPMITOOL_STATUS": str(status),
        "KEY_STATUS": str(key_status), "ORDERS": str(folder / "orders"), "TMPDIR": str(folder)})
    bmc = yaml.safe_load((folder / "bmc").read_text()) if (folder / "bmc").exists() else None
    return said, bmc, (folder / "argv").read_text()


def test_only_the_region_learns_the_password(tmp_path):
    said, bmc, argv = run(tmp_path, 0)
    assert said.returncode == 0 and "User maas, place 3, on channel 1: 10.0.9.9" in said.stdout, said.stdout
    password = bmc["power_pass"]
    assert len(password) == 16 and password.startswith("A1z") and bmc["power_address"] == "10.0.9.9"
    assert (bmc["power_user"], bmc["privilege_level"], bmc["cipher_suite_id"]) == ("maas", "ADMIN", "3")
    assert "k_g" not in bmc and "workaround_flags" not in bmc
    assert "user set password 3 (password) 16" in said.stdout and password not in said.stdout
    assert "ipmitool -I open exec" in argv and password not in argv
    assert os.stat(tmp_path / "bmc").st_mode & 0o077 == 0


def test_a_bmc_that_refuses(tmp_path):
    said, bmc, _ = run(tmp_path, 1)
    assert said.returncode == 1 and "The BMC does not take the user." in said.stdout and bmc is None


def test_as_the_settings_say(tmp_path):
    settings = ("maas_auto_ipmi_user='site.bmc'\nmaas_auto_ipmi_user_privilege_level='OPERATOR'\nmaas_auto_ipmi_cipher_suite_id='17'\n"
                "maas_auto_ipmi_workaround_flags='opensesspriv authcap'\n" + KEY)
    said, bmc, argv = run(tmp_path, 0, settings)
    assert said.returncode == 0, said.stdout
    del bmc["power_pass"]
    assert bmc == {"power_type": "ipmi", "power_driver": "LAN_2_0", "power_address": "10.0.9.9", "power_user": "site.bmc",
                   "privilege_level": "OPERATOR", "cipher_suite_id": "17", "k_g": "it's a key", "workaround_flags": ["opensesspriv", "authcap"]}
    orders = (tmp_path / "orders").read_text()
    assert "user set name 3 site.bmc\n" in orders and "user priv 3 3 1\n" in orders and "link=on privilege=3\n" in orders
    assert "raw 0x06 0x56 1 0x01 0x01 0x69 0x74 0x27 0x73 0x20 0x61 0x20 0x6b 0x65 0x79" + 10 * " 0x00" + "\n" in orders
    for secret in ("it's a key", "0x69"):
        assert secret not in said.stdout and secret not in argv


def test_a_key_that_the_bmc_does_not_take(tmp_path):
    said, bmc, _ = run(tmp_path, 0, KEY, key_status=1)
    assert said.returncode == 0 and "does not take the K_g key" in said.stdout and "k_g" not in bmc and bmc["power_user"] == "maas"


@pytest.mark.parametrize("name", ["", "-v", "two words", "$(id)", "seventeen.letters"])
def test_a_name_that_no_bmc_takes(tmp_path, name):
    said, bmc, argv = run(tmp_path, 0, f"maas_auto_ipmi_user='{name}'\n")
    assert said.returncode == 1 and "maas_auto_ipmi_user" in said.stdout and bmc is None and "ipmitool" not in argv
