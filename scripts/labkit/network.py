"""Namespaces, bridges and links of a lab, and the faults made with them."""
from .system import LabError, in_netns, netns_exists, netns_pids, run

BRIDGE_M, BRIDGE_P = "brm", "brp"
TABLE = "lab_isolate"


def ip(netns, *arguments, **options):
    return run("ip", "-n", netns, *arguments, **options)


def check_free(plan):
    for netns in [plan.hub, *[h.netns for h in plan.hosts]]:
        if netns_exists(netns):
            raise LabError(f"namespace {netns} exists already: `scripts/lab down --name {plan.name}` first, "
                           "or choose another --name")


def _make_netns(netns):
    run("ip", "netns", "add", netns)
    ip(netns, "link", "set", "lo", "up")


def _link(plan, host, port, bridge, interface, address):
    """A cable from a host to a bridge of the hub."""
    run("ip", "link", "add", port, "netns", plan.hub, "type", "veth", "peer", "name", interface, "netns", host.netns)
    ip(plan.hub, "link", "set", port, "master", bridge, "up")
    ip(host.netns, "addr", "add", f"{address}/24", "dev", interface)
    ip(host.netns, "link", "set", interface, "up")


def make(plan):
    _make_netns(plan.hub)
    for bridge in (BRIDGE_M, BRIDGE_P):
        ip(plan.hub, "link", "add", bridge, "type", "bridge", "forward_delay", "0", "stp_state", "0")
        ip(plan.hub, "link", "set", bridge, "up")
    for host in plan.hosts:
        _make_netns(host.netns)
        _link(plan, host, host.hub_port, BRIDGE_M, "mgmt0", host.address)
        if host.provision_address:
            _link(plan, host, host.hub_provision_port, BRIDGE_P, "prov0", host.provision_address)
    for machine in plan.machines:
        ip(plan.hub, "addr", "add", f"{machine.bmc_address}/24", "dev", BRIDGE_M)
        ip(plan.hub, "tuntap", "add", machine.tap, "mode", "tap")
        ip(plan.hub, "link", "set", machine.tap, "master", BRIDGE_P, "up")
    run(*in_netns(plan.hub, "nft", "-f", "-"), input=f"""
table bridge {TABLE} {{
  set pairs {{ type ifname . ifname; }}
  chain forward {{ type filter hook forward priority 0; iifname . oifname @pairs drop; }}
}}
""")


def remove(plan):
    for netns in [*[h.netns for h in plan.hosts], plan.hub]:
        if netns_exists(netns):
            left = netns_pids(netns)
            if left:
                raise LabError(f"processes {left} are still in {netns}")
            run("ip", "netns", "del", netns)


def set_link(plan, host, up):
    """The cables of a host, pulled at the hub's end: nothing it sends leaves any more."""
    for port in filter(None, [host.hub_port, host.hub_provision_port if host.provision_address else ""]):
        ip(plan.hub, "link", "set", port, "up" if up else "down")


def _ports(host):
    return [host.hub_port, *([host.hub_provision_port] if host.provision_address else [])]


def isolate(plan, host, direction, others):
    """Frames between host and others (all, with the machines, when empty) are dropped at the bridges."""
    if others:
        far = [port for other in others for port in _ports(other)]
    else:
        far = [port for other in plan.hosts if other is not host for port in _ports(other)]
        far += [machine.tap for machine in plan.machines]
    pairs = []
    for near_port in _ports(host):
        if direction in ("in", "both"):
            pairs += [(port, near_port) for port in far]
        if direction in ("out", "both"):
            pairs += [(near_port, port) for port in far]
    elements = ", ".join(f'"{a}" . "{b}"' for a, b in pairs)
    run(*in_netns(plan.hub, "nft", "-f", "-"), input=f"add element bridge {TABLE} pairs {{ {elements} }}\n")


def heal(plan, host=None):
    """Undo isolate: of all, or of one host."""
    if host is None:
        run(*in_netns(plan.hub, "nft", "flush", "set", "bridge", TABLE, "pairs"))
        return
    text = run(*in_netns(plan.hub, "nft", "list", "set", "bridge", TABLE, "pairs")).stdout
    inside = text.partition("elements = {")[2].partition("}")[0]
    keep = [e.strip() for e in inside.split(",") if e.strip() and not any(f'"{p}"' in e for p in _ports(host))]
    script = f"flush set bridge {TABLE} pairs\n"
    if keep:
        script += f"add element bridge {TABLE} pairs {{ {', '.join(keep)} }}\n"
    run(*in_netns(plan.hub, "nft", "-f", "-"), input=script)
