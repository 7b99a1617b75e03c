"""Power of machines: who may, what is recorded, and that it happens once, behind the commit. Here no rack is linked; test/rack and the
lab have real BMCs."""
import uuid

from test_machines import make


def events(api, machine):
    found = api.admin.get("events/?op=query", id=machine["system_id"], level="DEBUG").json()["events"]
    return [(event["type"], event["description"]) for event in found]


def with_ipmi(api):
    return make(api.admin, deployed="true", power_type="ipmi", power_parameters_power_address="10.1.0.9", power_parameters_power_pass="Geheim17")


def test_without_a_rack_it_fails_and_says_so(api):
    made = with_ipmi(api)
    reply = api.admin.post(made["resource_uri"] + "?op=power_on", comment="please")
    assert reply.status == 503 and "Retry-After" in reply.headers and "rack" in reply.text, reply.text
    read = api.admin.get(made["resource_uri"]).json()
    assert read["power_state"] == "error"
    assert events(api, made)[:2] == [("Failed to power on node", reply.text), ("User powering up node", "please")]
    reply = api.admin.get(made["resource_uri"] + "?op=query_power_state")
    assert reply.status == 503 and events(api, made)[0][0] == "Failed to query node's BMC"
    assert api.admin.post(made["resource_uri"] + "?op=power_off").status == 503
    assert "Geheim17" not in str(events(api, made))


def test_a_repeat_after_a_failure_tries_again(api):
    made = with_ipmi(api)
    headers = {"X-Request-Id": str(uuid.uuid4())}
    for tries in (1, 2):
        assert api.admin.post(made["resource_uri"] + "?op=power_on", headers).status == 503
        assert [event[0] for event in events(api, made)].count("Failed to power on node") == tries
    assert api.sql(f"SELECT count(*) FROM request WHERE id = '{headers['X-Request-Id']}'") == "0"


def test_a_repeat_meanwhile_waits_for_the_first(api):
    """The id is claimed, and its work is not done yet: no answer is made up for it."""
    made = make(api.admin, deployed="true", power_type="manual")
    headers = {"X-Request-Id": str(uuid.uuid4())}
    assert api.admin.post(made["resource_uri"] + "?op=power_on", headers).status == 200
    api.sql(f"UPDATE request SET status = NULL, result = NULL WHERE id = '{headers['X-Request-Id']}'")
    reply = api.admin.post(made["resource_uri"] + "?op=power_on", headers)
    assert reply.status == 409 and reply.headers["Retry-After"] == "5"


def test_nothing_controls_it(api):
    manual, none = make(api.admin, deployed="true", power_type="manual"), make(api.admin, deployed="true")
    assert api.admin.post(manual["resource_uri"] + "?op=power_on").json()["system_id"] == manual["system_id"]
    assert api.admin.post(none["resource_uri"] + "?op=power_on").status == 409
    for machine in (manual, none):
        assert api.admin.post(machine["resource_uri"] + "?op=power_off").json() is None
        assert api.admin.get(machine["resource_uri"] + "?op=query_power_state").json() == {"state": "unknown"}


def test_who_may_and_what_is_refused(api):
    made = make(api.admin, power_type="manual")
    plain = api.user("switch-plain")
    assert plain.post(made["resource_uri"] + "?op=power_on").status == 403
    assert plain.post(made["resource_uri"] + "?op=power_off").status == 403
    assert api.admin.post(made["resource_uri"] + "?op=power_on").status == 409  # nobody has it
    api.sql(f"UPDATE node SET status = 6, owner_id = (SELECT id FROM account WHERE username = 'switch-plain') "
            f"WHERE system_id = '{made['system_id']}'")
    assert plain.post(made["resource_uri"] + "?op=power_on").status == 200
    assert "stop_mode" in api.admin.post(made["resource_uri"] + "?op=power_off", stop_mode="soft").json()
    assert "user_data" in api.admin.post(made["resource_uri"] + "?op=power_on", user_data="!").json()
    assert api.admin.post(made["resource_uri"] + "?op=power_on", user_data="eA==").status == 200
    assert api.admin.cli(made["resource_uri"] + "?op=power_on", ("user_data", b"eA==\n")).status == 200  # user_data@=FILE
    assert api.sql(f"SELECT encode(user_data, 'escape') FROM node WHERE system_id = '{made['system_id']}'") == "x"
    assert api.admin.post("machines/nobody/?op=power_on").status == 404


def test_what_only_wakes(api):
    """Told to turn on; turning off and looking is a person's."""
    made = make(api.admin, deployed="true", power_type="wakeonlan", power_parameters_power_mac="52:54:00:00:0a:01")
    assert api.admin.post(made["resource_uri"] + "?op=power_on").status == 503
    assert api.admin.post(made["resource_uri"] + "?op=power_off").json() is None
    assert api.admin.get(made["resource_uri"] + "?op=query_power_state").json() == {"state": "unknown"}
    assert "Node powered off" not in str(events(api, made))
