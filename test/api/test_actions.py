"""Is every action there that MAAS's clients know? One line a handler: its name, its path, its actions as METHOD (create,
read, update, delete) or METHOD:op; those after `anon` also for who has no key."""
import pytest

HANDLERS = """
Account account/ POST:create_authorisation_token POST:delete_authorisation_token GET:list_authorisation_tokens POST:update_token_name
SSHKeys account/prefs/sshkeys/ GET POST POST:import
SSHKey account/prefs/sshkeys/{id}/ GET DELETE
SSLKeys account/prefs/sslkeys/ GET POST
SSLKey account/prefs/sslkeys/{id}/ GET DELETE
Users users/ GET POST GET:whoami
User users/{username}/ GET DELETE
Nodes nodes/ GET POST:set_zone anon GET:is_registered GET:is_action_in_progress
Node nodes/{system_id}/ GET DELETE GET:details GET:power_parameters
Devices devices/ GET POST POST:set_zone anon GET:is_registered GET:is_action_in_progress
Device devices/{system_id}/ GET PUT DELETE GET:details GET:power_parameters POST:restore_default_configuration POST:restore_networking_configuration POST:set_owner_data POST:set_workload_annotations
RackControllers rackcontrollers/ GET GET:describe_power_types POST:import_boot_images GET:power_parameters POST:set_zone anon GET:is_registered GET:is_action_in_progress
RackController rackcontrollers/{system_id}/ GET PUT DELETE POST:abort GET:details POST:import_boot_images GET:list_boot_images POST:override_failed_testing POST:power_off POST:power_on GET:power_parameters GET:query_power_state POST:test
RegionControllers regioncontrollers/ GET POST:set_zone anon GET:is_registered GET:is_action_in_progress
RegionController regioncontrollers/{system_id}/ GET PUT DELETE GET:details GET:power_parameters
ResourcePools resourcepools/ GET POST
ResourcePool resourcepool/{id}/ GET PUT DELETE
Zones zones/ GET POST
Zone zones/{name}/ GET PUT DELETE
Tags tags/ GET POST
Tag tags/{name}/ GET PUT DELETE GET:devices GET:machines GET:nodes GET:rack_controllers GET:region_controllers POST:rebuild POST:update_nodes
Events events/ GET:query
Notifications notifications/ GET POST
Notification notifications/{id}/ GET PUT DELETE POST:dismiss
"""


def actions_of(side):
    return {action["method"] + (f":{action['op']}" if action["op"] else "") for action in side["actions"]} if side else set()


@pytest.fixture(scope="module")
def resources(api):
    return {resource["name"].removesuffix("Handler"): resource for resource in api.nobody.get("describe/").json()["resources"]}


@pytest.mark.parametrize("line", HANDLERS.strip().splitlines(), ids=lambda line: line.split()[0])
def test_every_action_is_described(resources, line):
    name, path, *actions = line.split()
    known = resources[name]
    anon = actions[actions.index("anon") + 1:] if "anon" in actions else []
    assert known["auth"]["path"] == "/MAAS/api/2.0/" + path
    assert set(actions) - {"anon"} - actions_of(known["auth"]) == set()
    assert set(anon) - actions_of(known["anon"]) == set()
