"""The life of a machine through the API: who may do what in which status, what the machine's own word moves, what is left of an owner,
and limits. Nothing here has a BMC: machines are switched by hand, or no rack is there to switch them."""
import base64
import concurrent.futures
import json
import time

import pytest

from conftest import Api, Client, make_images
from test_machines import make

NEW, COMMISSIONING, FAILED_COMMISSIONING, READY, DEPLOYED, BROKEN, DEPLOYING = 0, 1, 2, 4, 6, 8, 9
ALLOCATED, FAILED_DEPLOYMENT, RELEASING, DISK_ERASING, RESCUE_MODE, ENTERING, EXITING, TESTING, FAILED_TESTING = 10, 11, 12, 14, 16, 17, 19, 21, 22


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    """With the worker that carries out operations and looks at time limits, and an image to deploy."""
    program = Api(GANTRY_WORKER="1", GANTRY_IMAGES=make_images(tmp_path_factory.mktemp("images")))
    for name, value in (("default_osystem", "debian"), ("default_distro_series", "bookworm")):
        assert program.admin.post("maas/?op=set_config", name=name, value=value).status == 200
    yield program
    program.close()


def manual(api, **params):
    return make(api.admin, power_type="manual", **params)


def op(client, machine, name, **params):
    return client.post(f"machines/{machine['system_id']}/?op={name}", **params)


def read(api, machine):
    return api.admin.get(f"machines/{machine['system_id']}/").json()


def status(api, machine):
    return read(api, machine)["status"]


def speaker(api, machine):
    """The machine itself, with its key as it is now."""
    token = api.admin.get(f"machines/{machine['system_id']}/?op=get_token").json()
    return Client(api.path, ":".join(token[part] for part in ("consumer_key", "token_key", "token_secret")))


def signal(api, machine, word, **params):
    reply = speaker(api, machine).post("/MAAS/metadata/2012-03-01/", op="signal", status=word, **params)
    assert reply.status == 200, reply.text


def milestone(api, machine, name, result="SUCCESS", event_type="finish"):
    body = json.dumps({"event_type": event_type, "origin": "cloudinit", "name": name, "description": "...", "result": result})
    reply = speaker(api, machine).request("POST", f"/MAAS/metadata/status/{machine['system_id']}", body, {"Content-Type": "application/json"})
    assert reply.status == 204, reply.text


def ready(api, **params):
    machine = manual(api, **params)
    assert op(api.admin, machine, "commission").json()["status"] == COMMISSIONING
    signal(api, machine, "OK")
    assert status(api, machine) == READY
    return machine


def events(api, machine):
    found = api.admin.get("events/?op=query", id=machine["system_id"], level="DEBUG").json()["events"]
    return [(event["type"], event["description"]) for event in found]


