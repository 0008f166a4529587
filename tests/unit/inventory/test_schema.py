"""The schema is complete, documented, and holds no passwords."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from staddle.inventory.parameters import Parameters, describe, sections
from staddle.inventory.reference import page, type_text
from staddle.inventory.schema import FIELDS, is_secret, kind_of_name

DOCS = Path(__file__).parents[3] / "docs"


def test_the_reference_page_is_up_to_date() -> None:
    hint = "run: python -m staddle.inventory.reference docs/configuration.md"
    assert (DOCS / "configuration.md").read_text("utf-8") == page(), hint


def test_every_parameter_belongs_to_one_section() -> None:
    named = [name for fields in sections().values() for name in fields]
    assert sorted(named) == sorted(Parameters.model_fields)
    assert all(section.title and section.__doc__ for section in sections())


@pytest.mark.parametrize("name", FIELDS)
def test_a_parameter_is_described_and_its_default_is_valid(name: str) -> None:
    param = describe(FIELDS[name])
    assert param.text.endswith("."), "one sentence"
    assert param.level in {"global", "group", "host"}
    assert all(switch in FIELDS for switch in param.when)
    assert type_text(FIELDS[name].annotation) != "anything"


def test_no_secret_has_a_default() -> None:
    defaults = Parameters()
    secrets = {name for name in FIELDS if is_secret(name)}
    assert secrets >= {"grafana_admin_password", "grafana_view_password", "haproxy_admin_password", "nginx_users"}
    assert all(getattr(defaults, name) in (None, {}) for name in secrets)
    assert not any(isinstance(value, SecretStr) for _, value in defaults)


REFERENCE = """
    version admin_ip region language proxy_env ca_create ca_cn cert_validity infra_seq infra_portal infra_data
    infra_services infra_extra_services infra_packages nginx_enabled nginx_clean nginx_exporter_enabled
    nginx_exporter_port nginx_sslmode nginx_cert_validity nginx_home nginx_data nginx_users nginx_port nginx_ssl_port
    certbot_sign certbot_email certbot_options dns_enabled dns_port dns_records vmetrics_enabled vmetrics_clean
    vmetrics_port vmetrics_scrape_interval vmetrics_scrape_timeout vmetrics_options vlogs_enabled vlogs_clean vlogs_port
    vlogs_options vtraces_enabled vtraces_clean vtraces_port vtraces_options vmalert_enabled vmalert_port
    vmalert_options blackbox_enabled blackbox_port blackbox_options alertmanager_enabled alertmanager_port
    alertmanager_options exporter_metrics_path grafana_enabled grafana_port grafana_clean grafana_admin_username
    grafana_admin_password grafana_auth_proxy grafana_pgurl grafana_view_password repo_enabled repo_home repo_name
    repo_endpoint repo_remove repo_modules repo_upstream repo_packages repo_extra_packages repo_url_packages
    cache_pkg_name cache_pkg_dir cache_repo nodename node_cluster node_id_from_pg nodename_overwrite nodename_exchange
    node_write_etc_hosts node_default_etc_hosts node_etc_hosts node_dns_method node_dns_servers node_dns_options
    node_repo_modules node_repo_remove node_packages node_default_packages node_uv_env node_pip_packages
    node_selinux_mode node_firewall_mode node_firewall_intranet node_firewall_public_port node_disable_numa
    node_disable_swap node_static_network node_disk_prefetch node_kernel_modules node_hugepage_count
    node_hugepage_ratio node_overcommit_ratio node_tune node_sysctl_params node_data node_admin_enabled node_admin_uid
    node_admin_username node_admin_sudo node_admin_ssh_exchange node_admin_pk_current node_admin_pk_list node_aliases
    node_timezone node_ntp_enabled node_ntp_servers node_crontab_overwrite node_crontab vip_enabled vip_address vip_vrid
    vip_role vip_preempt vip_interface vip_dns_suffix vip_auth_pass vip_exporter_port haproxy_enabled haproxy_clean
    haproxy_reload haproxy_admin_username haproxy_admin_password haproxy_exporter_port haproxy_client_timeout
    haproxy_server_timeout haproxy_services node_exporter_enabled node_exporter_port node_exporter_options
    vector_enabled vector_clean vector_data vector_port vector_read_from vector_log_endpoint
