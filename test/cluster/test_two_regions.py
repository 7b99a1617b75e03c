"""Two regions, of which one loses its database: writes wait, everything says so, and the command that it names helps."""
import json
import pathlib

import pytest

from lab import lab as make_lab, wait_for


@pytest.fixture(name="lab", scope="module")
def make_two():
    with make_lab("gt2", "--regions", "2", "--racks", "0", "--machines", "0", "--no-images") as lab:
        yield lab


def healthy(lab, timeout_s=60):
    return wait_for("a healthy cluster", lambda: (s := lab.status()) and s["verdict"] == "healthy" and s, timeout_s)


def gauge(lab, name):
    _, text = lab.http(f"http://{lab.host('region1')['address']}:5239/metrics")
    return next((line.split()[1] for line in text.splitlines() if line.startswith(f"gantry_{name} ")), None)


def can_write(lab, name):
    return lab.gantry("tag", "create", f"name={name}", host="client", check=False, timeout=90).returncode == 0


def test_one_loses_its_database(lab):
    status = healthy(lab)
    assert not status["primary"]["writes_wait"] and gauge(lab, "writes_wait") == "0"
    if status["primary"]["name"] != "region1":
        lab.gantry("primary", "switchover", "--to", "region1")
        wait_for("the switchover", lambda: healthy(lab)["primary"]["name"] == "region1")
    data = pathlib.Path(lab.host("region2")["data_dir"])
    (data / "pg").rename(data / "pg.lost")
    lab.run("kill", "region2", "--process", "postgres", check=False)  # it may have noticed, and stopped
    for name in ("region1", "region2"):
        told = wait_for("it to be told", lambda n=name: (s := lab.status(n)) and "lost its database" in s["advice"] and s, 30)
        assert told["verdict"] == "degraded" and told["primary"]["writes_wait"]
        assert "`gantry cluster remove region2` on another region" in told["advice"]
    assert "lost its database" in lab.gantry("status").stdout
    wait_for("the metric", lambda: gauge(lab, "writes_wait") == "1", 5)
    lab.gantry("cluster", "remove", "region2")
    wait_for("one region", lambda: (s := lab.status()) and len(s["members"]) == 1 and not s["primary"]["writes_wait"], 20)
    assert can_write(lab, "after")
    join_again(lab, "region2")
    assert len(healthy(lab, 90)["members"]) == 2 and can_write(lab, "whole")


def join_again(lab, name):
    lab.wipe(name)
    token = json.loads(lab.gantry("--json", "cluster", "token", "create", "--role", "region").stdout)["token"]
    lab.gantry("cluster", "join", "-", "--config", lab.folder / name / "regiond.conf", host=name, stdin=token)
