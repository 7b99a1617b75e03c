"""Up and down, step by step."""
import json
import os
import pathlib
import shutil
import time

from . import hosts, machines, network
from .plan import MANAGEMENT, MARKER, PROVISION
from .system import LabError, in_netns, kill_all, netns_exists, run, say, wait_for

ADMIN = "admin"


class Api:
    """The REST API as a client sees it: through the virtual IP, from the client's namespace."""

    def __init__(self, plan, key):
        self.plan, self.key = plan, key

    def call(self, method, path, timeout_s=10, **fields):
        """(status, text). Fields go into the query of a GET, else into a form."""
        consumer, token, secret = self.key.split(":")
        header = (f'Authorization: OAuth oauth_version="1.0", oauth_signature_method="PLAINTEXT", '
                  f'oauth_consumer_key="{consumer}", oauth_token="{token}", oauth_signature="%26{secret}", '
                  f'oauth_timestamp="{int(time.time())}", oauth_nonce="{os.urandom(8).hex()}"')
        argv = ["curl", "-sS", "-X", method, "--max-time", timeout_s, "-K", "-", "-w", "\n%{http_code}"]
        if method == "GET":
            argv.append("-G")
        lines = ["header = " + json.dumps(header)]  # the key is not in argv
        lines += ["data-urlencode = " + json.dumps(f"{name}={value}")
                  for name, values in fields.items()
                  for value in (values if isinstance(values, list) else [values])]
        result = run(*in_netns(self.plan.client.netns, *argv, self.plan.api_url + path), check=False,
                     input="\n".join(lines) + "\n")
        text, _, status = result.stdout.rpartition("\n")
        return (int(status) if status.isdigit() else 0), text

    def get(self, path, **fields):
        return self._checked("GET", path, fields)

    def post(self, path, **fields):
        return self._checked("POST", path, fields)

    def put(self, path, **fields):
        return self._checked("PUT", path, fields)

    def _checked(self, method, path, fields):
        status, text = self.call(method, path, **fields)
        if not 200 <= status < 300:
            raise LabError(f"{method} {path}: {status} {text[:400]}")
        try:
            return json.loads(text)
        except ValueError:
            return text


class Steps:
    """Prints each step with its time, and keeps the times."""

    def __init__(self):
        self.times, self.start = [], time.monotonic()

    def __call__(self, text):
        now = time.monotonic()
        self.times.append((text, now))
        say(f"{now - self.start:6.1f} s  {text}")


def up(plan, images, stay_on_failure=False):
    _check(plan)
    network.check_free(plan)
    made = not plan.folder.exists()
    plan.folder.mkdir(parents=True, exist_ok=True)
    (plan.folder / MARKER).write_text(plan.name + "\n", encoding="utf-8")
    plan.save()
    try:
        return _bring_up(plan, images)
    except BaseException:
        if not stay_on_failure:
            for host in plan.controllers:
                say(f"--- log of {host.name}\n{hosts.tail(host)}")
            down(plan, keep_files=not made)
        raise


def _check(plan):
    if os.geteuid():
        raise LabError("the lab makes network namespaces: run it as root")
    if not 1 <= plan.numbers["regions"] <= 7:
        raise LabError("--regions: a cluster has 1 to 7 regions")
    for program in ("gantry-fenced", "gantry-regiond", "gantry", *(["gantry-rackd"] if plan.racks else [])):
        plan.program(program)
    for tool in ("ip", "nft", "curl", "haproxy", "nsenter"):
        if not shutil.which(tool):
            raise LabError(f"{tool} is missing: run scripts/setup")
    machines.check_tools(plan)
    hosts.user_ids()
    closed = _closed_above(plan.folder)
    if closed:
        raise LabError(f"--dir {plan.folder}: user {hosts.USER} cannot enter {closed}; choose another folder")
    longest = plan.folder / "region1" / "run" / ".s.PGSQL.5253.lock"
    if len(str(longest)) > 100:
        raise LabError(f"--dir {plan.folder}: too long for unix sockets")


