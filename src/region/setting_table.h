/*
 * The settings of the cluster: name, kind, default as JSON, allowed values. Names and defaults are
 * MAAS's, but for ssh_keys_... and enable_kexec: tests and docs walk this table. Included by
 * setting.c and package_repository_store.c.
 */
#pragma once

/** Where Ubuntu is while nobody says otherwise. */
#define SETTING_MAIN_ARCHIVE  "http://archive.ubuntu.com/ubuntu"
#define SETTING_PORTS_ARCHIVE "http://ports.ubuntu.com/ubuntu-ports"

/* clang-format off */
#define SETTING_TABLE(X)                                                                         \
    X(maas_name, TEXT, "\"gantry\"", NULL)                                                       \
    X(theme, TEXT, "\"\"", NULL)                                                                 \
    X(kernel_opts, TEXT_OR_NULL, "null", NULL)                                                   \
    X(enable_http_proxy, BOOL, "true", NULL)                                                     \
    X(maas_proxy_port, PORT, "8000", NULL)                                                       \
    X(use_peer_proxy, BOOL, "false", NULL)                                                       \
    X(prefer_v4_proxy, BOOL, "false", NULL)                                                      \
    X(http_proxy, URL_OR_NULL, "null", NULL)                                                     \
    X(default_dns_ttl, COUNT, "30", NULL)                                                        \
    X(upstream_dns, ADDRESSES, "null", NULL)                                                     \
    X(dnssec_validation, CHOICE, "\"auto\"", "auto yes no")                                      \
    X(maas_internal_domain, TEXT, "\"maas-internal\"", NULL)                                     \
    X(dns_trusted_acl, TEXT_OR_NULL, "null", NULL)                                               \
    X(ntp_servers, TEXT, "\"ntp.ubuntu.com\"", NULL)                                             \
    X(ntp_external_only, BOOL, "false", NULL)                                                    \
    X(remote_syslog, TEXT_OR_NULL, "null", NULL)                                                 \
    X(maas_syslog_port, PORT, "5247", NULL)                                                      \
    X(network_discovery, CHOICE, "\"enabled\"", "enabled disabled")                              \
    X(active_discovery_interval, COUNT, "10800", "0 600 1800 3600 10800 21600 43200 86400 604800") \
    X(default_boot_interface_link_type, CHOICE, "\"auto\"", "auto static dhcp link_up")          \
    X(default_osystem, TEXT, "\"ubuntu\"", NULL)                                                 \
    X(default_distro_series, TEXT, "\"noble\"", NULL)                                            \
    X(default_min_hwe_kernel, TEXT, "\"\"", NULL)                                                \
    X(enable_kernel_crash_dump, BOOL, "false", NULL)                                             \
    X(enable_kexec, BOOL, "false", NULL)                                                         \
    X(default_storage_layout, CHOICE, "\"flat\"", "flat lvm bcache vmfs6 vmfs7 blank custom")    \
    X(commissioning_distro_series, TEXT, "\"noble\"", NULL)                                      \
    X(enable_third_party_drivers, BOOL, "true", NULL)                                            \
    X(windows_kms_host, TEXT_OR_NULL, "null", NULL)                                              \
    X(enable_disk_erasing_on_release, BOOL, "false", NULL)                                       \
    X(disk_erase_with_secure_erase, BOOL, "true", NULL)                                          \
    X(disk_erase_with_quick_erase, BOOL, "false", NULL)                                          \
    X(boot_images_auto_import, BOOL, "true", NULL)                                               \
    X(boot_images_no_proxy, BOOL, "false", NULL)                                                 \
    X(curtin_verbose, BOOL, "true", NULL)                                                        \
    X(force_v1_network_yaml, BOOL, "false", NULL)                                                \
    X(enable_analytics, BOOL, "true", NULL)                                                      \
    X(completed_intro, BOOL, "false", NULL)                                                      \
    X(max_node_commissioning_results, COUNT, "10", NULL)                                         \
    X(max_node_testing_results, COUNT, "10", NULL)                                               \
    X(max_node_installation_results, COUNT, "3", NULL)                                           \
    X(max_node_release_results, COUNT, "3", NULL)                                                \
    X(subnet_ip_exhaustion_threshold_count, COUNT, "16", NULL)                                   \
    X(release_notifications, BOOL, "true", NULL)                                                 \
    X(use_rack_proxy, BOOL, "true", NULL)                                                        \
    X(node_timeout, COUNT, "30", NULL)                                                           \
    X(prometheus_enabled, BOOL, "false", NULL)                                                   \
    X(prometheus_push_gateway, TEXT_OR_NULL, "null", NULL)                                       \
    X(prometheus_push_interval, COUNT, "60", NULL)                                               \
    X(promtail_enabled, BOOL, "false", NULL)                                                     \
    X(promtail_port, PORT, "5238", NULL)                                                         \
    X(enlist_commissioning, BOOL, "true", NULL)                                                  \
    X(maas_auto_ipmi_user, IPMI_USER, "\"maas\"", NULL)                                          \
    X(maas_auto_ipmi_user_privilege_level, CHOICE, "\"ADMIN\"", "USER OPERATOR ADMIN")           \
    X(maas_auto_ipmi_k_g_bmc_key, IPMI_KEY, "\"\"", NULL)                                        \
    X(maas_auto_ipmi_cipher_suite_id, CHOICE_OR_EMPTY, "\"3\"", "17 3 8 12")                     \
    X(maas_auto_ipmi_workaround_flags, IPMI_FLAGS, "null", NULL)                                 \
    X(vcenter_server, TEXT, "\"\"", NULL)                                                        \
    X(vcenter_username, TEXT, "\"\"", NULL)                                                      \
    X(vcenter_password, SECRET, "\"\"", NULL)                                                    \
    X(vcenter_datacenter, TEXT, "\"\"", NULL)                                                    \
    X(hardware_sync_interval, DURATION, "\"15m\"", NULL)                                         \
    X(tls_cert_expiration_notification_enabled, BOOL, "false", NULL)                             \
    X(tls_cert_expiration_notification_interval, COUNT, "30", NULL)                              \
    X(session_length, COUNT, "1209600", NULL)                                                    \
    X(ssh_keys_launchpad_url, URL, "\"https://launchpad.net\"", NULL)                            \
    X(ssh_keys_github_url, URL, "\"https://api.github.com\"", NULL)                              \
    X(auto_vlan_creation, BOOL, "true", NULL)                                                    \
    X(main_archive, ARCHIVE, "\"" SETTING_MAIN_ARCHIVE "\"", NULL)                               \
    X(ports_archive, ARCHIVE, "\"" SETTING_PORTS_ARCHIVE "\"", NULL)
/* clang-format on */
