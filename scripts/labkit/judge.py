"""Was anything lost or done twice? What a machine's life left behind in the database, at its BMC and on its cable."""
import collections

from .members import newest_status, sql
from .system import wait_for

# Operations that end with power on: see src/model/operation_kind.c.
POWERING = ("commission", "deploy", "test", "erase", "rescue", "release_scripts", "resume", "restart")
ANSWER_S = 30


def ask(plan, statement):
    """Rows (lists of texts) of the primary's database, which is asked until it answers: silence is no good news."""
    def answers():
        status = newest_status(plan)
        text = sql(plan.host(status["primary"]["name"]), statement, 10) if status else None
        return None if text is None else [text]
    text, = wait_for("an answer of the primary's database", answers, ANSWER_S)
    return [line.split("|") for line in text.splitlines()]


def now(plan):
    return ask(plan, "SELECT now()")[0][0]


def twice(words):
    return sorted(word for word, count in collections.Counter(words).items() if count > 1)


def orders_wrong(orders, started):
    """What is wrong with the orders that a BMC got ("on", "off"), of which `started` were to be "on"."""
    found = [f"the BMC was told power {b} twice in a row" for a, b in zip(orders, orders[1:]) if a == b]
    if orders.count("on") > started:
        found.append(f"the BMC was told power on {orders.count('on')} times for {started} pieces of work")
    return found


class Record:
    """Everything that one life of a machine may leave behind, since a time of the database and a line of its BMC."""

    def __init__(self, plan, machine, system_id):
        self.plan, self.machine, self.system_id = plan, machine, system_id
        self.since, self.first_order = now(plan), len(orders(machine))

    def _rows(self, statement):
        return ask(self.plan, statement.format(node=f"(SELECT id FROM node WHERE system_id = '{self.system_id}')",
                                               since=f"'{self.since}'"))

    def operations(self):
        """[(kind, "open" or "ended", error, again)] in their order."""
        return [tuple(row) for row in self._rows(
            "SELECT kind, CASE WHEN ended IS NULL THEN 'open' ELSE 'ended' END, coalesce(error, ''), "
            "coalesce(params ->> 'again', '') FROM operation WHERE node_id = {node} AND started >= {since} ORDER BY started")]

    def events(self):
        """[(type, description)]."""
        return [(row[0], "|".join(row[1:])) for row in self._rows(
            "SELECT type, description FROM event WHERE node_id = {node} AND created >= {since} AND level >= 20 ORDER BY id")]

    def power_orders(self):
        """["on", "off" or what else its BMC was told]."""
        words = [line.split()[1:] for line in orders(self.machine)[self.first_order:]]
        return [("on" if value == "1" else "off") if what == "power" else what for what, value in words]

    def unfinished_results(self):
        return self._rows("SELECT r.name, r.status FROM script_result r JOIN script_set s ON s.id = r.script_set_id "
                          "WHERE s.node_id = {node} AND s.created >= {since} AND r.ended IS NULL")

    def double_results(self):
        return self._rows("SELECT r.name, count(*) FROM script_result r JOIN script_set s ON s.id = r.script_set_id WHERE "
                          "s.node_id = {node} AND s.created >= {since} GROUP BY s.id, r.name, r.instance HAVING count(*) > 1")

    def sets(self, kind):
        return len(self._rows(f"SELECT id FROM script_set WHERE node_id = {{node}} AND created >= {{since}} AND type = {kind}"))

    def wrong(self, wanted):
        """What is wrong, as texts; wanted = kinds of work that were asked for, each once."""
        work, events, power = self.operations(), self.events(), self.power_orders()
        again = [row for row in work if row[3]]
        first = [row[0] for row in work if not row[3] and row[0] in (*POWERING, "release")]
        found = [] if sorted(first) == sorted(wanted) else [f"work that was begun: {first}, asked for: {list(wanted)}"]
        found += [f"{row[0]}: {row[2]}" for row in work if row[2] and row[2] not in ("superseded", "not needed any more")]
        found += [f"{row[0]} is still open" for row in work if row[1] == "open" and row[0] != "off"]
        found += orders_wrong(power, len([row for row in work if row[0] in POWERING]))
        found += [f"moved twice: {text}" for text in twice(text for kind, text in events if kind == "NODE_CHANGED_STATUS")]
        counts = collections.Counter(kind for kind, _ in events)
        if counts["NODE_STARTED_AGAIN"] != len(again):
            found.append(f"{len(again)} new starts, {counts['NODE_STARTED_AGAIN']} events of them")
        if counts["NODE_POWERED_ON"] > len([row for row in work if row[0] in POWERING]):
            found.append(f"{counts['NODE_POWERED_ON']} events of power on")
        found += [f"result twice: {row}" for row in self.double_results()]
        if "commission" in wanted:
            found += [f"results that did not come: {row}" for row in self.unfinished_results()]
            if self.sets(0) != 1:
                found.append(f"{self.sets(0)} sets of commissioning results")
        return found


def orders(machine):
    try:
        return machine.orders.read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return []


def addresses_wrong(wires):
    """Addresses that were acknowledged to two machines."""
    owners = collections.defaultdict(set)
    for wire in wires:
        for message in wire.dhcp:
            if message["type"] == "ack" and message["address"] != "0.0.0.0":
                owners[message["address"]].add(wire.machine.mac)
    return [f"{address} was given to {' and '.join(sorted(macs))}" for address, macs in owners.items() if len(macs) > 1]
