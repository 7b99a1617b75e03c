"""gantry-regiond that cannot start says why in one line; what is on disk stays as it was."""
import json
import re
import socket
import subprocess

import pytest

from conftest import ADDRESS, BUILD


def regiond(*argv):
    return subprocess.run([BUILD / "gantry-regiond", *map(str, argv)], text=True, capture_output=True, check=False, timeout=20)


def one_error(result, *words):
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert result.returncode not in (0, -6) and len(lines) == 1, result
    for word in words:
        assert str(word) in lines[0], lines[0]


def test_help_version_and_keys():
    assert "--config" in regiond("--help").stdout
    assert re.fullmatch(r"gantry-regiond \d+\.\d+\.\d+\n", regiond("--version").stdout)
    keys = regiond("--help-config").stdout
    assert "[region]" in keys and "#profile = default" in keys
    assert regiond("--nonsense").returncode == 2


def test_a_missing_file_is_named():
    one_error(regiond("--config", "/nowhere/regiond.conf"), "/nowhere/regiond.conf", "No such file")


@pytest.mark.parametrize("text, words", [
    ("[region]\nadress = 10.0.0.1\n", [":2:", "unknown key [region] adress"]),
    ("[region]\naddress = 10.0.0.300\n", [":2:", "expected an IPv4 address"]),
    ("[region]\naddress = \n", ["[region] address is empty"]),
    ("[region]\nname = r1\n", ["[region] address is missing"]),
    ("[region]\naddress = 10.0.0.1\nthis is no line\n", [":3:", "key = value"]),
    ("[region]\naddress = 10.0.0.1\nname = Has Spaces\n", ["[region] name", "lower-case letters"]),
    ("[region]\naddress = 10.0.0.1\n[vip]\naddress = 10.0.0.9\n", [":4:", "with prefix"]),
    ("[region]\naddress = 10.0.0.1\n[vip]\naddress = 10.0.0.9/24\n", ["address and interface belong together"]),
    ("[region]\naddress = 10.0.0.1\n[vip]\naddress = 10.0.0.1/24\ninterface = eth0\n", ["an address that no host has"]),
    ("[region]\naddress = 10.0.0.1\n[ports]\nraft = 5253\n", ["5253 is given for two purposes"]),
    ("[region]\naddress = 10.0.0.1\n[ports]\nraft = 70000\n", [":4:", "from 1 to 65535"]),
    ("[region]\naddress = 10.0.0.1\n[timing]\nprofile = fast\n", [":4:", "one of default lan-fast wan"]),
    ("[region]\naddress = 10.0.0.1\ndata_dir = data\n", [":3:", "an absolute path"]),
])
def test_a_wrong_line_is_named(tmp_path, text, words):
    config = tmp_path / "regiond.conf"
    config.write_text(text)
    one_error(regiond("--config", config, "--check"), *words)


def test_a_sound_file_and_a_flag_that_overrides_it(tmp_path):
    config = tmp_path / "regiond.conf"
    config.write_text("[region]\nname = r1\naddress = 10.0.0.1\n")
    assert regiond("--config", config, "--check").returncode == 0
    one_error(regiond("--config", config, "--check", "--set", "timing.profile=slow"), "--set", "profile")


def test_started_by_hand(tmp_path):
    one_error(regiond("--config", "/dev/null", "--set", "region.address=127.0.0.1", "--set", f"region.data_dir={tmp_path}/d",
                      "--set", f"region.run_dir={tmp_path}"), "started by gantry-fenced, not by hand")


def test_health_port_in_use(region):
    with_listener = ("python3", "-c", f"import socket,time; s=socket.socket(); s.bind(('{ADDRESS}',5239)); s.listen(); "
                     "print(1,flush=True); time.sleep(60)")
    other = subprocess.Popen(["nsenter", f"--net=/run/netns/{region.name}", "--", *with_listener], stdout=subprocess.PIPE)
    other.stdout.readline()
    region.configure()
    region.launch()
    region.said("port 5239 on 10.66.0.1 (health) is in use by another program")
    other.kill()
    other.wait()
    region.said("no cluster yet")  # fenced tries again, and it comes up by itself


def test_an_address_of_another_host(region):
    region.settings["region"]["address"] = "10.66.0.77"
    region.configure()
    region.launch()
    region.said("10.66.0.77 is not an address of this host")


def test_missing_rights_are_named(region):
    region.configure()
    region.launch("setpriv", "--bounding-set", "-net_raw,-kill", "--inh-caps", "-all", "--")
    assert region.fenced.wait(10) != 0
    log = region.log()
    assert "missing rights" in log and "CAP_NET_RAW" in log and "CAP_KILL" in log and "start it as root" in log


def test_files_of_a_newer_version_and_damaged_ones(region):
    region.configure()
    member = region.data / "member.json"
    for text, words in ((json.dumps({"format": 9, "id": 1, "name": "region1"}), "install the newer gantry"),
                        ("{", "member.json is damaged"),
                        (json.dumps({"format": 1, "id": 1, "name": "other"}), "belongs to region other")):
        member.write_text(text)
        member.chmod(0o644)
        region.launch()
        region.said(words)
        region.stop()
        assert member.read_text() == text


def test_the_control_socket_refuses_nonsense(region):
    region.start()

    def say(line):
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(str(region.run / "regiond.sock"))
            link.settimeout(20)
            link.sendall(line)
            link.shutdown(socket.SHUT_WR)
            return json.loads(link.makefile().readline())

    for line, words in ((b"{}\n", "no such command"), (b"[1]\n", "no JSON object"), (b"{\"command\": \n", "no JSON object"),
                        (b'{"command": "status", "x": "1"}\n', "unknown parameter x"),
                        (b'{"command": "cluster init", "name": 7}\n', "unknown parameter name"),
                        (b'{"command": "stop"}\n', "no such command"), (b"never ends", "did not come whole"),
                        (b"x" * 70000, "too long")):
        reply = say(line)
        assert reply["ok"] is False and words in reply["message"], reply
    assert say(b'{"command": "status"}\n')["verdict"] == "no-cluster"
    assert oct((region.run / "regiond.sock").stat().st_mode & 0o777) == "0o660"
