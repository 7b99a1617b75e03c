"""Automatic links get addresses when a machine is deployed: such that nobody else has, and no rack may still be giving."""
import concurrent.futures
import json

import pytest

from conftest import Api, make_images
from test_machines import make, new_mac

READY = 4


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    program = Api(GANTRY_IMAGES=make_images(tmp_path_factory.mktemp("images")))
    yield program
    program.close()


def ready(api, *subnets, links=1):
    machine = make(api.admin, mac_addresses=[new_mac() for _ in subnets], power_type="manual")
    api.sql(f"UPDATE node SET status = {READY}, commissioned = now() WHERE system_id = '{machine['system_id']}'")
    for interface, subnet in zip(machine["interface_set"], subnets):
        api.sql(f"INSERT INTO ip_address (alloc_type, subnet_id, interface_id) SELECT 0, s.id, {interface['id']} FROM subnet s, "
                f"generate_series(1, {links}) WHERE s.name = '{subnet}'")
    return machine


def deploy(api, machine):
    return api.admin.post(machine["resource_uri"] + "?op=deploy", distro_series="bookworm")


def addresses(reply):
    assert reply.status == 200, reply.text
    return [link["ip_address"] for interface in reply.json()["interface_set"] for link in interface["links"]]


def test_lowest_that_nobody_has(api):
    api.sql("""INSERT INTO subnet (name, vlan_id, cidr, gateway_ip, dns_servers) VALUES
            ('four', 5001, '10.40.0.0/24', '10.40.0.1', '{10.40.0.3}'), ('six', 5001, 'fd00:40::/64', 'fd00:40::1', '{}');
        INSERT INTO ip_range (subnet_id, type, start_ip, end_ip) SELECT id, 'dynamic', '10.40.0.4', '10.40.0.9' FROM subnet WHERE name = 'four';
        INSERT INTO reserved_ip (subnet_id, ip, mac_address) SELECT id, '10.40.0.11', '52:54:00:11:11:11' FROM subnet WHERE name = 'four';
        INSERT INTO dhcp_lease (ip, subnet_id, mac_address, expires) SELECT v.ip::inet, id, '52:54:00:11:11:12', v.until::timestamptz FROM subnet,
            (VALUES ('10.40.0.12', '2999-01-01'), ('10.40.0.13', '2001-01-01')) v (ip, until) WHERE name = 'four'""")
    machine = ready(api, "four", "six", links=2)
    assert addresses(deploy(api, machine)) == ["10.40.0.2", "10.40.0.10", "fd00:40::2", "fd00:40::3"]
    assert addresses(deploy(api, ready(api, "four"))) == ["10.40.0.13"]
    released = api.admin.post(machine["resource_uri"] + "?op=release")
    assert "ip_address" not in json.dumps(released.json()["interface_set"][0]["links"])
    assert addresses(deploy(api, ready(api, "four"))) == ["10.40.0.2"]


def test_what_a_rack_may_still_give_is_left_alone(api):
    """A range that is gone, a machine that moved: until the rack has confirmed the change, the addresses are not given anew."""
    subnet = api.sql("INSERT INTO subnet (name, vlan_id, cidr) VALUES ('held', 5001, '10.41.0.0/28') RETURNING id")
    networks = json.dumps([{"subnet_id": int(subnet), "ranges": [{"first": "10.41.0.1", "last": "10.41.0.3"}],
                            "hosts": [{"mac": "52:54:00:11:22:33", "address": "10.41.0.4"}],
                            "held": [{"address": "10.41.0.5", "mac": None}]}])
    api.sql(f"""INSERT INTO dhcp_document (rack, owner, version, networks, held) VALUES
            ('rck001', 1, 'x', '{networks}', '[{{"address": "10.41.0.6", "rack": "rck002"}}]');
        INSERT INTO dhcp_draining (rack, ip, mac_address, until) VALUES ('rck001', '10.41.0.7', '52:54:00:11:22:34', now() + interval '1 h'),
            ('rck001', '10.41.0.8', '52:54:00:11:22:35', now() - interval '1 h')""")
    assert addresses(deploy(api, ready(api, "held"))) == ["10.41.0.8"]
    api.sql("DELETE FROM dhcp_document; DELETE FROM dhcp_draining")
    assert addresses(deploy(api, ready(api, "held"))) == ["10.41.0.1"]


def test_exhausted(api):
    api.sql("INSERT INTO subnet (name, vlan_id, cidr) VALUES ('small', 5001, '10.42.0.0/30')")
    assert addresses(deploy(api, ready(api, "small", links=2))) == ["10.42.0.1", "10.42.0.2"]
    machine = ready(api, "small")
    reply = deploy(api, machine)
    assert (reply.status, reply.text) == (503, "No more IPs available in subnet: 10.42.0.0/30.")
    assert api.admin.get(machine["resource_uri"]).json()["status"] == READY


def test_two_at_a_time(api):
    api.sql("INSERT INTO subnet (name, vlan_id, cidr) VALUES ('both', 5001, '10.43.0.0/24')")
    machines = [ready(api, "both", links=3) for _ in range(6)]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        found = [address for reply in pool.map(lambda machine: deploy(api, machine), machines) for address in addresses(reply)]
    assert len(set(found)) == 18 and set(found) == {f"10.43.0.{last}" for last in range(1, 19)}