def test_the_whole_life(api):
    plain = api.user("life-plain")
    machine = manual(api)
    key = speaker(api, machine).key
    assert op(api.admin, machine, "commission", enable_ssh=0, skip_storage=1).json()["status_name"] == "Commissioning"
    assert speaker(api, machine).key != key  # the one before lets nobody in
    assert Client(api.path, key).post("/MAAS/metadata/2012-03-01/", op="signal", status="OK").status == 401
    signal(api, machine, "WORKING")
    signal(api, machine, "OK", error="")
    signal(api, machine, "OK")  # a repeat is harmless
    assert status(api, machine) == READY

    taken = plain.post("machines/?op=allocate", system_id=machine["system_id"], agent_name="juju").json()
    assert (taken["status"], taken["owner"], taken["constraints_by_type"]) == (ALLOCATED, "life-plain", {})
    assert [one["system_id"] for one in plain.get("machines/?op=list_allocated").json()] == [machine["system_id"]]
    data = base64.b64encode(b"#cloud-config\n{}\n").decode()
    deploying = op(plain, machine, "deploy", distro_series="debian/bookworm", user_data=data).json()
    assert (deploying["status"], deploying["osystem"], deploying["distro_series"], deploying["netboot"]) == \
        (DEPLOYING, "debian", "bookworm", True)
    assert api.sql(f"SELECT convert_from(user_data, 'UTF8'), agent_name FROM node WHERE system_id = '{machine['system_id']}'") == \
        "#cloud-config\n{}\n|juju"
    milestone(api, machine, "cmd-install/stage-extract", event_type="start")
    assert read(api, machine)["status_message"] == "Installing OS"
    assert read(api, machine)["status_action"] == "cmd-install/stage-extract"
    body = json.dumps({"event_type": "finish", "origin": "curtin", "name": "cmd-install", "description": "installing", "result": "SUCCESS",
                       "files": [{"path": "/tmp/install.log", "encoding": "base64", "content": base64.b64encode(b"all well").decode()}]})
    assert speaker(api, machine).request("POST", f"/MAAS/metadata/status/{machine['system_id']}", body,
                                         {"Content-Type": "application/json"}).status == 204
    assert api.sql(f"SELECT convert_from(r.output, 'UTF8') FROM script_result r JOIN node n ON n.installation_set_id = r.script_set_id "
                   f"WHERE r.name = '/tmp/install.log' AND n.system_id = '{machine['system_id']}'") == "all well"
    milestone(api, machine, "init-network")
    assert status(api, machine) == DEPLOYING
    milestone(api, machine, "modules-final")
    deployed = read(api, machine)
    assert (deployed["status"], deployed["netboot"], deployed["status_action"]) == (DEPLOYED, False, "")
    assert deployed["current_installation_result_id"]

    key = speaker(api, machine).key
    released = op(plain, machine, "release", comment="done").json()
    assert (released["status"], released["owner"], released["osystem"], released["netboot"]) == (READY, None, "", True)
    assert Client(api.path, key).get("/MAAS/metadata/2012-03-01/meta-data/instance-id").status == 401
    assert api.sql(f"SELECT user_data IS NULL, agent_name = '' FROM node WHERE system_id = '{machine['system_id']}'") == "t|t"
    told = [text for kind, text in events(api, machine) if kind == "Node changed status"]
    assert told[:6] == ["From 'Releasing' to 'Ready'", "From 'Deployed' to 'Releasing'", "From 'Deploying' to 'Deployed'",
                        "From 'Allocated' to 'Deploying'", "From 'Ready' to 'Allocated'", "From 'Commissioning' to 'Ready'"]
    assert ("User releasing node", "done") in events(api, machine)
    assert op(plain, machine, "release").status == 403  # not theirs any more


def test_what_fails(api):
    machine = manual(api)
    op(api.admin, machine, "commission")
    signal(api, machine, "FAILED", error="no disk")
    failed = read(api, machine)
    assert (failed["status"], failed["error_description"]) == (FAILED_COMMISSIONING, "no disk")
    op(api.admin, machine, "commission")
    signal(api, machine, "WORKING", name="50-mine", exit_status=3)
    signal(api, machine, "OK")  # but one of its scripts did not pass
    assert status(api, machine) == FAILED_COMMISSIONING
    op(api.admin, machine, "commission")
    signal(api, machine, "TESTING")
    assert status(api, machine) == TESTING
    signal(api, machine, "FAILED")
    assert status(api, machine) == FAILED_TESTING
    assert op(api.admin, machine, "override_failed_testing").json()["status"] == READY
    assert op(api.admin, machine, "deploy").json()["status"] == DEPLOYING
    milestone(api, machine, "modules-config", "FAIL")
    failed = read(api, machine)
    assert failed["status"] == FAILED_DEPLOYMENT and failed["error_description"].startswith("modules-config")
    assert op(api.admin, machine, "release").json()["status"] == READY


