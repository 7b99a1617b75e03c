"""Is every action there that MAAS's clients know, and for whom it is to be? One line a handler: its name, its path, its
actions as METHOD (create, read, update, delete) or METHOD:op; those behind `admin` are for administrators only, those
behind `anon` also for who has no key."""
import re

import pytest

HANDLERS = """
Account account/ POST:create_authorisation_token POST:delete_authorisation_token GET:list_authorisation_tokens POST:update_token_name
SSHKeys account/prefs/sshkeys/ GET POST POST:import
SSHKey account/prefs/sshkeys/{id}/ GET DELETE
SSLKeys account/prefs/sslkeys/ GET POST
SSLKey account/prefs/sslkeys/{id}/ GET DELETE
Users users/ GET GET:whoami admin POST
User users/{username}/ GET admin DELETE
Nodes nodes/ GET admin POST:set_zone anon GET:is_registered GET:is_action_in_progress
Node nodes/{system_id}/ GET DELETE GET:details admin GET:power_parameters
Devices devices/ GET POST admin POST:set_zone anon GET:is_registered GET:is_action_in_progress
Device devices/{system_id}/ GET PUT DELETE GET:details POST:restore_default_configuration POST:restore_networking_configuration POST:set_owner_data POST:set_workload_annotations admin GET:power_parameters
RackControllers rackcontrollers/ GET admin GET:describe_power_types POST:import_boot_images GET:power_parameters POST:set_zone anon GET:is_registered GET:is_action_in_progress
RackController rackcontrollers/{system_id}/ GET GET:details GET:query_power_state admin PUT DELETE POST:abort POST:import_boot_images GET:list_boot_images POST:override_failed_testing POST:power_off POST:power_on GET:power_parameters POST:test
RegionControllers regioncontrollers/ GET admin POST:set_zone anon GET:is_registered GET:is_action_in_progress
RegionController regioncontrollers/{system_id}/ GET GET:details admin PUT DELETE GET:power_parameters
ResourcePools resourcepools/ GET admin POST
ResourcePool resourcepool/{id}/ GET admin PUT DELETE
Zones zones/ GET admin POST
Zone zones/{name}/ GET admin PUT DELETE
Tags tags/ GET admin POST
Tag tags/{name}/ GET GET:devices GET:machines GET:nodes GET:rack_controllers GET:region_controllers admin PUT DELETE POST:rebuild POST:update_nodes
Events events/ GET:query
Notifications notifications/ GET admin POST
Notification notifications/{id}/ GET POST:dismiss admin PUT DELETE
PackageRepositories package-repositories/ GET admin POST
PackageRepository package-repositories/{id}/ GET admin PUT DELETE
Machines machines/ GET GET:list_allocated POST:allocate POST:release admin POST:accept POST:accept_all POST:add_chassis POST:clone GET:power_parameters POST:set_zone anon POST GET:is_registered GET:is_action_in_progress
Machine machines/{system_id}/ GET GET:details GET:get_curtin_config GET:query_power_state POST:abort POST:deploy POST:mark_broken POST:mount_special POST:power_off POST:power_on POST:release POST:set_owner_data POST:set_workload_annotations POST:unmount_special admin PUT DELETE POST:clear_default_gateways GET:get_token GET:power_parameters POST:commission POST:exit_rescue_mode POST:lock POST:mark_fixed POST:override_failed_testing POST:rescue_mode POST:restore_default_configuration POST:restore_networking_configuration POST:restore_storage_configuration POST:set_storage_layout POST:test POST:unlock
NodeScripts scripts/ GET admin POST
NodeScript scripts/{name} GET GET:download admin PUT DELETE POST:add_tag POST:remove_tag POST:revert
CommissioningScripts commissioning-scripts/ admin GET POST
CommissioningScript commissioning-scripts/{name} admin GET PUT DELETE
NodeScriptResults nodes/{system_id}/results/ GET
NodeScriptResult nodes/{system_id}/results/{id}/ GET GET:download admin PUT DELETE
NodeResults installation-results/ GET
NodeDevices nodes/{system_id}/devices/ GET
NodeDevice nodes/{system_id}/devices/{id}/ GET admin DELETE
BootSources boot-sources/ admin GET POST
BootSource boot-sources/{id}/ admin GET PUT DELETE
BootSourceSelections boot-sources/{boot_source_id}/selections/ admin GET POST
BootSourceSelection boot-sources/{boot_source_id}/selections/{id}/ admin GET PUT DELETE
BootResources boot-resources/ GET GET:is_importing admin POST POST:import POST:stop_import
BootResource boot-resources/{id}/ GET admin DELETE
Files files/ GET POST DELETE GET:get anon GET:get_by_key
File files/{filename}/ GET DELETE
"""


def parse(line):
    """Name, path, {"user": actions, "admin": actions, "anon": actions}."""
    name, path, *words = line.split()
    actions, who = {"user": [], "admin": [], "anon": []}, "user"
    for word in words:
        if word in actions:
            who = word
        else:
            actions[who].append(word)
    return name, path, actions


LINES = [parse(line) for line in HANDLERS.strip().splitlines()]


def actions_of(side):
    return {action["method"] + (f":{action['op']}" if action["op"] else "") for action in side["actions"]} if side else set()


@pytest.fixture(scope="module")
def resources(api):
    return {resource["name"].removesuffix("Handler"): resource for resource in api.nobody.get("describe/").json()["resources"]}


@pytest.mark.parametrize("name,path,actions", LINES, ids=[line[0] for line in LINES])
def test_every_action_is_described(resources, name, path, actions):
    known = resources[name]
    assert known["auth"]["path"] == "/MAAS/api/2.0/" + path
    assert {action for those in actions.values() for action in those} - actions_of(known["auth"]) == set()
    assert set(actions["anon"]) - actions_of(known["anon"]) == set()


@pytest.fixture(scope="module")
def plain(api):
    return api.user("actions-plain")


@pytest.mark.parametrize("name,path,actions", LINES, ids=[line[0] for line in LINES])
def test_who_may(api, plain, name, path, actions):
    for who, those in actions.items():
        for action in those:
            method, _, op = action.partition(":")
            where = re.sub("{[a-z_]+}", "0", path) + (f"?op={op}" if op else "")
            assert (api.nobody.request(method, where).status == 401) == (who != "anon"), (name, action)
            reply = plain.request(method, where)
            assert (reply.status == 403) == (who == "admin") and reply.status not in (401, 405, 500), (name, action, reply.text)