def _closed_above(path):
    """The folder above path that the unprivileged user cannot enter, or None."""
    return next((above for above in path.parents if above.exists() and not above.stat().st_mode & 0o001), None)


def _place_programs(plan):
    """A checkout may lie where the unprivileged user cannot enter (/root): its programs are copied then."""
    if not _closed_above(plan.build / "gantry"):
        return
    target = plan.folder / "bin"
    target.mkdir()
    for program in plan.build.glob("gantry*"):
        if program.is_file():
            shutil.copy2(program, target / program.name)
    plan.build = target
    plan.save()


def _bring_up(plan, images):
    step = Steps()
    _place_programs(plan)
    step("network")
    network.make(plan)
    hosts.forget_left()
    for host in plan.controllers:
        hosts.configure(plan, host)
    plan.client.folder.mkdir(parents=True, exist_ok=True)
    if images:
        step("images")
        hosts.place_images(plan, images)
    for machine in plan.machines:
        machines.make(machine)
        machines.start_bmc(plan, machine)
    step("region1 starts")
    region = plan.regions[0]
    hosts.start(plan, region)
    wait_for("the control socket of region1", (region.run / "regiond.sock").exists, 15)
    step("cluster init")
    answer = _init_cluster(plan, region)
    api = Api(plan, answer["api_key"])
    wait_for("the API through the virtual IP", lambda: api.call("GET", "users/", op="whoami")[0] == 200, 30)
    hosts.gantry(plan, plan.client, "login", plan.name, plan.api_url, "--key-file", plan.folder / "client" / "api.key")
    step("the API answers through the virtual IP")
    for other in plan.regions[1:]:
        _join_region(plan, other)
        step(f"{other.name} joins")
    if len(plan.regions) > 1:
        wait_for("every region to vote", lambda: _all(plan, "raft_voter"), 60)
        step("every region votes")
        wait_for("a copy of the data on every region", lambda: _all(plan, "data_voter"), 120)
        step("every region has the data, and votes on it")
    for rack in plan.racks:
        _join_rack(plan, rack, api, step)
    if plan.racks:
        _serve_provisioning(plan, api)
        step(f"DHCP on {plan.provision_subnet}")
    lab = describe(plan, answer)
    _write_lab(plan, lab)
    step("up")
    return lab


def _init_cluster(plan, region):
    password_file = plan.folder / "client" / "admin.password"
    password_file.write_text(os.urandom(9).hex() + "\n", encoding="utf-8")
    password_file.chmod(0o600)
    result, _ = hosts.gantry(plan, region, "--json", "cluster", "init", "--name", plan.name, "--admin-user", ADMIN,
                             "--admin-password-file", password_file)
    answer = _last_json(result.stdout)
    answer["password"] = password_file.read_text(encoding="utf-8").strip()
    key_file = plan.folder / "client" / "api.key"
    key_file.touch(mode=0o600)
    key_file.write_text(answer["api_key"] + "\n", encoding="utf-8")
    return answer


def _last_json(text):
    """The JSON object that ends the output; progress may stand before it."""
    start = len(text)
    while (start := text.rfind("{", 0, start)) >= 0:
        try:
            return json.loads(text[start:])
        except ValueError:
            continue
    raise LabError(f"no JSON in the answer: {text[-400:]}")


def _join(plan, host):
    """With a token that region1 makes, which goes by a file: it is a secret."""
    result, _ = hosts.gantry(plan, plan.regions[0], "--json", "cluster", "token", "create", "--role", host.role)
    token_file = host.folder / "token"
    token_file.touch(mode=0o600)
    token_file.write_text(_last_json(result.stdout)["token"] + "\n", encoding="utf-8")
    program = "regiond" if host.role == "region" else "rackd"
    hosts.gantry(plan, host, "cluster", "join", f"@{token_file}", "--config", host.folder / f"{program}.conf")
    token_file.unlink()


def _join_region(plan, region):
    hosts.start(plan, region)  # it waits for the join
    _join(plan, region)


