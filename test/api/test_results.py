"""Results of scripts: runs of a node, told to ignore, downloaded, deleted."""
import base64
import io
import tarfile

import pytest
from test_machines import make

SET_KEYS = {"id", "system_id", "type", "type_name", "last_ping", "status", "status_name", "started", "ended", "runtime",
            "suppressed", "resource_uri", "results"}
RESULT_KEYS = {"id", "created", "updated", "name", "status", "status_name", "exit_status", "started", "ended", "runtime",
               "starttime", "endtime", "estimated_runtime", "parameters", "script_id", "script_revision_id", "suppressed"}


@pytest.fixture(name="machine", scope="module")
def make_machine(api):
    """A machine with a commissioning run: one script passed, one failed."""
    system_id = make(api.admin)["system_id"]
    api.sql(f"""
        WITH n AS (SELECT id FROM node WHERE system_id = '{system_id}'),
             s AS (INSERT INTO script_set (node_id, type, last_ping) SELECT id, 0, now() FROM n RETURNING id, node_id),
             r AS (INSERT INTO script_result (script_set_id, name, status, exit_status, started, ended, output, stdout, stderr,
                       script_id, parameters)
                   SELECT s.id, v.name, v.status, v.code, now() - interval '65 s', now(), v.output, v.output, 'no'::bytea,
                       (SELECT p.id FROM script p WHERE p.name = v.name), v.parameters
                   FROM s, (VALUES ('maas-lshw', 2, 0, '<xml/>'::bytea, '{{}}'::jsonb),
                       ('mine', 3, 1, 'broken'::bytea, '{{"key": {{"type": "password", "value": "s3cret"}}}}'::jsonb))
                       AS v (name, status, code, output, parameters))
        UPDATE node SET commissioning_set_id = s.id FROM s WHERE node.id = s.node_id""")
    return system_id


def test_runs(api, machine):
    runs = api.admin.get(f"nodes/{machine}/results/").json()
    assert len(runs) == 1 and set(runs[0]) == SET_KEYS
    run = runs[0]
    assert (run["type"], run["type_name"], run["status"], run["status_name"]) == (0, "Commissioning", 3, "Failed")
    assert run["runtime"] == "0:01:05" and run["suppressed"] is False and run["started"].endswith(" -0000")
    assert [result["name"] for result in run["results"]] == ["maas-lshw", "mine"]
    lshw, mine = run["results"]
    assert set(lshw) == RESULT_KEYS and lshw["script_id"] and lshw["runtime"] == "0:01:05" and lshw["exit_status"] == 0
    assert mine["parameters"] == {"key": {"type": "password", "value": "REDACTED"}} and mine["script_id"] is None
    assert "s3cret" not in api.admin.get(f"nodes/{machine}/results/").text
    for name in ("current-commissioning", str(run["id"])):
        assert api.admin.get(f"nodes/{machine}/results/{name}/").json() == run
    whole = api.admin.get(f"nodes/{machine}/results/{run['id']}/", include_output="1").json()["results"][1]
    assert base64.b64decode(whole["output"]) == b"broken" and base64.b64decode(whole["stderr"]) == b"no"
    assert whole["result"] == ""
    assert api.admin.get(f"nodes/{machine}/results/", type="testing").json() == []
    only = api.admin.get(f"nodes/{machine}/results/current-commissioning/", filters="mine").json()["results"]
    assert [result["name"] for result in only] == ["mine"]
    assert api.admin.get(f"nodes/{machine}/results/", hardware_type="gpu").json()[0]["results"] == []


def test_who_is_not_there(api, machine):
    for path in (f"nodes/{machine}/results/current-testing/", f"nodes/{machine}/results/999999/",
                 f"nodes/{machine}/results/1x/", "nodes/nobody/results/"):
        assert api.admin.get(path).status == 404, path
    assert api.admin.get(f"nodes/{machine}/results/", type="cooking").status == 400


def test_ignored_failures(api, machine):
    uri = f"nodes/{machine}/results/current-commissioning/"
    assert api.user("results-plain").put(uri, suppressed="1").status == 403
    changed = api.admin.put(uri, suppressed="1", filters="mine").json()
    assert [result["suppressed"] for result in api.admin.get(uri).json()["results"]] == [False, True]
    assert changed["results"][0]["suppressed"] is True
    assert api.admin.get(uri).json()["status_name"] == "Passed"
    api.admin.put(uri, suppressed="0")
    assert api.admin.get(uri).json()["status_name"] == "Failed"
    assert api.admin.put(uri).status == 400