def test_testing_comes_back(api):
    machine = ready(api)
    assert op(api.admin, machine, "test").json()["status"] == TESTING
    signal(api, machine, "OK")
    assert status(api, machine) == READY
    op(api.admin, machine, "deploy")
    milestone(api, machine, "modules-final")
    assert op(api.admin, machine, "test").json()["netboot"] is True
    signal(api, machine, "OK")
    assert (status(api, machine), read(api, machine)["netboot"]) == (DEPLOYED, False)


def test_abort(api):
    machine = ready(api)
    assert op(api.admin, machine, "abort").status == 409
    op(api.admin, machine, "deploy")
    assert op(api.admin, machine, "abort", comment="stop").json()["status"] == ALLOCATED
    assert ("User aborting what is under way", "stop") in events(api, machine)
    op(api.admin, machine, "release", erase="true")
    assert status(api, machine) == DISK_ERASING
    assert op(api.admin, machine, "abort").json()["status_name"] == "Failed disk erasing"
    op(api.admin, machine, "release", erase="true", quick_erase="true")
    assert json.loads(api.sql(f"SELECT erase_options FROM node WHERE system_id = '{machine['system_id']}'")) == \
        {"secure_erase": True, "quick_erase": True}
    milestone(api, machine, "modules-final")
    assert status(api, machine) == READY
    fresh = manual(api)
    op(api.admin, fresh, "commission")
    assert op(api.admin, fresh, "abort").json()["status"] == NEW
    assert api.sql(f"SELECT string_agg(DISTINCT r.status::text, ' ') FROM script_result r JOIN node n ON n.commissioning_set_id = "
                   f"r.script_set_id WHERE n.system_id = '{fresh['system_id']}'") == "5"  # Aborted


def test_rescue(api):
    machine = ready(api)
    op(api.admin, machine, "deploy")
    milestone(api, machine, "modules-final")
    assert op(api.admin, machine, "rescue_mode").json()["status"] == ENTERING
    signal(api, machine, "OK")
    assert status(api, machine) == RESCUE_MODE
    assert op(api.admin, machine, "rescue_mode").status == 409
    assert op(api.admin, machine, "exit_rescue_mode").json()["status"] == DEPLOYED
    assert op(api.admin, machine, "exit_rescue_mode").status == 409


def test_broken_and_fixed(api):
    plain = api.user("life-broken")
    machine = ready(api)
    assert op(plain, machine, "mark_broken").status == 403
    plain.post("machines/?op=allocate", system_id=machine["system_id"])
    broken = op(plain, machine, "mark_broken", comment="smells").json()
    assert (broken["status"], broken["owner"], broken["error_description"]) == (BROKEN, None, "smells")
    reply = op(api.admin, machine, "power_on")
    assert reply.status == 409 and "not allocated" in reply.text  # nobody has it
    assert op(plain, machine, "mark_fixed").status == 403
    assert op(api.admin, machine, "mark_fixed").json()["status"] == READY
    fresh = manual(api)
    op(api.admin, fresh, "mark_broken")
    assert op(api.admin, fresh, "mark_fixed").json()["status"] == NEW


def deployed(api):
    machine = ready(api)
    op(api.admin, machine, "deploy")
    milestone(api, machine, "modules-final")
    assert status(api, machine) == DEPLOYED
    return machine


def failed_test(api, machine):
    op(api.admin, machine, "test")
    signal(api, machine, "FAILED")
    assert status(api, machine) == FAILED_TESTING