""".split()  # noqa: SIM905 - a table of names reads better so


def test_every_parameter_of_an_existing_inventory_is_known() -> None:
    assert set(REFERENCE) <= set(FIELDS)


MODULES = """
    redis_cluster redis_instances redis_node redis_fs_main redis_exporter_enabled redis_exporter_port
    redis_exporter_options redis_safeguard redis_clean redis_rmdata redis_mode redis_conf redis_bind_address
    redis_max_memory redis_mem_policy redis_password redis_rdb_save redis_aof_enabled redis_rename_commands
    redis_cluster_replicas redis_sentinel_monitor redis_type etcd_seq etcd_cluster etcd_learner etcd_data etcd_port
    etcd_peer_port etcd_init etcd_election_timeout etcd_heartbeat_interval etcd_root_password etcd_safeguard etcd_clean
    etcd_rm_data etcd_exists_action minio_seq minio_cluster minio_clean minio_user minio_https minio_node minio_data
    minio_volumes minio_domain minio_port minio_admin_port minio_access_key minio_secret_key minio_extra_vars
    minio_provision minio_alias minio_endpoint minio_buckets minio_users minio_safeguard minio_rmdata minio_rmpkg
    pg_mode pg_cluster pg_seq pg_role pg_instances pg_upstream pg_shard pg_group gp_role pg_exporters
    pg_offline_query pg_users pg_databases pg_services pg_hba_rules pgb_hba_rules pg_crontab pg_replication_username
    pg_replication_password pg_admin_username pg_admin_password pg_monitor_username pg_monitor_password
    pg_dbsu_password pg_dbsu pg_dbsu_uid pg_dbsu_sudo pg_dbsu_home pg_dbsu_ssh_exchange pg_version pg_bin_dir
    pg_log_dir pg_packages pg_extensions pg_data pg_fs_main pg_fs_backup pg_storage_type pg_dummy_filesize pg_listen
    pg_port pg_localhost pg_namespace pg_etcd_password pg_primary_db pg_parameters pg_files patroni_enabled
    patroni_mode patroni_port patroni_log_dir patroni_ssl_enabled patroni_watchdog_mode patroni_username
    patroni_password pg_conf pg_max_conn pg_shared_buffer_ratio pg_io_method pg_rto pg_rto_plan pg_rpo pg_libs
    pg_delay pg_checksum pg_pwd_enc pg_encoding pg_locale pg_lc_collate pg_lc_ctype pgsodium_key
    pgsodium_getkey_script pg_provision pg_init pg_default_roles pg_default_privileges pg_default_schemas
    pg_default_extensions pg_reload pg_default_hba_rules pgb_default_hba_rules pgbackrest_enabled pgbackrest_clean
    pgbackrest_log_dir pgbackrest_method pgbackrest_init_backup pgbackrest_repo pgbouncer_enabled pgbouncer_port
    pgbouncer_log_dir pgbouncer_auth_query pgbouncer_poolmode pgbouncer_sslmode pgbouncer_ignore_param pg_weight
    pg_service_provider pg_default_service_dest pg_default_services pg_vip_enabled pg_vip_address pg_vip_interface
    pg_dns_suffix pg_dns_target pg_exporter_enabled pg_exporter_config pg_exporter_cache_ttls pg_exporter_port
    pg_exporter_params pg_exporter_url pg_exporter_auto_discovery pg_exporter_exclude_database
    pg_exporter_include_database pg_exporter_connect_timeout pg_exporter_options pgbouncer_exporter_enabled
    pgbouncer_exporter_port pgbouncer_exporter_url pgbouncer_exporter_options pgbackrest_exporter_enabled
    pgbackrest_exporter_port pgbackrest_exporter_options pg_safeguard pg_rm_data pg_rm_backup pg_rm_pkg
""".split()  # noqa: SIM905 - a table of names reads better so


@pytest.mark.parametrize("name", MODULES)
def test_a_parameter_of_an_existing_module_is_never_taken_for_a_typo(name: str) -> None:
    assert kind_of_name(name)[0] in {"parameter", "foreign"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("nginx_port", "parameter"), ("ansible_host", "connection"), ("pg_cluster", "parameter"), ("pg_users", "foreign"),
        ("code_data", "foreign"), ("redis_data", "foreign"), ("etcd_data", "foreign"), ("minio_cluster", "parameter"),
        ("vip_peers", "foreign"), ("vtrace_enabled", "typo"), ("vip_enable", "typo"), ("loki_port", "renamed"),
        ("redis_mode", "foreign"),
        ("company", "unknown"), ("node_conf", "unknown"),
    ],
)  # fmt: skip
def test_what_a_variable_is(name: str, kind: str) -> None:
    assert kind_of_name(name)[0] == kind