def test_download(api, machine):
    uri = f"nodes/{machine}/results/current-commissioning/?op=download"
    assert api.admin.get(uri).body == b"----- maas-lshw -----\n<xml/>\n----- mine -----\nbroken"
    assert api.admin.get(uri, output="stderr", filters="mine").body == b"----- mine.err -----\nno"
    reply = api.admin.get(uri, output="all", filetype="tar.xz")
    assert reply.headers["Content-Type"] == "application/x-tar"
    with tarfile.open(fileobj=io.BytesIO(reply.body), mode="r:xz") as archive:
        names = [name.split("/", 1)[1] for name in archive.getnames()]
        assert names == ["maas-lshw", "maas-lshw.out", "maas-lshw.err", "mine", "mine.out", "mine.err"]
        assert archive.extractfile(archive.getmembers()[3]).read() == b"broken"
    assert api.admin.get(uri, output="loud").status == 400
    assert api.admin.get(uri, filetype="zip").status == 400


def test_delete(api, machine):
    uri = f"nodes/{machine}/results/current-commissioning/"
    assert api.user("results-poor").delete(uri).status == 403
    assert api.admin.delete(uri).status == 204
    assert api.admin.delete(uri).status == 404
    assert api.admin.get(f"nodes/{machine}/results/").json() == []


SUMS = ("commissioning", "testing", "cpu_test", "memory_test", "network_test", "storage_test", "interface_test", "other_test")


def sums(api, system_id):
    """{"memory_test": "Passed"}: of those that ran; the number and the name of each agree."""
    names = {-1: "Unknown", 0: "Pending", 1: "Running", 2: "Passed", 3: "Failed"}
    machine = api.admin.get(f"machines/{system_id}/").json()
    listed = api.admin.get("machines/", id=system_id).json()
    assert listed == [machine]
    for word in SUMS:
        assert names[machine[word + "_status"]] == machine[word + "_status_name"]
    return {word: machine[word + "_status_name"] for word in SUMS if machine[word + "_status"] != -1}


def add_run(api, system_id, kind, *results):
    """A run with results (script, instance, status), and the node's mark on it."""
    column = {0: "commissioning_set_id", 2: "testing_set_id"}[kind]
    values = ", ".join(f"('{name}', '{instance}', {status})" for name, instance, status in results)
    return int(api.sql(f"""
        WITH s AS (INSERT INTO script_set (node_id, type) SELECT id, {kind} FROM node WHERE system_id = '{system_id}' RETURNING id, node_id),
             r AS (INSERT INTO script_result (script_set_id, name, instance, status, script_id) SELECT s.id, v.name, v.instance, v.status,
                   (SELECT p.id FROM script p WHERE p.name = v.name) FROM s, (VALUES {values}) AS v (name, instance, status))
        UPDATE node SET {column} = s.id FROM s WHERE node.id = s.node_id RETURNING s.id"""))


def test_the_machine_says_how_its_scripts_ended(api):
    one, other = make(api.admin)["system_id"], make(api.admin)["system_id"]
    assert sums(api, one) == {}
    add_run(api, one, 0, ("maas-lshw", "", 3))
    add_run(api, one, 0, ("50-maas-01-commissioning", "", 2))  # of commissioning the last run counts
    assert sums(api, one) == {"commissioning": "Passed"}
    add_run(api, one, 2, ("memtester", "", 3), ("smartctl-validate", "sda", 2), ("smartctl-validate", "sdb", 3), ("gateway-connectivity", "", 2))
    assert sums(api, one) == {"commissioning": "Passed", "testing": "Failed", "memory_test": "Failed", "storage_test": "Failed",
                              "network_test": "Passed"}
    # of a test that was run again the newer result, of the others the one there was
    last = add_run(api, one, 2, ("memtester", "", 2), ("smartctl-validate", "sdb", 2), ("gateway-connectivity", "eth0", 1), ("mine", "", 2))
    assert sums(api, one) == {"commissioning": "Passed", "testing": "Running", "memory_test": "Passed", "storage_test": "Passed",
                              "network_test": "Running", "interface_test": "Running", "other_test": "Passed"}
    assert api.admin.get(f"machines/{one}/").json()["current_testing_result_id"] == last
    assert sums(api, other) == {}
    api.sql(f"UPDATE script_result SET status = 3 WHERE script_set_id = {last} AND name = 'memtester'")
    assert sums(api, one)["memory_test"] == "Failed"
    api.admin.put(f"nodes/{one}/results/current-testing/", suppressed="1", filters="memtester")
    assert sums(api, one)["memory_test"] == "Passed"
