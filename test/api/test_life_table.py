"""Every action in every status, by an administrator, by the machine's owner and by another user: the answer's code and the status
afterwards. The table is written from MAAS's API 2.0 (section 5.3 and its statuses), not from the program; docs/machines.md must say the
same. No worker runs, so a machine is seen where an action puts it."""
import concurrent.futures
import pathlib
import re

import pytest

from conftest import Api, make_images
from test_machines import make

DOC = pathlib.Path(__file__).resolve().parents[2] / "docs" / "machines.md"
STATUSES = ("New", "Commissioning", "Failed commissioning", "Missing", "Ready", "Reserved", "Deployed", "Retired", "Broken", "Deploying",
            "Allocated", "Failed deployment", "Releasing", "Releasing failed", "Disk erasing", "Failed disk erasing", "Rescue mode",
            "Entering rescue mode", "Failed to enter rescue mode", "Exiting rescue mode", "Failed to exit rescue mode", "Testing",
            "Failed testing")
NOBODYS = ("New", "Commissioning", "Failed commissioning", "Missing", "Ready", "Reserved", "Retired")  # the others are the owner's
GONE = ("Missing", "Reserved", "Retired")  # no machine comes there
UNDER_WAY = ("Commissioning", "Testing", "Deploying", "Releasing", "Disk erasing", "Rescue mode", "Entering rescue mode", "Exiting rescue mode")
STEADY = tuple(status for status in STATUSES if status not in UNDER_WAY + GONE)
IDLE = ("Ready", "Allocated", "Broken", "Failed testing")
WAS = "Deployed"  # before it was tested, rescued or broken
SAME = None

ADMIN, OWNER, EVERYBODY = "administrators", "its owner, administrators", "every user"


def of(statuses, to=SAME):
    return {status: to for status in statuses}


# action: who, {status in which it is accepted: status afterwards}, parameters
ACTIONS = {
    "commission": (ADMIN, of(("New", "Failed commissioning", "Ready", "Broken", "Failed testing"), "Commissioning"), {}),
    "test": (ADMIN, of(STEADY, "Testing"), {}),
    "abort": (OWNER, {"Commissioning": "New", "Deploying": "Allocated", "Disk erasing": "Failed disk erasing", "Testing": WAS}, {}),
    "deploy": (OWNER, of(("Ready", "Allocated"), "Deploying"), {}),
    "release": (OWNER, {**of(("Allocated", "Deployed", "Deploying", "Broken", "Failed deployment", "Releasing failed", "Failed disk erasing",
                              "Failed to enter rescue mode", "Failed to exit rescue mode", "Failed testing"), "Releasing"),
                        **of(("Ready", "Releasing"))}, {}),  # asked for again
    "rescue_mode": (ADMIN, of(STEADY, "Entering rescue mode"), {}),
    "exit_rescue_mode": (ADMIN, of(("Rescue mode", "Entering rescue mode", "Failed to enter rescue mode", "Failed to exit rescue mode"),
                                   "Exiting rescue mode"), {}),
    "mark_broken": (OWNER, of([status for status in STATUSES if status not in GONE + ("Broken",)], "Broken"), {}),
    "mark_fixed": (ADMIN, {"Broken": WAS}, {}),
    "override_failed_testing": (ADMIN, {"Failed testing": WAS}, {}),
    "lock": (ADMIN, of(("Deployed", "Deploying")), {}),
    "unlock": (ADMIN, of(STATUSES), {}),
    # 409 when nobody has it; whoever had work begun on it has it as long as that lasts
    "power_on": (OWNER, of([status for status in STATUSES if status not in NOBODYS or status in UNDER_WAY]), {}),
    "power_off": (OWNER, of(STATUSES), {}),
    "set_storage_layout": (ADMIN, of(("Ready",)), {"storage_layout": "flat"}),
    "mount_special": (OWNER, of(("Ready", "Allocated")), {"fstype": "tmpfs", "mount_point": "/scratch"}),
    "unmount_special": (OWNER, of(("Ready", "Allocated")), {"mount_point": "/scratch"}),
    "restore_networking_configuration": (ADMIN, of(("New", *IDLE)), {}),
    "restore_storage_configuration": (ADMIN, of(IDLE), {}),
    "restore_default_configuration": (ADMIN, of(IDLE), {}),
    "clear_default_gateways": (ADMIN, of(STATUSES), {}),
    "set_workload_annotations": (OWNER, of([status for status in STATUSES if status not in NOBODYS]), {"role": "db"}),
}
REQUESTS = (*ACTIONS, "allocate", "read", "query_power_state", "power_parameters", "get_token", "update", "delete")