def test_what_happens_in_between_is_not_what_it_was(api):
    """Its owner's system is on it all the time: it must neither be lost nor be Ready with an owner."""
    machine = deployed(api)
    op(api.admin, machine, "mark_broken")
    op(api.admin, machine, "test")
    signal(api, machine, "OK")
    assert status(api, machine) == BROKEN
    fixed = op(api.admin, machine, "mark_fixed").json()
    assert (fixed["status"], fixed["owner"], fixed["netboot"]) == (DEPLOYED, "admin", False)

    failed_test(api, machine)
    op(api.admin, machine, "rescue_mode")
    signal(api, machine, "OK")
    assert op(api.admin, machine, "exit_rescue_mode").json()["status"] == FAILED_TESTING
    assert op(api.admin, machine, "override_failed_testing").json()["status"] == DEPLOYED

    failed_test(api, machine)
    op(api.admin, machine, "test")
    assert op(api.admin, machine, "abort").json()["status"] == FAILED_TESTING
    op(api.admin, machine, "test")
    signal(api, machine, "OK")
    assert status(api, machine) == DEPLOYED

    op(api.admin, machine, "release", erase="true")
    assert op(api.admin, machine, "abort").json()["status_name"] == "Failed disk erasing"
    failed_test(api, machine)
    assert op(api.admin, machine, "override_failed_testing").json()["status"] == ALLOCATED  # nobody knows what is left of it


def test_tests_that_pass_at_last(api):
    machine = ready(api)
    failed_test(api, machine)
    op(api.admin, machine, "test")
    signal(api, machine, "OK")
    assert status(api, machine) == READY
    fresh = manual(api)
    failed_test(api, fresh)
    op(api.admin, fresh, "test")
    signal(api, fresh, "OK")
    assert status(api, fresh) == NEW  # its hardware is not known
    op(api.admin, fresh, "commission")
    signal(api, fresh, "TESTING")
    signal(api, fresh, "FAILED")
    op(api.admin, fresh, "test")
    signal(api, fresh, "OK")
    assert status(api, fresh) == READY


def test_who_had_it_when_it_is_commissioned(api):
    plain = api.user("life-commissioned")
    machine = deployed(api)
    op(api.admin, machine, "set_workload_annotations", role="db")
    op(api.admin, machine, "mark_broken")
    assert op(api.admin, machine, "commission").json()["status"] == COMMISSIONING
    signal(api, machine, "OK")
    seen = read(api, machine)
    assert (seen["status"], seen["owner"], seen["owner_data"], seen["osystem"]) == (READY, None, {}, "")
    assert plain.post("machines/?op=allocate", system_id=machine["system_id"]).json()["owner"] == "life-commissioned"
    failed_test(api, machine)
    assert op(api.admin, machine, "override_failed_testing").json()["status"] == ALLOCATED  # not as the one before left it


def test_locked(api):
    machine = ready(api)
    assert op(api.admin, machine, "lock").status == 409
    op(api.admin, machine, "deploy")
    milestone(api, machine, "modules-final")
    assert op(api.admin, machine, "unlock").status == 409
    assert op(api.admin, machine, "lock", comment="mine").json()["locked"] is True
    for name in ("release", "rescue_mode", "mark_broken", "power_off"):
        reply = op(api.admin, machine, name)
        assert reply.status == 403 and "locked" in reply.text, name
    assert api.admin.put(f"machines/{machine['system_id']}/", description="x").status == 403
    assert api.admin.delete(f"machines/{machine['system_id']}/").status == 403
    assert op(api.admin, machine, "unlock").json()["locked"] is False
    assert op(api.admin, machine, "release").json()["status"] == READY


def test_who_may(api):
    plain, other = api.user("life-one"), api.user("life-other")
    machine = ready(api)
    for name in ("commission", "test", "rescue_mode", "exit_rescue_mode", "lock", "unlock", "override_failed_testing", "mark_fixed"):
        assert op(plain, machine, name).status == 403, name
    for name in ("release", "abort", "mark_broken", "power_on", "power_off"):
        assert op(plain, machine, name).status == 403, name
    for name in ("release", "deploy", "abort"):
        assert op(api.nobody, machine, name).status == 401, name
    assert op(plain, machine, "deploy").json()["owner"] == "life-one"  # taken on the way
    for name in ("release", "abort", "deploy", "mark_broken"):
        assert op(other, machine, name).status == 404, name  # they do not see it
    assert op(plain, machine, "deploy").status == 409
    assert op(api.admin, machine, "commission").status == 409
    assert op(plain, machine, "release").status == 200


