"""add_chassis: what is asked for. Here no rack is linked; test/rack and test/cluster have chassis that answer."""
import pytest

GOOD = {"chassis_type": "proxmox", "hostname": "10.0.0.9", "username": "root@pam", "password": "Geheim17"}


def add(api, **params):
    return api.admin.post("machines/?op=add_chassis", **params)


@pytest.mark.parametrize("changes, field", [
    ({"chassis_type": "toaster"}, "chassis_type"), ({"username": ""}, "username"), ({"password": ""}, "password"),
    ({"password": "", "token_name": "x"}, "password"), ({"port": "1"}, "port"), ({"protocol": "https"}, "protocol"),
    ({"power_control": "ipmi"}, "power_control"), ({"domain": "nowhere"}, "domain"), ({"rack_controller": "nobody"}, "rack_controller"),
    ({"verify_ssl": "perhaps"}, "verify_ssl"), ({"chassis_type": "virsh", "username": "root"}, "username"),
    ({"chassis_type": "msftocs", "prefix_filter": "a"}, "prefix_filter"),
    ({"chassis_type": "vmware", "token_name": "a"}, "token_name"), ({"chassis_type": "seamicro15k"}, "chassis_type"),
    ({"chassis_type": "ucsm", "prefix_filter": "a"}, "prefix_filter"), ({"chassis_type": "mscm", "port": "22"}, "port"),
    ({"chassis_type": "hmcz", "username": ""}, "username"),
])
def test_what_is_refused(api, changes, field):
    reply = add(api, **{**GOOD, **changes})
    assert reply.status == 400 and field in reply.json(), reply.text
    assert "Geheim17" not in reply.text


@pytest.mark.parametrize("params, text", [
    ({"hostname": "h"}, "chassis_type"), ({"chassis_type": "virsh"}, "hostname"), ({**GOOD, "accept_all": "perhaps"}, "accept_all"),
    ({**GOOD, "hostname": "a b"}, "power_address"), ({"chassis_type": "virsh", "hostname": "10.0.0.9"}, "power_address"),
    ({**GOOD, "chassis_type": "msftocs", "port": "0"}, "power_port"), ({**GOOD, "chassis_type": "ucsm", "hostname": "10.0.0.9"}, "power_address"),
])
def test_what_is_wrong(api, params, text):
    reply = add(api, **params)
    assert reply.status == 400 and text in reply.text, reply.text


def test_without_a_rack_it_fails_and_says_so(api):
    before = api.sql("SELECT count(*) FROM node")
    for params in (GOOD, {**GOOD, "password": "", "token_name": "n", "token_secret": "Geheim17"},
                   {**GOOD, "chassis_type": "ucsm", "hostname": "https://10.0.0.9/"}, {**GOOD, "chassis_type": "mscm"},
                   {**GOOD, "chassis_type": "hmcz", "prefix_filter": "a"},
                   {"chassis_type": "powerkvm", "hostname": "qemu+ssh://root@10.0.0.9/system", "prefix_filter": "a"}):
        reply = add(api, **params)
        assert reply.status == 503 and "rack" in reply.text and "Geheim17" not in reply.text, reply.text
    assert api.sql("SELECT count(*) FROM node") == before
    assert api.user("chassis-plain").post("machines/?op=add_chassis", **GOOD).status == 403
