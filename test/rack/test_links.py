"""Links of gantry-rackd to its regions: hello, silence, resets, another region, clear errors."""
import json
import os
import signal
import subprocess
import time

from regions import BUILD, Authority, Refusal, Region, wait_for


def test_hello_says_who_it_is(make_region, make_rackd):
    region = make_region()
    make_rackd(region)
    wait_for("hello", lambda: region.calls)
    method, params = region.calls[0]
    assert method == "hello"
    assert params["protocol"] == 1 and params["system_id"] == "abc123" and params["name"] == "rack1"
    assert len(params["incarnation"]) == 32
    for interface in params["interfaces"]:
        assert set(interface) == {"name", "mac", "up", "addresses"}


def test_one_link_to_each_region_and_the_list_is_kept(make_region, make_rackd):
    first, second, third = (make_region(f"region{i}") for i in (1, 2, 3))
    everybody = [region.entry() for region in (first, second, third)]
    for region in (first, second, third):
        region.regions = everybody
    rackd = make_rackd(first)
    for region in (first, second, third):
        wait_for(f"hello at {region.name}", lambda region=region: region.link)
    wait_for("the list on disk",
             lambda: len(json.loads((rackd.data / "regions.json").read_text())["regions"]) == 3)
    for region in (first, second):
        region.regions = everybody[:2]
    first.links[0].close()  # at the next hello the third is no more
    wait_for("the third to be left", lambda: not third.link)


def test_reset_is_dialled_again_at_once(make_region, make_rackd):
    region = make_region()
    make_rackd(region)
    wait_for("hello", lambda: region.link)
    region.links[0].close()
    start = time.monotonic()
    wait_for("the second link", lambda: len(region.links) == 2 and region.link)
    assert time.monotonic() - start < 1.5


def test_silence_is_death(make_region, make_rackd):
    region = make_region()
    rackd = make_rackd(region)
    wait_for("hello", lambda: region.link)
    start = time.monotonic()
    region.silent = True
    wait_for("the link to be given up", lambda: not region.links[0].open, 8)
    assert 2.5 < time.monotonic() - start < 5
    region.silent = False
    wait_for("another link", lambda: region.link)
    assert "silent for" in rackd.text()


def test_no_join_files(make_rackd):
    rackd = make_rackd(join=False)
    assert rackd.process.wait(10) == 4
    assert "gantry cluster join TOKEN" in rackd.text()


def test_not_started_by_fenced(tmp_path):
    (tmp_path / "rackd.conf").touch()
    result = subprocess.run([BUILD / "gantry-rackd", "--config", tmp_path / "rackd.conf"], stdin=subprocess.DEVNULL,
                            capture_output=True, text=True, check=False)
    assert result.returncode == 6 and "is started by gantry-fenced" in result.stderr


def test_refused_certificate(make_region, make_rackd, tmp_path):
    stranger = Region(Authority(tmp_path / "other"), "region1")
    rackd = make_rackd(stranger)
    wait_for("the refusal", lambda: "its certificate: " in rackd.text())
    assert rackd.process.poll() is None  # it goes on with what it knows
    stranger.close()


def test_refused_hello(make_region, make_rackd):
    def refuse(_):
        raise Refusal("not allowed", "rack1 is not a rack of this cluster")
    region = make_region()
    region.answers["hello"] = refuse
    rackd = make_rackd(region)
    wait_for("the reason", lambda: "rack1 is not a rack of this cluster; was this rack removed" in rackd.text())
    time.sleep(1)
    assert rackd.text().count("warning") == 1  # said once, not at each attempt
    del region.answers["hello"]
    wait_for("hello", lambda: "linked, 127.0.0.1" in rackd.text())


def test_no_region_reachable(make_region, make_rackd):
    region = make_region()
    region.close()
    rackd = make_rackd(region)
    wait_for("the reason", lambda: "connection refused" in rackd.text())
    assert rackd.process.poll() is None


def test_damaged_list_of_regions(make_region, make_rackd, authority, tmp_path):
    region = make_region()
    rackd = make_rackd(region)
    wait_for("hello", lambda: region.link)
    rackd.close()
    (rackd.data / "regions.json").write_text('{"name": "rack1", "system_id": "x", "regions": [{"name": 1}]}')
    rackd.start()
    assert rackd.process.wait(10) == 1
    assert "remove the folder and join again" in rackd.text()


def test_ends_with_fenced_and_on_sigterm(make_region, make_rackd):
    region = make_region()
    rackd = make_rackd(region)
    wait_for("hello", lambda: region.link)
    assert rackd.stop() == 0
    rackd.start()
    wait_for("hello", lambda: region.link)
    rackd.fence.close()
    assert rackd.process.wait(5) == 6
    assert "gantry-fenced is gone" in rackd.text()


def test_paused_rack_comes_back(make_region, make_rackd):
    region = make_region()
    rackd = make_rackd(region)
    wait_for("hello", lambda: region.link)
    os.kill(rackd.process.pid, signal.SIGSTOP)
    time.sleep(1)
    region.links[0].close()
    os.kill(rackd.process.pid, signal.SIGCONT)
    wait_for("another link", lambda: len(region.links) > 1 and region.link)


def test_configuration_is_checked(tmp_path):
    def run(*argv, **environment):
        return subprocess.run([BUILD / "gantry-rackd", *argv], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, check=False, env={**os.environ, **environment})
    config = tmp_path / "rackd.conf"
    config.write_text("[rack]\nname = rack1\ncolour = red\n")
    result = run("--check", "--config", config)
    assert result.returncode == 2 and f"{config}:3" in result.stderr and "colour" in result.stderr
    config.write_text("[provision]\ninterfaces = eth1, eth2,eth1\n")
    result = run("--check", "--config", config)
    assert result.returncode == 2 and "named twice" in result.stderr
    assert run("--check", "--config", config, "--set", "provision.interfaces=eth1").returncode == 0
    assert run("--check", "--config", config, GANTRY_PROVISION_INTERFACES="eth1").returncode == 0
    assert "interfaces" in run("--help-config").stdout
    assert run("--version").stdout.startswith("gantry-rackd ")
    assert run("--nonsense").returncode == 2
