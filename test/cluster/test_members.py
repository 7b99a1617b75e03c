"""Who is a member: two that join at the same instant, a join while the primary dies, a removal of one that is away."""
import json
import os
import shutil
import subprocess

import pytest

from lab import ROOT, lab as make_lab, wait_for

NAMES = ["region1", "region2", "region3"]


@pytest.fixture(name="lab", scope="module")
def make_three():
    with make_lab("gtm", "--regions", "3", "--racks", "0", "--machines", "0", "--no-images") as lab:
        yield lab


def by_name(status):
    return {member["name"]: member for member in status["members"]}


def whole(lab, names, timeout_s=90):
    """They are the members, and each has its votes and its place."""
    def look():
        for name in names:
            status = lab.status(name)
            if not status or status["verdict"] != "healthy" or sorted(by_name(status)) != sorted(names):
                return None
            if not all(m["raft_voter"] and m["data_voter"] and not m["leaving"] for m in status["members"]):
                return None
        return status
    return wait_for(f"{', '.join(names)} as one cluster", look, timeout_s, 0.3)


def token_of(lab, asked):
    return json.loads(lab.gantry("--json", "cluster", "token", "create", "--role", "region", host=asked).stdout)["token"]


def begin_join(lab, name, asked):
    path = lab.folder / name / "token"
    path.touch(0o600)
    path.write_text(token_of(lab, asked))
    argv = [ROOT / "scripts" / "lab", "exec", "--name", lab.name, name, "--", "gantry", "cluster", "join", f"@{path}", "--config",
            str(lab.folder / name / "regiond.conf")]
    return subprocess.Popen(argv, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def remove(lab, name, asked):
    lab.gantry("cluster", "remove", name, host=asked)
    wait_for(f"{name} to be gone", lambda: (s := lab.status(asked)) and name not in by_name(s), 20)


def switch_to(lab, name):
    if lab.status(name)["primary"]["name"] != name:
        lab.gantry("primary", "switchover", "--to", name, host=name)
        wait_for("the switchover", lambda: (lab.status(name) or {})["primary"]["name"] == name, 20)


def test_two_join_at_the_same_instant(lab):
    whole(lab, NAMES)
    switch_to(lab, "region1")
    whole(lab, NAMES)
    remove(lab, "region3", "region1")
    whole(lab, NAMES[:2])
    remove(lab, "region2", "region1")
    whole(lab, NAMES[:1])
    for name in NAMES[1:]:
        lab.wipe(name)
    joins = [begin_join(lab, name, "region1") for name in NAMES[1:]]
    for join in joins:
        text, _ = join.communicate(timeout=60)
        assert join.returncode == 0, text
    status = whole(lab, NAMES)
    assert sorted(member["id"] for member in status["members"]) == [1, 4, 5]


def test_a_join_while_the_primary_dies(lab):
    whole(lab, NAMES)
    switch_to(lab, "region1")
    whole(lab, NAMES)
    remove(lab, "region3", "region1")
    lab.wipe("region3")
    whole(lab, NAMES[:2])
    epoch = lab.status("region1")["primary"]["epoch"]
    join = begin_join(lab, "region3", "region1")
    lab.run("kill", "region1", "--process", "postgres")
    text, _ = join.communicate(timeout=60)
    assert join.returncode == 0, text  # it needs no database
    status = whole(lab, NAMES)
    assert status["primary"]["epoch"] > epoch


def curl_hop(lab, credentials, address):
    return lab.http(f"https://{address}:5252/MAAS/api/2.0/version/", "-k", "--cert", credentials / "region.pem", "--key",
                    credentials / "region.key")[0]


def dial_postgres(lab, credentials, address):
    conninfo = (f"host={address} port=5253 user=api dbname=gantry sslmode=verify-ca sslrootcert={credentials}/ca.pem "
                f"sslcert={credentials}/region.pem sslkey={credentials}/region.key connect_timeout=3")
    return lab.run("exec", "client", "--", "psql", "-Atc", "SELECT 1", conninfo, check=False)


def keep_credentials(lab, name, folder):
    for path in ("tls/region.pem", "tls/region.key", "ca/ca.pem"):
        shutil.copy(os.path.join(lab.host(name)["data_dir"], path), folder)
        os.chmod(folder / os.path.basename(path), 0o600)
    return folder


def test_removed_while_it_was_away(lab, tmp_path):
    """Told so when it is back, it neither votes nor serves; its certificate opens no port, also when its name is there again."""
    whole(lab, NAMES)
    switch_to(lab, "region1")
    whole(lab, NAMES)
    credentials = keep_credentials(lab, "region3", tmp_path)
    primary = lab.host("region1")["address"]
    assert curl_hop(lab, credentials, primary) == 200
    assert dial_postgres(lab, credentials, primary).returncode == 0
    lab.run("kill", "region3")
    wait_for("it to be missed", lambda: not by_name(lab.status("region1"))["region3"]["reachable"], 20)
    remove(lab, "region3", "region2")
    lab.run("start", "region3")
    status = wait_for("it to be told", lambda: (s := lab.status("region3")) and s["verdict"] == "removed" and s, 30)
    assert "empty its data_dir" in status["advice"]
    assert not lab.pids("postgres", "region3") and not lab.pids("haproxy", "region3")
    whole(lab, NAMES[:2])
    wait_for("the hop port to refuse it", lambda: curl_hop(lab, credentials, primary) == 0, 10)
    assert dial_postgres(lab, credentials, primary).returncode != 0
    refused = lab.gantry("cluster", "token", "create", "--role", "rack", host="region3", check=False)
    assert refused.returncode == 6 and "no cluster here" in refused.stderr

    lab.wipe("region3")
    join = begin_join(lab, "region3", "region2")
    text, _ = join.communicate(timeout=60)
    assert join.returncode == 0, text
    whole(lab, NAMES)
    assert curl_hop(lab, credentials, primary) == 0
    refused = dial_postgres(lab, credentials, primary)
    assert refused.returncode != 0 and "revoked" in refused.stderr
    (tmp_path / "new").mkdir()
    fresh = keep_credentials(lab, "region3", tmp_path / "new")
    assert curl_hop(lab, fresh, primary) == 200
    assert dial_postgres(lab, fresh, primary).returncode == 0


def test_without_a_quorum_nobody_joins_or_leaves(lab):
    whole(lab, NAMES)
    for name in NAMES[1:]:
        lab.run("kill", name)
    wait_for("the loss to be seen", lambda: (lab.status("region1") or {}).get("verdict") == "no-quorum", 20)
    for words, text in ((("token", "create", "--role", "region"), "quorum"), (("remove", "region3"), "no quorum")):
        refused = lab.gantry("--json", "cluster", *words, check=False)
        assert refused.returncode == 6 and text in refused.stderr, refused
        assert refused.stdout == ""
    for name in NAMES[1:]:
        lab.run("start", name)
    whole(lab, NAMES)