def test_deploy_refuses(api):
    machine = ready(api)
    assert "user_data" in op(api.admin, machine, "deploy", user_data="not base64!").json()
    for series in ("../x", "ubuntu/bookworm", "noble", "debian/sid"):
        assert "distro_series" in op(api.admin, machine, "deploy", distro_series=series).json()
    assert op(api.admin, machine, "deploy", distro_series="noble").json() == {"distro_series": [
        "'noble' is not a valid distro_series for amd64/generic. It should be one of: debian/bookworm."]}
    assert "distro_series" in op(api.admin, machine, "deploy", osystem="ubuntu", distro_series="bookworm").json()
    api.admin.post("maas/?op=set_config", name="default_distro_series", value="trixie")
    assert op(api.admin, machine, "deploy").json()["distro_series"][0].startswith("'debian/trixie' is not")  # the setting, and nothing else
    api.admin.post("maas/?op=set_config", name="default_distro_series", value="bookworm")
    assert "install_kvm" in op(api.admin, machine, "deploy", install_kvm="true").json()
    for name in ("bridge_all", "enable_kernel_crash_dump"):  # nothing of it would be on the machine
        assert list(op(api.admin, machine, "deploy", **{name: "true"}).json()) == [name]
    assert list(api.admin.post("machines/?op=allocate", system_id=machine["system_id"], bridge_all="1").json()) == ["bridge_all"]
    assert op(api.admin, machine, "deploy", ephemeral_deploy="perhaps").status == 400
    assert "storage_layout" in op(api.admin, machine, "deploy", storage_layout="zfs").json()
    assert status(api, machine) == READY  # and nobody has it


def test_allocate_constraints(api):
    pool, zone = "life-pool", "life-zone"
    api.admin.post("resourcepools/", name=pool)
    api.admin.post("zones/", name=zone)
    small = ready(api, pool=pool, hostname="life-small")
    big = ready(api, pool=pool, zone=zone, hostname="life-big")
    api.sql(f"UPDATE node SET cpu_count = 2, memory = 2048 WHERE system_id = '{small['system_id']}'")
    api.sql(f"UPDATE node SET cpu_count = 8, memory = 16384 WHERE system_id = '{big['system_id']}'")
    for name, size, tags in (("sda", 50, "{ssd}"), ("sdb", 500, "{hdd}"), ("sdc", 600, "{hdd,raid}")):
        api.sql(f"INSERT INTO block_device (node_id, name, size, block_size, tags) SELECT id, '{name}', {size} * 10^9, 512, '{tags}' "
                f"FROM node WHERE system_id = '{big['system_id']}'")
    api.sql(f"UPDATE interface SET link_speed = 10000, tags = '{{fast}}' WHERE node_id = (SELECT id FROM node WHERE system_id = "
            f"'{big['system_id']}')")
    plain = api.user("life-taker")

    def which(**params):
        reply = plain.post("machines/?op=allocate", dry_run="true", pool=pool, **params)
        return reply.json()["hostname"] if reply.status == 200 else reply.status

    assert which() == "life-small"  # the cheapest
    assert which(cpu_count=4) == which(mem="4096") == which(zone=zone) == which(name="life-big") == which(name="life-big.maas") == "life-big"
    assert which(system_id=big["system_id"]) == "life-big" and which(name="life-big.other") == 409
    assert which(cpu_count=64) == 409 and which(not_in_zone=[zone, "default"]) == 409
    assert which(pod="") == "life-small" and which(pod="host1") == 400
    assert which(arch="amd64") == "life-small" and which(arch="arm64") == 409
    assert which(zone="nowhere") == 400 and which(foo="bar") == 400 and which(cpu_count="many") == 400
    assert which(storage="root:40(ssd),400(hdd),400(hdd)") == "life-big" and which(storage="root:40,500(raid),550(raid)") == 409
    assert which(storage="400(hdd)") == 409  # the first is what it boots from
    assert which(storage="root:x") == 400 and which(interfaces="a:b") == 400 and which(interfaces="eth0:wrong=1") == 400
    assert which(interfaces="eth0:tag=fast,not_type=bond;eth1:link_speed=1000") == "life-big" and which(interfaces="x:vid=99") == 409
    assert which(link_speed=2500) == "life-big" and which(fabric_classes="gold") == 409
    found = plain.post("machines/?op=allocate", pool=pool, storage="0:10,1:450(hdd)", interfaces="0:tag=fast").json()
    disks = {one["name"]: one["id"] for one in found["blockdevice_set"]}
    assert found["constraints_by_type"] == {"storage": {"0": [disks["sda"]], "1": [disks["sdb"]]},
                                            "interfaces": {"0": [found["boot_interface"]["id"]]}}
    assert found["status"] == ALLOCATED
    reply = plain.post("machines/?op=allocate", name="life-big")
    assert reply.status == 409 and "Retry-After" not in reply.headers


