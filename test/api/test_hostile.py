"""Machine against machine and user against user: what one has never comes to another, by id, key, address or an old request, nor
after release, abort, delete and clone; one that posts without end has its share."""
import base64
import concurrent.futures
import json
import uuid

import pytest

from conftest import Api, Client, api_that_deploys, oauth_header
from test_life import (ALLOCATED, BROKEN, COMMISSIONING, DEPLOYED, DEPLOYING, FAILED_DEPLOYMENT, NEW, READY, RELEASING, events, milestone,
                       op, ready, signal, speaker, status)
from test_machines import new_mac
from test_metadata import Machine

VERSION = "/MAAS/metadata/2012-03-01/"
SECRET = b"#cloud-config\npassword: hunter2-of-alice\n"
USER_DATA = base64.b64encode(SECRET).decode()


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    yield from api_that_deploys(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def alice(api):
    return api.user("hostile-alice")


@pytest.fixture(scope="module")
def mallory(api):
    return api.user("hostile-mallory")


def on_wire(api, address):
    """A Ready machine that is on the wire at this address, nobody's yet."""
    mac = new_mac()
    made = Machine(api, address, mac)
    made.system_id = ready(api, mac_addresses=mac)["system_id"]
    return made


def boots(api, machine, address=None, **params):
    return api.rack("boot_config", **{"mac": machine.macs[0], "address": address or machine.address, "firmware": "bios",
                                      "hardware_uuid": None, **params})


def deploy(api, owner, machine, user_data=USER_DATA):
    reply = owner.post(f"machines/{machine.system_id}/?op=deploy", user_data=user_data)
    assert reply.status == 200, reply.text
    boots(api, machine)
    machine.take_key()


def named(machine):
    return {"system_id": machine.system_id}


def of(machine, name):
    return machine.request("GET", VERSION + name, key=machine.key)


def test_a_key_is_given_where_the_machine_boots_and_nowhere_else(api, alice):
    victim = on_wire(api, "10.66.0.10")
    boots(api, victim)
    assert alice.post(f"machines/{victim.system_id}/?op=deploy", user_data=USER_DATA).status == 200
    # who has its old address by now gets nothing of the deployment, before it boots
    assert victim.preseed().status == 403
    # a rack that saw somebody else ask in its name says no address: its home is where it was, which is nowhere
    api.rack("boot_config", mac=victim.macs[0], address=None, firmware="uefi", hardware_uuid=None)
    assert victim.preseed().status == 403
    boots(api, victim)
    assert victim.preseed().status == 200
    thief = Machine(api, "10.66.0.66", new_mac())
    api.rack("boot_config", mac=victim.macs[0], address=None, firmware="uefi", hardware_uuid=None)
    assert thief.preseed(victim.system_id).status == 403 and victim.preseed().status == 200
    assert victim.read()["bios_boot_method"] == "pxe"
    # its hardware's id is no secret: who comes with it alone is not at home on a machine that somebody has
    api.sql(f"UPDATE node SET hardware_uuid = '4c4c4544-0000-0000-0000-000000000001' WHERE system_id = '{victim.system_id}'")
    told = api.rack("boot_config", mac=new_mac(), address=thief.address, firmware="bios",
                    hardware_uuid="4c4c4544-0000-0000-0000-000000000001")
    assert told["system_id"] == victim.system_id
    assert thief.preseed(victim.system_id).status == 403 and victim.preseed().status == 200
    # and not for ever after a boot, even at its address
    api.sql(f"UPDATE node SET booted = booted - interval '31 min' WHERE system_id = '{victim.system_id}'")
    assert victim.preseed().status == 403
    boots(api, victim)
    assert victim.preseed().status == 200


def test_nothing_of_another_by_its_id_or_key(api, alice, mallory):
    victim, thief = on_wire(api, "10.66.1.10"), on_wire(api, "10.66.1.66")
    deploy(api, alice, victim)
    deploy(api, mallory, thief, base64.b64encode(b"my own").decode())
    victim_id = victim.system_id
    assert of(victim, "user-data").body == SECRET
    assert victim.key.split(":")[2] not in of(thief, "gantry/task").text
    for path in ("meta-data/instance-id", "meta-data/local-hostname", "meta-data/public-keys", "meta-data/x509", "user-data",
                 "maas-scripts", "gantry/task"):
        for said in (f"{path}?system_id={victim_id}", f"{path}/{victim_id}", f"by-id/{victim_id}/{path}"):
            reply = of(thief, said)
            assert victim_id not in reply.text and "hunter2" not in reply.text, said
    assert thief.preseed(victim_id).status == 403
    # half a key of each is none
    mine, other = thief.key.split(":"), victim.key.split(":")
    for mixed in ((mine[0], other[1], mine[2]), (other[0], other[1], mine[2]), (mine[0], mine[1], other[2]), (other[0], mine[1], mine[2])):
        assert victim.request("GET", VERSION + "user-data", key=":".join(mixed)).status == 401
    # what it says is about itself, whatever it names
    body = json.dumps({"event_type": "finish", "origin": "cloudinit", "name": "modules-final", "description": "x", "result": "SUCCESS"})
    kind = {"Content-Type": "application/json"}
    assert thief.request("POST", f"/MAAS/metadata/status/{victim_id}", body, kind, thief.key).status == 403
    assert thief.signal(("op", "netboot_off"), ("system_id", victim_id)).status == 200
    assert victim.read()["netboot"] is True and thief.read()["netboot"] is False
    # nor does it write into its results
    api.admin.post("machines/", architecture="amd64", mac_addresses=new_mac())
    result = api.sql(f"INSERT INTO script_result (script_set_id, name, status) SELECT installation_set_id, 'mine', 1 FROM node WHERE "
                     f"system_id = '{victim_id}' RETURNING id").splitlines()[0]
    assert thief.signal(("op", "signal"), ("status", "WORKING"), ("name", "mine"), ("script_result_id", result), ("exit_status", "0"),
                        ("mine", b"forged")).status == 200
    assert api.sql(f"SELECT status, output IS NULL FROM script_result WHERE id = {result}") == "1|t"
    # machines are no users, and users no machines
    for path in (f"machines/{victim_id}/", f"machines/{victim_id}/?op=get_token", f"machines/{victim_id}/?op=power_parameters",
                 f"machines/{victim_id}/?op=get_curtin_config", f"nodes/{victim_id}/results/", "events/?op=query", "notifications/",
                 "account/?op=list_authorisation_tokens", "users/", "scripts/"):
        assert thief.request("GET", path, key=thief.key).status == 401, path
    assert alice.request("GET", VERSION + "user-data").status == 403


SECRETS = ("meta-data/public-keys", "meta-data/x509", "user-data", "gantry/task", "maas-scripts")


def secrets_of(api, machine):
    """Texts that nobody but this machine may be told."""
    return [SECRET.decode().split()[-1], *machine.key.split(":")[1:]]


def tells_nothing(reply, secrets, what):
    assert not [secret for secret in secrets if secret.encode() in reply.body], what


@pytest.mark.parametrize("way", ["id", "token", "address", "replay", "release"])
def test_machine_a_never_reads_the_secrets_of_b(api, alice, mallory, way):
    """One way in each: what B has is its user's data and keys, its task, and its own key."""
    number = 10 * len(way) + ord(way[0]) % 10
    victim, thief = on_wire(api, f"10.67.{number}.10"), on_wire(api, f"10.67.{number}.66")
    deploy(api, alice, victim)
    deploy(api, mallory, thief, base64.b64encode(b"my own").decode())
    secrets, victim_id = secrets_of(api, victim), victim.system_id
    assert of(victim, "user-data").body == SECRET and victim.preseed().status == 200
    {"id": by_id, "token": by_token, "address": by_address, "replay": by_replay, "release": by_release}[way](api, victim, thief, secrets)
    if way != "release":  # and it has lost nothing by it
        assert of(victim, "user-data").body == SECRET and victim.system_id == victim_id


def by_id(api, victim, thief, secrets):
    """B's id where A's could stand, with A's good key."""
    name = victim.system_id
    for path in SECRETS:
        for said in (f"{path}?system_id={name}", f"{path}/{name}", f"{name}/{path}", f"by-id/{name}/{path}", f"{path}?id={name}&op=get_preseed"):
            tells_nothing(of(thief, said), secrets, said)
    for key in (None, thief.key):
        for path in (f"/MAAS/metadata/latest/by-id/{name}/?op=get_preseed", f"/MAAS/metadata/2012-03-01/by-id/{name}/?op=get_preseed"):
            reply = thief.request("GET", path, key=key)
            assert reply.status == 403, path
            tells_nothing(reply, secrets, path)
    for path in (f"machines/{name}/", f"nodes/{name}/", f"machines/{name}/?op=get_token", f"machines/{name}/?op=get_curtin_config",
                 f"nodes/{name}/results/", f"machines/{name}/?op=power_parameters", f"/MAAS/metadata/status/{name}"):
        reply = thief.request("GET", path, key=thief.key)
        assert reply.status in (401, 404, 405), path
        tells_nothing(reply, secrets, path)


def by_token(api, victim, thief, secrets):
    """Keys that are B's in part, guessed, or somebody's who is no machine."""
    mine, other = thief.key.split(":"), victim.key.split(":")
    guesses = [(mine[0], other[1], mine[2]), (other[0], mine[1], other[2]), (other[0], other[1], mine[2]), (mine[0], other[1], other[2]),
               (other[0], other[1], other[2][:-1]), (other[0], other[1], ""), (other[0], other[1], other[2][::-1]), ("%", "%", "%")]
    for guess in guesses:
        for path in SECRETS:
            reply = thief.request("GET", VERSION + path, key=":".join(guess))
            assert reply.status in (400, 401), (path, guess)
            tells_nothing(reply, secrets, path)
    for key in (api.key, None):
        for path in SECRETS:
            reply = thief.request("GET", VERSION + path, key=key)
            assert reply.status == (403 if key else 404 if path != "maas-scripts" else 204), path
            tells_nothing(reply, secrets, path)


def by_address(api, victim, thief, secrets):
    """A at an address that is not B's, or says so; then at B's, when B is not there any more."""
    path = f"/MAAS/metadata/latest/by-id/{victim.system_id}/?op=get_preseed"
    for said in ({}, {"X-Forwarded-For": f"{victim.address}, {thief.address}"},  # the last is what our own HAProxy has seen
                 {"X-Forwarded-For": f"{thief.address}, 10.0.0.21", "X-Gantry-Hop": "1", "X-Real-IP": victim.address,
                  "Forwarded": f"for={victim.address}", "X-Client-IP": victim.address}):
        reply = api.nobody.request("GET", path, headers={"Host": "10.77.0.21:5240", **said})
        assert reply.status == 403, said
        tells_nothing(reply, secrets, said)
    api.rack("boot_config", mac=victim.macs[0], address=f"{victim.address}1", firmware="bios", hardware_uuid=None)
    thief.address = victim.address  # where B was until it booted elsewhere
    reply = thief.preseed(victim.system_id)
    assert reply.status == 403
    tells_nothing(reply, secrets, "its old address")
    for path in SECRETS:
        tells_nothing(of(thief, path), secrets, path)


def by_replay(api, victim, thief, secrets):
    """What B, its user or its rack has said before, said again by A."""
    said = {"username": "hostile-alice", "password": "secret"}
    headers = {"X-Request-Id": str(uuid.uuid4())}
    first = api.nobody.post("/MAAS/accounts/authenticate/", headers, **said)
    assert first.status == 200
    secrets = secrets + [first.json()["token_secret"]]
    for words in ({**said, "password": "x"}, {"username": "hostile-mallory", "password": "secret"}):
        reply = api.nobody.post("/MAAS/accounts/authenticate/", headers, **words)
        assert reply.status == 409, words
        tells_nothing(reply, secrets, words)
    told = {"X-Request-Id": str(uuid.uuid4()), "Content-Type": "application/x-www-form-urlencoded"}
    assert victim.request("POST", VERSION, "op=signal&status=WORKING", told, victim.key).status == 200
    assert thief.request("POST", VERSION, "op=signal&status=WORKING", told, thief.key).status == 409
    thief.macs = victim.macs  # its enlistment, from elsewhere: its home stays where it is
    body = f"architecture=amd64/generic&mac_addresses={victim.macs[0]}&commission=false&boot_method=uefi"
    tells_nothing(thief.request("POST", "machines/", body, {"Content-Type": "application/x-www-form-urlencoded"}), secrets, "enlistment")
    reply = thief.preseed(victim.system_id)
    assert reply.status == 403
    tells_nothing(reply, secrets, "preseed")


def by_release(api, victim, thief, secrets):
    """B's key of before, after its release and in the hands of the next user's system; and A's on a machine that was B."""
    milestone(api, named(victim), "modules-final")
    owner = api.sql(f"SELECT a.username FROM node n JOIN account a ON a.id = n.owner_id WHERE n.system_id = '{victim.system_id}'")
    assert owner == "hostile-alice" and api.admin.post(f"machines/{victim.system_id}/?op=release").status == 200
    for path in SECRETS:
        reply = of(victim, path)
        assert reply.status == 401, path
        tells_nothing(reply, secrets, path)
    old = victim.key
    api.sql(f"UPDATE node SET status = 4, owner_id = NULL WHERE system_id = '{victim.system_id}'")
    deploy(api, api.admin, victim, base64.b64encode(b"of the next").decode())
    assert victim.key != old and of(victim, "user-data").body == b"of the next"
    for path in SECRETS:
        tells_nothing(of(victim, path), secrets, path)
        assert victim.request("GET", VERSION + path, key=old).status == 401, path


def test_users_see_nothing_of_others(api, alice, mallory):
    victim = on_wire(api, "10.66.2.10")
    deploy(api, alice, victim)
    path = f"machines/{victim.system_id}/"
    assert alice.post(path + "?op=set_workload_annotations", note="hunter2-note").status == 200
    milestone(api, named(victim), "init-network-hunter2")
    signal(api, named(victim), "WORKING", name="hunter2-script", exit_status="0")
    # not even the owner reads the user-data again, nor BMC and key
    for client in (alice, api.admin):
        assert "hunter2-of" not in client.get(path).text and USER_DATA not in client.get(path).text
    for query in ("?op=power_parameters", "?op=get_token"):
        assert alice.get(path + query).status == 403, query
        assert mallory.get(path + query).status == 403, query
    for query in (path, path + "?op=get_curtin_config", path + "?op=details", f"nodes/{victim.system_id}/results/",
                  f"nodes/{victim.system_id}/results/current-installation/?op=download", f"nodes/{victim.system_id}/"):
        assert mallory.get(query).status == 404, query
    assert mallory.get(f"events/?op=query&id={victim.system_id}").json()["events"] == []
    for query in ("machines/", "nodes/", "events/?op=query&level=DEBUG&limit=1000", "machines/?op=power_parameters",
                  "installation-results/", "commissioning-results/", "notifications/"):
        reply = mallory.get(query)
        assert "hunter2" not in reply.text and victim.system_id not in reply.text, query
    for query in ("machines/?op=power_parameters", path + "?op=power_parameters"):
        assert mallory.get(query).status == 403, query
    for name in ("release", "deploy", "abort", "mark_broken", "power_off", "set_workload_annotations", "set_owner_data"):
        assert mallory.post(path + f"?op={name}").status == 404, name


@pytest.mark.parametrize("end", ["release", "abort", "mark_broken", "delete"])
def test_the_key_of_before_is_dead(api, alice, end):
    victim = on_wire(api, f"10.66.3.{len(end)}")
    deploy(api, alice, victim)
    if end in ("release", "delete"):
        milestone(api, named(victim), "modules-final")
        assert status(api, named(victim)) == DEPLOYED
    if end == "delete":
        assert api.admin.delete(f"machines/{victim.system_id}/").status == 204
    else:
        assert alice.post(f"machines/{victim.system_id}/?op={end}").status == 200
    for path in ("user-data", "meta-data/public-keys", "meta-data/instance-id", "gantry/task", "maas-scripts"):
        assert of(victim, path).status == 401, path
    assert victim.signal(("op", "signal"), ("status", "COMMISSIONING")).status == 401
    assert victim.signal(("op", "netboot_off")).status == 401
    assert victim.preseed().status == (404 if end == "delete" else 403)
    if end == "delete":  # another machine of the same MAC is another one
        again = Machine(api, victim.address, *victim.macs)
        again.enlist()
        again.take_key()
        assert again.system_id != victim.system_id and of(again, "user-data").status == 404 and of(victim, "user-data").status == 401
    elif end != "abort":  # of what it was told nothing is left for the next
        assert api.sql(f"SELECT user_data IS NULL, owner_data, deploy_options, owner_id IS NULL FROM node WHERE system_id = "
                       f"'{victim.system_id}'") == "t|{}|{}|t"


def test_what_runs_on_it_has_no_say_in_its_release(api, alice):
    """The power-off of a machine with a BMC waits for a rack: meanwhile its old system may call as much as it likes."""
    victim = on_wire(api, "10.66.4.10")
    deploy(api, alice, victim)
    milestone(api, named(victim), "modules-final")
    api.sql(f"UPDATE node SET power_type = 'ipmi' WHERE system_id = '{victim.system_id}'")
    assert alice.post(f"machines/{victim.system_id}/?op=release").json()["status"] == RELEASING
    for word in ("OK", "FAILED"):
        assert victim.signal(("op", "signal"), ("status", word)).status == 401
    body = json.dumps({"event_type": "finish", "origin": "cloudinit", "name": "x", "description": "x", "result": "FAIL"})
    assert victim.request("POST", f"/MAAS/metadata/status/{victim.system_id}", body, {"Content-Type": "application/json"},
                          victim.key).status == 401
    assert status(api, named(victim)) == RELEASING
    assert api.sql(f"SELECT count(*) FROM operation o JOIN node n ON n.id = o.node_id WHERE n.system_id = '{victim.system_id}' "
                   f"AND o.kind = 'release'") == "1"


def test_an_aborted_machine_does_not_begin_again_by_itself(api):
    machine = on_wire(api, "10.66.5.10")
    assert op(api.admin, named(machine), "commission").status == 200
    boots(api, machine)
    machine.take_key()
    assert op(api.admin, named(machine), "abort").json()["status"] == NEW
    assert machine.signal(("op", "signal"), ("status", "COMMISSIONING")).status == 401
    assert status(api, named(machine)) == NEW
    # a test of a deployed machine is another matter: its system keeps its key
    owner = api.admin
    deployed = on_wire(api, "10.66.5.11")
    deploy(api, owner, deployed)
    milestone(api, named(deployed), "modules-final")
    op(owner, named(deployed), "test")
    assert op(owner, named(deployed), "abort").json()["status"] == DEPLOYED
    assert of(deployed, "user-data").body == SECRET


def test_clones_get_no_secrets(api, alice):
    source, target = on_wire(api, "10.66.6.10"), on_wire(api, "10.66.6.11")
    deploy(api, alice, source)
    before = speaker(api, named(target)).key
    assert api.admin.put(f"machines/{source.system_id}/", power_type="ipmi", power_parameters_power_address="10.9.9.9",
                         power_parameters_power_pass="hunter2-bmc").status == 200
    assert api.admin.post("machines/?op=clone", source=source.system_id, destinations=target.system_id, interfaces="true").status == 204
    assert speaker(api, named(target)).key == before != source.key
    assert api.sql(f"SELECT user_data IS NULL, owner_data, owner_id IS NULL, power_type FROM node WHERE system_id = "
                   f"'{target.system_id}'") == "t|{}|t|manual"
    assert "hunter2" not in api.admin.get(f"machines/{target.system_id}/?op=power_parameters").text


def test_an_answer_is_for_who_asked(api, alice, mallory):
    """The same request id gives the same answer: to the same one, of the same words."""
    one, other = on_wire(api, "10.66.7.10"), on_wire(api, "10.66.7.11")
    deploy(api, alice, one)
    deploy(api, mallory, other)
    headers = {"X-Request-Id": str(uuid.uuid4())}
    said = {"username": "hostile-alice", "password": "secret"}
    first = api.nobody.post("/MAAS/accounts/authenticate/", headers, **said)
    assert first.status == 200 and "token_secret" in first.text
    stolen = api.nobody.post("/MAAS/accounts/authenticate/", headers, username="hostile-alice", password="guessed")
    assert stolen.status == 409 and "token" not in stolen.text
    assert api.nobody.post("/MAAS/accounts/authenticate/", headers, **said).body == first.body
    # machines are not each other, nor nobody
    headers = {"X-Request-Id": str(uuid.uuid4()), "Content-Type": "application/x-www-form-urlencoded"}
    body = "op=signal&status=WORKING"
    assert one.request("POST", VERSION, body, headers, one.key).status == 200
    assert one.request("POST", VERSION, body, headers, one.key).status == 200
    assert other.request("POST", VERSION, body, headers, other.key).status == 409
    # what is kept for a repeat is sealed: keys are among it
    secret = first.json()["token_secret"]
    assert api.sql("SELECT count(*) FROM request WHERE result IS NOT NULL AND convert_from(result, 'UTF8') NOT LIKE 'v1:%'") == "0"
    assert secret not in api.sql("SELECT string_agg(convert_from(result, 'UTF8'), ' ') FROM request WHERE result IS NOT NULL")


def test_results_have_an_end(api):
    machine = on_wire(api, "10.66.8.10")
    op(api.admin, named(machine), "commission")
    boots(api, machine)
    machine.take_key()
    api.sql(f"INSERT INTO script_result (script_set_id, name, status, output) SELECT commissioning_set_id, 'big-' || i, 2, "
            f"convert_to(repeat('x', 1 << 20), 'UTF8') FROM node, generate_series(1, 63) i WHERE system_id = '{machine.system_id}'")
    said = ("op", "signal"), ("status", "WORKING"), ("exit_status", "0")
    assert machine.signal(*said, ("name", "fits"), ("fits", b"x" * 500000)).status == 200
    for more in ("too-much", "fits.out"):
        name = more.split(".")[0]
        assert machine.signal(*said, ("name", name), (more, b"x" * 600000)).status == 413, more
    assert machine.signal(*said, ("name", "still-small")).status == 200
    api.sql(f"INSERT INTO script_result (script_set_id, name, status) SELECT commissioning_set_id, 'many-' || i, 2 FROM node, "
            f"generate_series(1, 256) i WHERE system_id = '{machine.system_id}'")
    assert machine.signal(*said, ("name", "one-more")).status == 413
    assert machine.done().status == 200 and status(api, named(machine)) == READY  # and its life goes on


def test_events_have_an_end(api):
    machine, other = on_wire(api, "10.66.9.10"), on_wire(api, "10.66.9.11")

    def count(one):
        return int(api.sql(f"SELECT count(*) FROM event e JOIN node n ON n.id = e.node_id WHERE n.system_id = '{one.system_id}'"))

    for number in range(1100):
        boots(api, machine)
        assert number or count(machine)
    assert 1000 <= count(machine) <= 1030
    before = count(other)
    boots(api, other)
    assert count(other) == before + 1
    assert op(api.admin, named(machine), "mark_broken", comment="floods us").json()["status"] == BROKEN  # what people and moves say stands
    told = events(api, named(machine))
    assert ("User marking node broken", "floods us") in told and ("Node changed status", "From 'Ready' to 'Broken'") in told
    for _ in range(1100):
        api.rack("boot_config", mac=new_mac(), address="10.66.9.99", firmware="bios", hardware_uuid=None)
    assert int(api.sql("SELECT count(*) FROM event WHERE node_id IS NULL AND type = 'NODE_PXE_REQUEST'")) <= 1010


def at_once(*works):
    """All begin together; their replies."""
    with concurrent.futures.ThreadPoolExecutor(len(works)) as pool:
        return [one.result() for one in [pool.submit(work) for work in works]]


def moves(api, machine):
    return [text for kind, text in events(api, machine) if kind == "Node changed status"]


def open_work(api, machine):
    return int(api.sql(f"SELECT count(*) FROM operation o JOIN node n ON n.id = o.node_id WHERE o.ended IS NULL AND "
                       f"n.system_id = '{machine['system_id']}'"))


def bmc(api):
    """A Ready machine whose power would be switched, if there were a rack."""
    machine = ready(api)
    api.sql(f"UPDATE node SET power_type = 'ipmi' WHERE system_id = '{machine['system_id']}'")
    return machine


def test_one_machine_is_taken_by_one(api, alice, mallory):
    for _ in range(4):
        machine = bmc(api)
        path = f"machines/{machine['system_id']}/?op=deploy"
        named_allocate = [lambda client=client: client.post("machines/?op=allocate", system_id=machine["system_id"])
                          for client in (alice, mallory) * 2]
        replies = at_once(*named_allocate, lambda: alice.post(path), lambda: mallory.post(path))
        taken = [reply for reply in replies[:4] if reply.status == 200]
        assert len(taken) <= 1 and all(reply.status in (200, 403, 404, 409) for reply in replies), [r.status for r in replies]
        owners = {reply.json()["owner"] for reply in replies if reply.status == 200}
        assert len(owners) == 1, owners
        assert moves(api, machine).count("From 'Ready' to 'Allocated'") == 1
        assert moves(api, machine).count("From 'Allocated' to 'Deploying'") <= 1


def test_deploy_and_release_at_once(api, alice):
    for _ in range(4):
        machine = bmc(api)
        alice.post("machines/?op=allocate", system_id=machine["system_id"])
        replies = at_once(lambda: op(alice, machine, "deploy", user_data=USER_DATA), lambda: op(alice, machine, "release"),
                          lambda: op(api.admin, machine, "release"))
        assert all(reply.status in (200, 403, 409) for reply in replies), [reply.text for reply in replies]
        assert any(reply.status == 200 for reply in replies)
        assert status(api, machine) in (RELEASING, DEPLOYING)
        assert moves(api, machine).count("From 'Deploying' to 'Releasing'") + moves(api, machine).count(
            "From 'Allocated' to 'Releasing'") <= 1
        assert open_work(api, machine) == 1


def test_abort_while_deployed_arrives(api, alice):
    for _ in range(4):
        machine = bmc(api)
        op(alice, machine, "deploy")
        token = speaker(api, machine)
        body = json.dumps({"event_type": "finish", "origin": "cloudinit", "name": "modules-final", "description": "x", "result": "SUCCESS"})
        kind = {"Content-Type": "application/json"}
        told, aborted = at_once(lambda: token.request("POST", f"/MAAS/metadata/status/{machine['system_id']}", body, kind),
                                lambda: op(alice, machine, "abort"))
        now = status(api, machine)
        assert (aborted.status, now) in ((200, ALLOCATED), (409, DEPLOYED)), (aborted.status, now)
        assert told.status in (204, 401)
        assert len([text for text in moves(api, machine) if text.startswith("From 'Deploying'")]) == 1
        assert open_work(api, machine) == (now == ALLOCATED)


def test_delete_while_it_is_commissioned(api):
    for _ in range(4):
        machine = bmc(api)
        op(api.admin, machine, "commission")
        token, path = speaker(api, machine), f"machines/{machine['system_id']}/"
        replies = at_once(lambda: api.admin.delete(path), *[lambda: token.post(VERSION, op="signal", status="OK")] * 3,
                          lambda: op(api.admin, machine, "abort"))
        assert replies[0].status == 204
        assert all(reply.status in (200, 401, 404, 409) for reply in replies[1:]), [reply.status for reply in replies]
        assert api.admin.get(path).status == 404 and token.get(VERSION + "meta-data/instance-id").status == 401
        assert api.sql("SELECT count(*) FROM operation o WHERE NOT EXISTS (SELECT FROM node n WHERE n.id = o.node_id)") == "0"
        assert api.sql(f"SELECT count(*) FROM api_token WHERE system_id = '{machine['system_id']}'") == "0"


def test_lock_against_release(api, alice):
    for _ in range(4):
        machine = bmc(api)
        op(alice, machine, "deploy")
        milestone(api, machine, "modules-final")
        replies = at_once(lambda: op(api.admin, machine, "lock"), lambda: op(alice, machine, "release"),
                          lambda: op(api.admin, machine, "lock"))
        now = api.admin.get(f"machines/{machine['system_id']}/").json()
        if replies[1].status == 200:  # released: then no lock came before it
            assert now["status"] == RELEASING and now["locked"] is False and {replies[0].status, replies[2].status} == {409}
        else:
            assert replies[1].status == 403 and now["status"] == DEPLOYED and now["locked"] is True
            assert sorted((replies[0].status, replies[2].status)) == [200, 409]


def test_the_same_order_at_once(api, alice):
    """One request id from four threads, as from two regions that share the database: done once, with one answer."""
    machine = bmc(api)
    alice.post("machines/?op=allocate", system_id=machine["system_id"])
    headers = {"X-Request-Id": str(uuid.uuid4())}
    replies = at_once(*[lambda: alice.post(f"machines/{machine['system_id']}/?op=deploy", headers, user_data=USER_DATA)] * 4)
    assert {reply.status for reply in replies} == {200} and len({reply.body for reply in replies}) == 1
    assert moves(api, machine).count("From 'Allocated' to 'Deploying'") == 1
    assert api.sql(f"SELECT count(*) FROM operation o JOIN node n ON n.id = o.node_id WHERE n.system_id = '{machine['system_id']}' "
                   f"AND o.kind = 'deploy'") == "1"
    assert len([kind for kind, _ in events(api, machine) if kind == "User starting deployment"]) == 1


def test_a_machine_that_says_everything_at_once(api, alice):
    machine = bmc(api)
    op(alice, machine, "deploy")
    token = speaker(api, machine)

    def say(word):
        return lambda: token.post(VERSION, op="signal", status=word)
    replies = at_once(*[say(word) for word in ("FAILED", "OK", "FAILED", "WORKING", "FAILED")])
    assert {reply.status for reply in replies} == {200}
    assert status(api, machine) == FAILED_DEPLOYMENT
    assert moves(api, machine).count("From 'Deploying' to 'Failed deployment'") == 1


def test_secrets_are_in_no_url_that_is_logged(api):
    """A key in the query is taken, for old clients; paths are logged without it."""
    program = Api(GANTRY_DEBUG="1")
    try:
        secret = program.key.split(":")[2]
        query = oauth_header(program.key).split(", ", 1)[1].replace('"', "").replace(", ", "&")
        assert Client(program.path).request("GET", "users/?op=whoami&" + query).status == 200
        assert Client(program.path).request("GET", "users/?op=nothing&" + query).status == 400
        assert Client(program.path).request("POST", "nothing/?" + query, "x=1").status == 404
        assert program.admin.get("users/?op=whoami").status == 200
    finally:
        program.close()
    assert "/users/" in program.said and secret not in program.said
