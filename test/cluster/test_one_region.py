"""One region loses its programs, one by one and all at once: it comes back, and nothing acknowledged is lost."""
import pytest

from lab import wait_for


def healthy(lab):
    wait_for("a healthy cluster", lambda: (lab.status() or {}).get("verdict") == "healthy", 40)
    return lab.status()["primary"]["epoch"]


@pytest.mark.parametrize("process, new_epoch, most_s", [
    ("postgres", True, 8), ("regiond", True, 12), ("haproxy", False, 8)])
def test_a_killed_program_comes_back(lab, writer, process, new_epoch, most_s):
    before, old = healthy(lab), set(lab.pids(process))
    lab.run("kill", "region1", "--process", process)
    wait_for(f"another {process}", lambda: (now := set(lab.pids(process))) and not now & old)
    writer.goes_on(20)
    assert (healthy(lab) > before) == new_epoch
    assert writer.longest_gap_s() < most_s
    writer.check_nothing_lost()


@pytest.mark.parametrize("process", ["fenced", "all"])
def test_what_was_killed_with_its_parent_is_started_again(lab, writer, process):
    before = healthy(lab)
    lab.run("kill", "region1", "--process", process)
    wait_for("the end of PostgreSQL", lambda: not lab.pids("postgres"), 5)
    wait_for("the end of regiond", lambda: not lab.pids("regiond"), 5)
    lab.run("start", "region1")
    writer.goes_on(20)
    assert healthy(lab) > before
    writer.check_nothing_lost()


def test_a_stopped_regiond_loses_database_and_address(lab, writer):
    before = healthy(lab)
    lab.run("stop", "region1", "--process", "regiond")
    wait_for("the end of PostgreSQL: nobody renews its lease", lambda: not lab.pids("postgres"), 5)
    assert "10.89.0.100" not in lab.run("exec", "region1", "--", "ip", "-4", "addr").stdout
    lab.run("cont", "region1", "--process", "regiond")
    writer.goes_on(20)
    assert healthy(lab) > before
    writer.check_nothing_lost()


def test_an_orderly_stop_and_start(lab, writer):
    before = healthy(lab)
    fenced = lab.pids("fenced")[0]
    lab.run("exec", "region1", "--", "kill", fenced)
    wait_for("an empty host", lambda: not any(lab.pids(p) for p in ("fenced", "regiond", "postgres", "haproxy")), 20)
    lab.run("start", "region1")
    writer.goes_on(20)
    assert healthy(lab) > before
    writer.check_nothing_lost()


def test_the_endpoint_speaks_tls_with_the_clusters_certificate(lab):
    status, text = lab.http("https://10.89.0.100:5443/MAAS/api/2.0/version/", "--cacert", lab.facts["ca_file"])
    assert status == 200 and '"version":"3.4' in text
    assert lab.http("https://10.89.0.100:5443/MAAS/api/2.0/version/")[0] == 0  # not known to the system's CAs


def test_health_answers_from_elsewhere(lab):
    healthy(lab)
    for path, expected in (("livez", 200), ("readyz", 200), ("leader", 200), ("primary", 200), ("replica", 503), ("other", 404)):
        assert lab.http(f"http://10.89.0.11:5239/{path}")[0] == expected, path
    status, text = lab.http("http://10.89.0.11:5239/metrics")
    assert status == 200 and "gantry_ready 1" in text and "gantry_primary 1" in text
