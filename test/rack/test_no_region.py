"""Every region is dead: the rack gives addresses within its terms, and boots machines from what it has; after the terms it
says nothing about addresses any more."""
import os
import struct
import time

import pytest

from dhcp_wire import BUILD, DISCOVER, RACK, Client, blocks_of, document, ip
from regions import Refusal, wait_for
from test_boot_part import KERNEL, Place

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not (BUILD / "gantry-rackd").exists(), reason="needs root: network namespaces")

TERM_S = 60  # a lease is 30 s at least: free addresses are given for half of it
HOST = {"mac": "02:00:00:00:00:99", "address": "10.77.0.30", "hostname": "happy-hippo"}


def mac_of(number):
    return bytes([2, 0, 0]) + struct.pack("!I", number)[1:]


@pytest.fixture(name="place")
def make_place(authority, tmp_path):
    made = Place(authority, tmp_path)
    yield made
    made.close()
    print(made.rackd.text())


@pytest.fixture(name="client")
def make_client(place):
    client = Client(place.wire)
    ip("-n", place.wire.client, "addr", "add", "10.77.0.2/24", "dev", "client0")
    yield client
    client.close()


def given(client, number, wait_s=0.3):
    client.socket.settimeout(wait_s)
    try:
        return client.lease(mac_of(number))
    except TimeoutError:
        return None


def test_within_its_terms_and_not_longer(place, client):
    config = document("v1", hosts=[HOST])
    place.region.answers.update(dhcp_config=config, dhcp_blocks=blocks_of(config, TERM_S),
                                partner_leases={"leases": [], "next": 0})
    place.region.answers["boot_config"] = lambda params: {
        "purpose": "commissioning", "kernel": "vmlinuz", "initrd": "initrd.gz", "root": "root.squashfs", "preseed": "/MAAS/x",
        "options": "", "keep": True}
    place.region.link.note("config_changed")
    address = wait_for("an address", lambda: given(client, 1))
    place.boot("ipxe.cfg-02-00-00-00-00-01")
    place.boot("images/vmlinuz")
    wait_for("the answer on disk", lambda: (place.rackd.data / "boot-answers").exists())
    time.sleep(1.2)
    # Nothing is asked for any more from here on: the terms run.
    place.region.close()
    place.hop.close()
    start = time.monotonic()
    assert given(client, 2) not in (None, address)
    assert given(client, 1) == address
    assert given(client, 0x99) == HOST["address"]
    assert place.wire.run("curl", "-s", f"tftp://{RACK}/bootx64.efi").stdout == "loader"
    assert "vmlinuz" in place.boot("ipxe.cfg-02-00-00-00-00-01")[1]
    assert len(place.boot("images/vmlinuz")[1]) == len(KERNEL)
    # A process that starts now goes on with it, but for what its clock says.
    place.rackd.kill()
    place.start_alone()
    assert wait_for("the address again", lambda: given(client, 1), 15) == address
    # Too little of the blocks' term is left for a lease: reservations only.
    time.sleep(max(0.0, start + TERM_S - 28 - time.monotonic()))
    assert given(client, 3) is None and given(client, 1) is None
    assert given(client, 0x99) == HOST["address"]
    # The configuration's term is over: nothing at all, and boot files as before.
    time.sleep(max(0.0, start + TERM_S + 2 - time.monotonic()))
    assert given(client, 0x99) is None
    assert "vmlinuz" in place.boot("ipxe.cfg-02-00-00-00-00-01")[1]
    assert int(place.metrics()['gantry_dhcp_decisions_total{reason="term_over"}']) >= 1


def test_a_store_that_the_regions_know_better(place, client):
    """The lease file is lost, or is an older one: other addresses from then on."""
    config, asked = document("v1"), []

    def blocks(params):
        asked.append((params["store"], params["sequence"]))
        if params["store"] == asked[0][0] and len({store for store, _ in asked}) == 1 and place.outdated:
            raise Refusal("gone", "the store lacks leases that it had confirmed: it owns nothing")
        first = 6 if params["store"] == asked[0][0] else 9
        return {"term_s": 86400, "blocks": [[(10 << 24 | 77 << 16) // 16 + first, 2]]}
    place.outdated = False
    place.region.answers.update(dhcp_config=config, dhcp_blocks=blocks, partner_leases={"leases": [], "next": 0})
    place.region.link.note("config_changed")
    assert wait_for("an address", lambda: given(client, 1)) == "10.77.0.100"
    place.outdated = True
    wait_for("the refusal", lambda: "going on as a new store" in place.rackd.text(), 30)
    assert wait_for("another address", lambda: given(client, 2)) == "10.77.0.144"
    assert given(client, 1) == "10.77.0.145"  # what it had is not this rack's any more
    place.rackd.kill()
    (place.rackd.data / "dhcp.leases").unlink()
    place.start()
    stores = len({store for store, _ in asked})
    wait_for("a third store", lambda: len({store for store, _ in asked}) == stores + 1)
    assert asked[-1][1] == 0
    client.socket.settimeout(0.5)
    assert client.ask(DISCOVER, mac_of(3))[1] in ("10.77.0.144", "10.77.0.145")


def test_a_store_that_has_told_more(place, client):
    """Copied, gone on with, and restored: the regions have confirmed no more than the copy has, but were told of leases that it
    lacks. A question that was overtaken by such a report is only asked again."""
    config, stores, told = document("v1"), [], {}

    def blocks(params):
        store = params["store"]
        stores.append(store)
        if params["sequence"] < told.get(store, 0):
            return {"known": told[store]}
        first = 6 if store == stores[0] else 9
        return {"term_s": 86400, "blocks": [[(10 << 24 | 77 << 16) // 16 + first, 2]]}

    def leases(params):
        told[params["store"]] = max(params["sequence"], told.get(params["store"], 0))
        return {}
    place.region.answers.update(dhcp_config=config, dhcp_blocks=blocks, leases=leases, partner_leases={"leases": [], "next": 0})
    place.region.link.note("config_changed")
    file = place.rackd.data / "dhcp.leases"
    assert wait_for("an address", lambda: given(client, 1)) == "10.77.0.100"
    copy = file.read_bytes()
    assert given(client, 2) == "10.77.0.101"
    wait_for("both to be told", lambda: told.get(stores[0], 0) >= 2)
    asked = len(stores)
    wait_for("the same store", lambda: len(stores) > asked, 20)
    assert len(set(stores)) == 1
    place.rackd.kill()
    file.write_bytes(copy)
    place.start()
    wait_for("another store", lambda: len(set(stores)) == 2)
    assert "going on as a new store" in place.rackd.text()
    assert wait_for("another address", lambda: given(client, 3)) == "10.77.0.144"