def expected(action, role, status):
    """(code, status afterwards)."""
    mine = role == "admin" or status in NOBODYS or role == "owner"
    if action == "allocate":
        return (200, "Allocated") if status == "Ready" else (409, SAME)
    if action in ("read", "query_power_state"):
        return (200 if mine else 404, SAME)
    who, accepted, _ = ACTIONS.get(action, (ADMIN, of(STATUSES), {}))
    if who == ADMIN and role != "admin":
        return 403, SAME
    if not mine:
        return 404, SAME  # they do not see it
    if role != "admin" and status in NOBODYS and not (action == "deploy" and status == "Ready"):
        return 403, SAME
    if status not in accepted:
        return 409, SAME
    return (204 if action == "delete" else 200), accepted[status]


class Table:
    def __init__(self, api):
        self.api = api
        self.clients = {"admin": api.admin, "owner": api.user("table-owner"), "other": api.user("table-other")}
        self.ids = self.make()

    def make(self):
        found = {status: make(self.api.admin, power_type="ipmi", power_parameters_power_address="10.1.0.9")["system_id"] for status in STATUSES}
        self.api.sql("INSERT INTO block_device (node_id, name, size, block_size) SELECT id, 'sda', 10^11, 512 FROM node "
                     "WHERE id NOT IN (SELECT node_id FROM block_device)")  # something to lay out and to go back to
        return found

    def put(self, action):
        """Every machine in its status, with nothing under way."""
        rows = ", ".join(f"('{system_id}', {number}, {str(status not in NOBODYS).lower()})"
                         for number, (status, system_id) in enumerate(self.ids.items()))
        power = "manual" if action.startswith(("power_o", "query")) else "ipmi"
        self.api.sql(f"""BEGIN;
            UPDATE node SET status = v.status, previous_status = {STATUSES.index(WAS)}, locked = {str(action == "unlock").lower()},
                owner_id = CASE WHEN v.owned THEN (SELECT id FROM account WHERE username = 'table-owner') END, power_type = '{power}',
                commissioned = now(), deployed = now(), status_expires = NULL, agent_name = '' FROM (VALUES {rows}) v (id, status, owned)
                WHERE node.system_id = v.id;
            DELETE FROM special_filesystem;
            {"INSERT INTO special_filesystem (node_id, fstype, mount_point) SELECT id, 'tmpfs', '/scratch' FROM node;"
             if action == "unmount_special" else ""}
            DELETE FROM operation; DELETE FROM event; COMMIT""")

    def ask(self, action, role, system_id):
        client, path = self.clients[role], f"machines/{system_id}/"
        if action == "allocate":
            return client.post("machines/?op=allocate", system_id=system_id)
        if action in ("query_power_state", "power_parameters", "get_token"):
            return client.get(path, op=action)
        if action in ("read", "update", "delete"):
            return {"read": client.get, "update": lambda path: client.put(path, description="x"), "delete": client.delete}[action](path)
        return client.post(f"{path}?op={action}", **ACTIONS[action][2])

    def statuses(self):
        rows = dict(line.split("|") for line in self.api.sql("SELECT system_id, status FROM node").splitlines())
        return {status: STATUSES[int(rows[system_id])] if system_id in rows else None for status, system_id in self.ids.items()}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    program = Api(GANTRY_IMAGES=make_images(tmp_path_factory.mktemp("images")))
    for name, value in (("default_osystem", "debian"), ("default_distro_series", "bookworm")):
        assert program.admin.post("maas/?op=set_config", name=name, value=value).status == 200
    yield Table(program)
    program.close()


@pytest.mark.parametrize("role", ("admin", "owner", "other"))
@pytest.mark.parametrize("action", REQUESTS)
def test_every_status(table, action, role):
    table.put(action)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        replies = dict(zip(table.ids, pool.map(lambda system_id: table.ask(action, role, system_id), table.ids.values())))
    after = table.statuses()
    wrong = []
    for status, reply in replies.items():
        code, to = expected(action, role, status)
        gone = action == "delete" and code == 204
        if (reply.status, after[status]) != (code, None if gone else to or status):
            wrong.append(f"{status}: {reply.status} and {after[status]}, not {code} and {to or status}: {reply.text[:120]}")
    if action == "delete" and role == "admin":
        table.ids = table.make()
    assert not wrong, "\n".join(wrong)


def test_the_document_says_the_same():
    said = {}
    for name, who, where in re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|$", DOC.read_text(), re.MULTILINE):
        names = where.removesuffix("; also locked")
        if names == "all":
            statuses = set(STATUSES)
        elif names.startswith("all but "):
            statuses = set(STATUSES) - set(names.removeprefix("all but ").split(", "))
        else:
            statuses = set(names.split(", "))
        said[name] = (who.split(";")[0], statuses)
    table = {name: (who, set(accepted)) for name, (who, accepted, _) in ACTIONS.items() if name != "set_workload_annotations"}
    table["allocate"] = (EVERYBODY, {"Ready"})
    table["release"] = (OWNER, table["release"][1] - {"Ready", "Releasing"})
    assert {name: row for name, row in said.items() if name in table} == table
