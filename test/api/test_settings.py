"""maas/: every setting of the contract can be read; what is set is checked, kept and read back."""
import pytest

CONTRACT = """maas_name theme kernel_opts enable_http_proxy maas_proxy_port use_peer_proxy prefer_v4_proxy http_proxy
default_dns_ttl upstream_dns dnssec_validation maas_internal_domain dns_trusted_acl ntp_servers ntp_server
ntp_external_only remote_syslog maas_syslog_port network_discovery active_discovery_interval
default_boot_interface_link_type default_osystem default_distro_series default_min_hwe_kernel enable_kernel_crash_dump
default_storage_layout commissioning_distro_series enable_third_party_drivers windows_kms_host
enable_disk_erasing_on_release disk_erase_with_secure_erase disk_erase_with_quick_erase boot_images_auto_import
boot_images_no_proxy curtin_verbose force_v1_network_yaml enable_analytics completed_intro
max_node_commissioning_results max_node_testing_results max_node_installation_results max_node_release_results
subnet_ip_exhaustion_threshold_count release_notifications use_rack_proxy node_timeout prometheus_enabled
prometheus_push_gateway prometheus_push_interval promtail_enabled promtail_port enlist_commissioning
maas_auto_ipmi_user maas_auto_ipmi_user_privilege_level maas_auto_ipmi_k_g_bmc_key maas_auto_ipmi_cipher_suite_id
maas_auto_ipmi_workaround_flags vcenter_server vcenter_username vcenter_password vcenter_datacenter
hardware_sync_interval tls_cert_expiration_notification_enabled tls_cert_expiration_notification_interval
session_length auto_vlan_creation main_archive ports_archive""".split()


def get(client, name):
    return client.get("maas/?op=get_config", name=name)


def put(client, name, value):
    return client.post("maas/?op=set_config", name=name, value=value)


@pytest.mark.parametrize("name", CONTRACT)
def test_default_can_be_set_again(api, name):
    reply = get(api.admin, name)
    assert reply.status == 200
    assert reply.headers["Content-Type"].startswith("application/json")
    value = reply.json()
    again = put(api.admin, name, "" if value is None else str(value))
    assert (again.status, again.text) == (200, "OK"), again.text
    assert get(api.admin, name).json() == value


def test_defaults(api):
    for name, value in (("kernel_opts", None), ("maas_proxy_port", 8000), ("enable_http_proxy", True),
                        ("dnssec_validation", "auto"), ("session_length", 1209600), ("theme", "")):
        assert get(api.admin, name).json() == value


@pytest.mark.parametrize("name,given,stored", [
    ("kernel_opts", "console=ttyS0 \"x\" ü", "console=ttyS0 \"x\" ü"), ("kernel_opts", "", None),
    ("enable_http_proxy", "OFF", False), ("curtin_verbose", "1", True), ("maas_proxy_port", "3128", 3128),
    ("upstream_dns", "8.8.8.8 2001:db8::1", "8.8.8.8 2001:db8::1"), ("hardware_sync_interval", "1h 30m", "1h 30m"),
    ("active_discovery_interval", "600", 600), ("maas_auto_ipmi_cipher_suite_id", "", ""),
    ("http_proxy", "http://proxy:3128/", "http://proxy:3128/"), ("maas_auto_ipmi_user", "site.bmc", "site.bmc"),
    ("maas_auto_ipmi_k_g_bmc_key", "twenty characters it", "twenty characters it"),
    ("maas_auto_ipmi_workaround_flags", "opensesspriv, authcap", ["opensesspriv", "authcap"]), ("maas_auto_ipmi_workaround_flags", " ", None),
])
def test_set(api, name, given, stored):
    assert put(api.admin, name, given).status == 200
    assert get(api.admin, name).json() == stored


@pytest.mark.parametrize("name,value", [
    ("enable_http_proxy", "maybe"), ("maas_proxy_port", "70000"), ("maas_proxy_port", "-1"), ("default_dns_ttl", "1.5"),
    ("upstream_dns", "nowhere"), ("dnssec_validation", "perhaps"), ("active_discovery_interval", "601"),
    ("http_proxy", "proxy"), ("hardware_sync_interval", "soon"), pytest.param("theme", "x" * 5000, id="long"), ("main_archive", ""),
    ("maas_auto_ipmi_user_privilege_level", "GOD"), ("maas_auto_ipmi_user", ""), ("maas_auto_ipmi_user", "two words"),
    ("maas_auto_ipmi_user", "-U"), ("maas_auto_ipmi_user", "seventeen.letters"), ("maas_auto_ipmi_k_g_bmc_key", "twenty-one characters"),
    ("maas_auto_ipmi_k_g_bmc_key", "\u00fc"), ("maas_auto_ipmi_workaround_flags", "opensesspriv magic"),
])
def test_refused(api, name, value):
    before = get(api.admin, name).json()
    reply = put(api.admin, name, value)
    assert reply.status == 400
    assert list(reply.json()) == [name]
    assert get(api.admin, name).json() == before


def test_unknown_names(api):
    assert get(api.admin, "no_such").status == 400
    assert get(api.admin, "rpc_shared_secret").status == 400
    assert put(api.admin, "omapi_key", "x").status == 400
    assert api.admin.get("maas/?op=get_config").text == "No provided name!"
    assert api.admin.post("maas/?op=set_config", name="theme").text == "No provided value!"


def test_alias(api):
    assert put(api.admin, "ntp_server", "time.example").status == 200
    assert get(api.admin, "ntp_servers").json() == "time.example"


def test_secrets_are_for_admins(api):
    plain = api.user("curious")
    assert get(plain, "maas_name").status == 200
    for name in ("vcenter_password", "maas_auto_ipmi_k_g_bmc_key"):
        assert get(plain, name).status == 403