def test_two_never_get_one(api):
    pool = "life-race"
    api.admin.post("resourcepools/", name=pool)
    machines = [ready(api, pool=pool)["system_id"] for _ in range(6)]
    plain = api.user("life-racer")

    def take(_):
        for _ in range(40):
            reply = plain.post("machines/?op=allocate", pool=pool)
            if reply.status != 409 or "Retry-After" not in reply.headers:
                return reply.json()["system_id"] if reply.status == 200 else reply.status
            time.sleep(0.05)
        return "busy"
    with concurrent.futures.ThreadPoolExecutor(8) as pool_of_threads:
        got = list(pool_of_threads.map(take, range(8)))
    assert sorted(one for one in got if isinstance(one, str)) == sorted(machines), got
    assert got.count(409) == 2


def test_no_power_no_progress(api):
    """No rack is there: the work is tried again, and at last the machine fails with what was wrong."""
    machine = make(api.admin, power_type="ipmi", power_parameters_power_address="10.1.0.9", power_parameters_power_pass="Geheim17")
    assert op(api.admin, machine, "commission").json()["status"] == COMMISSIONING

    def work():
        return api.sql(f"SELECT kind, step, attempt, error, order_id IS NULL, ended IS NULL FROM operation o JOIN node n ON n.id = o.node_id "
                       f"WHERE n.system_id = '{machine['system_id']}'")
    deadline = time.monotonic() + 20
    while "|1|" not in work() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert work().startswith("commission|off|1|this region serves no racks now") and work().endswith("|t|t")
    api.sql("UPDATE operation SET attempt = 5, not_before = now() WHERE ended IS NULL")
    api.sql("NOTIFY operation")
    while status(api, machine) != FAILED_COMMISSIONING and time.monotonic() < deadline:
        time.sleep(0.1)
    failed = read(api, machine)
    assert failed["status"] == FAILED_COMMISSIONING and failed["error_description"].startswith("failed to start commissioning: this region")
    assert "Geheim17" not in str(events(api, machine)) and work().endswith("|f")
    assert events(api, machine)[0][0] == "Failed"


def test_a_newer_wish_ends_the_older(api):
    machine = make(api.admin, power_type="ipmi", power_parameters_power_address="10.1.0.9", power_parameters_power_pass="x")
    op(api.admin, machine, "commission")
    assert op(api.admin, machine, "abort").json()["status"] == NEW
    rows = api.sql(f"SELECT kind, ended IS NULL FROM operation o JOIN node n ON n.id = o.node_id "
                   f"WHERE n.system_id = '{machine['system_id']}' ORDER BY started").split()
    assert rows == ["commission|f", "off|t"]