def _all(plan, right):
    result, _ = hosts.gantry(plan, plan.regions[0], "--json", "status", check=False)
    if result.returncode:
        return False
    members = json.loads(result.stdout)["members"]
    return len(members) == len(plan.regions) and all(m["reachable"] and m[right] for m in members)


def _join_rack(plan, rack, api, step):
    _join(plan, rack)
    hosts.start(plan, rack)
    wait_for(f"{rack.name} in the list of racks",
             lambda: any(r["hostname"] == rack.name for r in api.get("rackcontrollers/")), 30)
    step(f"{rack.name} is linked")


def _serve_provisioning(plan, api):
    """What an operator does after the first rack joined: a dynamic range, and DHCP on."""
    def subnet_with(cidr):
        return next((s for s in api.get("subnets/") if s["cidr"] == cidr), None)
    subnet = wait_for("the racks' provisioning subnet", lambda: subnet_with(plan.provision_subnet), 20)
    api.post("ipranges/", type="dynamic", start_ip=f"{PROVISION}.100", end_ip=f"{PROVISION}.199",
             subnet=subnet["id"], comment="lab")
    racks = {r["hostname"]: r["system_id"] for r in api.get("rackcontrollers/")}
    choice = {"primary_rack": racks[plan.racks[0].name]}
    if len(plan.racks) > 1:
        choice["secondary_rack"] = racks[plan.racks[1].name]
    api.put(f"vlans/{subnet['vlan']['id']}/", dhcp_on="true", **choice)


def describe(plan, answer=None):
    """lab.json: what a test or a person needs to find everything."""
    lab_file = plan.folder / "lab.json"
    if answer is None:
        try:
            old = json.loads(lab_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise LabError(f"lab {plan.name!r} is not up") from None
        admin, ca_file = old["admin"], old["ca_file"]
    else:
        admin = {"username": ADMIN, "password": answer["password"], "api_key": answer["api_key"]}
        ca_file = answer["ca_file"]
    return {
        "name": plan.name, "dir": str(plan.folder), "api_url": plan.api_url, "vips": plan.vips, "admin": admin,
        "ca_file": ca_file, "client_netns": plan.client.netns,
        "hosts": [{"name": h.name, "role": h.role, "netns": h.netns, "address": h.address,
                   "data_dir": str(h.data), "pids": hosts.pids(h)} for h in plan.hosts],
        "management": {"subnet": f"{MANAGEMENT}.0/24"},
        "provision": {"bridge": network.BRIDGE_P, "netns": plan.hub, "subnet": plan.provision_subnet},
        "machines": [machines.describe(plan, m) for m in plan.machines],
    }


def _write_lab(plan, lab):
    path = plan.folder / "lab.json"
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(json.dumps(lab, indent=1) + "\n", encoding="utf-8")


def down(plan, keep_files=False):
    """Everything the lab made goes; nothing else is touched."""
    for host in [*plan.racks, *plan.regions]:
        if netns_exists(host.netns):
            hosts.stop_orderly(host)
    for netns in [*[h.netns for h in plan.hosts], plan.hub]:
        if netns_exists(netns):
            kill_all(netns)
    network.remove(plan)
    remove_cgroups(f"gantry-{plan.name}-*")
    for host in plan.hosts:
        hosts.release_memory(host)
        shutil.rmtree(hosts.notes(plan, host), ignore_errors=True)
    plan.forget()
    if not keep_files and (plan.folder / MARKER).exists():
        shutil.rmtree(plan.folder)


def remove_cgroups(pattern):
    """fenced leaves empty groups only when it was killed itself."""
    for line in pathlib.Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        fields = line.split()
        if fields[2] != "cgroup2":
            continue
        for top in pathlib.Path(fields[1]).glob(pattern):
            for folder, _, _ in os.walk(top, topdown=False):
                try:
                    os.rmdir(folder)
                except OSError as error:
                    say(f"{folder}: {error.strerror}")
