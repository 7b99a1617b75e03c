"""The rack that serves is lost: the time until a new client has a lease, and whether two clients had an address."""
import time

from dhcp_clients import Clients, Segment
from labkit import hosts, network
from labkit.members import newest_status
from labkit.system import LabError, in_netns, run, wait_for

HELD = 3  # clients with leases of the rack that is lost; the same ones in each round
SETTLE_S = 5  # the other rack hears of their leases
FIRST_PROBE = bytes([2, 0, 9, 0, 0, 1])


def cut(plan, rack):
    """From everything; the lab does not know the cable of our clients."""
    pairs = f'{{ "dhcpc0" . "{rack.hub_provision_port}", "{rack.hub_provision_port}" . "dhcpc0" }}'
    run(*in_netns(plan.hub, "nft", "add", "element", "bridge", network.TABLE, "pairs", pairs))
    network.isolate(plan, rack, "both", [])


FAULTS = {
    "rack-killed": (lambda plan, rack: hosts.kill(plan, rack, "all"), hosts.start),
    "rack-stopped": (lambda _, rack: hosts.pause(rack, "all"), lambda _, rack: hosts.resume(rack, "all")),
    "rack-cut-off": (cut, lambda plan, _: network.heal(plan)),
}


class RackLoss:
    """Clients on the provisioning network of a lab."""

    def __init__(self, lab):
        self.plan = lab.plan
        self.first = self.plan.racks[0]
        self.segment = Segment(lab)
        self.clients = Clients(self.segment)
        self.held = [bytes([2, 0, 8, 0, 0, number]) for number in range(HELD)]

    def close(self):
        self.clients.client.close()
        self.segment.close()

    def healthy(self):
        def linked():
            status = newest_status(self.plan)
            return status and len(status["racks"]) == len(self.plan.racks) and all(rack["region"] for rack in status["racks"])
        wait_for("the racks to be linked", linked, 40)
        wait_for("the first rack to serve", lambda: self.clients.lease(FIRST_PROBE)[1] == self.first.provision_address, 40)

    def round(self, name):
        """Seconds from the first DISCOVER, right after the fault, to the ACK."""
        self.healthy()
        for mac in self.held:
            self.clients.lease(mac)
        time.sleep(SETTLE_S)
        before = len(self.clients.twice)
        fault, mend = FAULTS[name]
        fault(self.plan, self.first)
        try:
            _, server, seconds = self.clients.lease()
            if server == self.first.provision_address:
                raise LabError("the lost rack answered")
        finally:
            mend(self.plan, self.first)
        self.healthy()
        for mac in self.held:
            self.clients.lease(mac)
        return {"unit": "s", "value": round(seconds, 2), "lost": 0, "twice": len(self.clients.twice) - before}