def test_time_limits(api):
    machine, other = manual(api), manual(api)
    for one in (machine, other):
        op(api.admin, one, "commission")
    assert api.sql(f"SELECT status_expires > now() + interval '29 min', status_limit_s FROM node WHERE system_id = "
                   f"'{machine['system_id']}'") == "t|1800"
    api.sql(f"UPDATE node SET status_expires = now() - interval '1 s' WHERE system_id = '{machine['system_id']}'")
    deadline = time.monotonic() + 20
    while status(api, machine) == COMMISSIONING and time.monotonic() < deadline:
        time.sleep(0.2)
    failed = read(api, machine)
    assert failed["status"] == FAILED_COMMISSIONING and "30 minutes" in failed["error_description"]
    # nobody looked for an hour: the limit waits as long
    api.sql(f"BEGIN; UPDATE node SET status_expires = now() - interval '10 min' WHERE system_id = '{other['system_id']}'; "
            f"UPDATE duty_clock SET looked = now() - interval '1 hour'; COMMIT")
    time.sleep(7)
    assert status(api, other) == COMMISSIONING
    assert api.sql(f"SELECT status_expires > now() + interval '45 min' FROM node WHERE system_id = '{other['system_id']}'") == "t"


@pytest.mark.parametrize("name", ["commission", "deploy"])
def test_a_repeat_is_done_once(api, name):
    machine = ready(api)
    headers = {"X-Request-Id": f"6ba7b810-9dad-11d1-80b4-00c04fd43{len(name):03d}"}
    path = f"machines/{machine['system_id']}/?op={name}"
    first, again = api.admin.post(path, headers), api.admin.post(path, headers)
    assert first.status == again.status == 200 and first.body == again.body
    assert [kind for kind, _ in events(api, machine)].count(
        "User starting node commissioning" if name == "commission" else "User starting deployment") == (2 if name == "commission" else 1)


def test_many_at_once(api):
    plain = api.user("life-many")
    mine, theirs, new = ready(api), ready(api), manual(api)
    for one in (mine, theirs):
        api.admin.post("machines/?op=allocate", system_id=one["system_id"])
    api.sql(f"UPDATE node SET owner_id = (SELECT id FROM account WHERE username = 'life-many') WHERE system_id = '{mine['system_id']}'")
    ids = [mine["system_id"], theirs["system_id"]]
    reply = plain.post("machines/?op=release", machines=ids)
    assert reply.status == 403 and theirs["system_id"] in reply.text and mine["system_id"] not in reply.text
    assert plain.post("machines/?op=release", machines=["nobody", mine["system_id"]]).status == 400
    reply = api.admin.post("machines/?op=release", machines=[*ids, new["system_id"]])
    assert reply.status == 409 and reply.text.endswith(f"{new['system_id']} ('New').")
    assert status(api, mine) == ALLOCATED  # all or none
    assert sorted(api.admin.post("machines/?op=release", machines=ids).json()) == sorted(ids)
    assert api.admin.post("machines/?op=release", machines=ids).json() == []
    accepted = api.admin.post("machines/?op=accept", machines=[new["system_id"]]).json()
    assert [(one["system_id"], one["status"]) for one in accepted] == [(new["system_id"], COMMISSIONING)]
    assert api.admin.post("machines/?op=accept", machines=[new["system_id"]]).json() == []
    assert api.admin.post("machines/?op=accept", machines=ids).status == 409
    assert plain.post("machines/?op=accept_all").status == 403
    fresh = manual(api)
    assert fresh["system_id"] in [one["system_id"] for one in api.admin.post("machines/?op=accept_all").json()]
    assert api.admin.get("machines/", status="new").json() == []


def test_how_it_begins(api):
    made = make(api.admin, power_type="manual", commission="true")
    assert made["status"] == COMMISSIONING and read(api, made)["current_commissioning_result_id"]
    assert make(api.admin, deployed="true")["status"] == DEPLOYED
    plain = api.user("life-begin")
    assert make(plain, commission="true")["status"] == NEW
    assert make(plain, deployed="true")["owner"] == "life-begin"
    seen = {**make(api.nobody, commission="true")}
    assert seen["status"] == NEW
    signal(api, seen, "COMMISSIONING")
    assert status(api, seen) == COMMISSIONING


def test_annotations(api):
    plain = api.user("life-notes")
    machine = ready(api)
    assert op(api.admin, machine, "set_workload_annotations", a="1").status == 409
    plain.post("machines/?op=allocate", system_id=machine["system_id"])
    assert op(plain, machine, "set_workload_annotations", role="db", site="north").json()["owner_data"] == {"role": "db", "site": "north"}
    changed = op(plain, machine, "set_owner_data", role="", site="south").json()
    assert changed["workload_annotations"] == changed["owner_data"] == {"site": "south"}
    assert op(plain, machine, "set_workload_annotations", **{"a b": "1"}).status == 400
    assert op(plain, machine, "release").json()["owner_data"] == {}


def test_enlistments_are_limited(api):
    headers = {"X-Forwarded-For": "10.9.9.9, 10.0.0.21", "X-Gantry-Hop": "1"}
    replies = [api.nobody.post("machines/", headers, architecture="amd64", mac_addresses=f"02:99:00:00:00:{i:02x}") for i in range(9)]
    assert [reply.status for reply in replies] == [200] * 8 + [503] and "10.9.9.9" in replies[-1].text
    assert api.nobody.post("machines/", headers, architecture="amd64", mac_addresses="02:99:00:00:00:00").status == 200  # known
    other = {"X-Forwarded-For": "10.9.9.8, 10.0.0.21", "X-Gantry-Hop": "1"}
    assert api.nobody.post("machines/", other, architecture="amd64", mac_addresses="02:99:00:00:01:00").status == 200


def test_release_scripts(api):
    api.admin.cli("scripts/", ("name", "wipe-mine"), ("type", "release"), ("script", b"#!/bin/sh\ntrue\n"))
    machine = ready(api)
    op(api.admin, machine, "deploy")
    milestone(api, machine, "modules-final")
    assert "names no Release script" in op(api.admin, machine, "release", scripts="nobody").text
    key = speaker(api, machine).key
    assert op(api.admin, machine, "release", scripts="wipe-mine").json()["status"] == RELEASING
    assert speaker(api, machine).key != key  # what runs on it has no say in how this ends
    tar = speaker(api, machine).get("/MAAS/metadata/2012-03-01/maas-scripts")
    assert tar.status == 200 and b"release/wipe-mine" in tar.body
    assert speaker(api, machine).get("/MAAS/metadata/2012-03-01/gantry/task").json()["task"] == "release"
    milestone(api, machine, "modules-final")  # cloud-init is through, the script is not
    assert status(api, machine) == RELEASING
    signal(api, machine, "OK")  # it was to run
    assert read(api, machine)["error_description"] == "a release script did not run"
    op(api.admin, machine, "release", scripts="wipe-mine")
    signal(api, machine, "WORKING", name="wipe-mine", exit_status=1)
    signal(api, machine, "OK")
    failed = read(api, machine)
    assert (failed["status_name"], failed["error_description"]) == ("Releasing failed", "a release script failed")
    assert op(api.admin, machine, "release", erase="true", scripts="wipe-mine").json()["status"] == DISK_ERASING
    signal(api, machine, "OK")
    assert status(api, machine) == RELEASING  # and then the script
    signal(api, machine, "WORKING", name="wipe-mine", exit_status=0)
    signal(api, machine, "OK")
    assert (status(api, machine), read(api, machine)["owner"]) == (READY, None)
    op(api.admin, machine, "deploy")
    assert op(api.admin, machine, "release").json()["status"] == READY  # nothing is left of it the next time
