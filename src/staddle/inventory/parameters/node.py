"""Parameters of every host: identity, name resolution, packages, security, tuning, administrator, time."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from staddle.inventory.parameters.declare import Param, Section
from staddle.inventory.parameters.values import (
    AbsolutePath,
    Alias,
    AnyPath,
    AnyWord,
    Count,
    Csv,
    HostsLine,
    IpAddress,
    Network,
    NtpLine,
    Off,
    PackageNames,
    Port,
    Ratio,
    Text,
    Word,
)


class NodeIdentityParameters(Section):
    """What a host is called."""

    title: ClassVar[str] = "NODE_ID"

    nodename: Annotated[AnyWord, Param("Name of the node, its `ins` label. Set, it always wins.", level="host")] = ""
    node_cluster: Annotated[Word, Param("Cluster of the node, its `cls` label.", level="group")] = "nodes"
    node_id_from_pg: Annotated[
        bool, Param("Name the node after the PostgreSQL instance on it, unless it has a name.")
    ] = True
    nodename_overwrite: Annotated[bool, Param("Make the node's name its host name.")] = True
    nodename_exchange: Annotated[bool, Param("Write the names of all nodes into each other's hosts file.")] = False


class NodeDnsParameters(Section):
    """How a host resolves names."""

    title: ClassVar[str] = "NODE_DNS"

    node_write_etc_hosts: Annotated[bool, Param("Manage a block of `/etc/hosts`.")] = True
    node_default_etc_hosts: Annotated[list[HostsLine], Param("Entries for every host.")] = Field(
        default_factory=lambda: ["${admin_ip} ${home_domain}"]
    )
    node_etc_hosts: Annotated[list[HostsLine], Param("Further entries.", level="group")] = Field(default_factory=list)
    node_dns_method: Annotated[
        Literal["add", "none", "overwrite"],
        Param("Put the servers before those that are there, leave them alone, or replace them."),
    ] = "add"
    node_dns_servers: Annotated[list[IpAddress], Param("Name servers.")] = Field(
        default_factory=lambda: ["${admin_ip}"]
    )
    node_dns_options: Annotated[list[str], Param("Option lines of `/etc/resolv.conf`.")] = Field(
        default_factory=lambda: ["options single-request-reopen timeout:1"]
    )


class NodePackageParameters(Section):
    """What is installed on a host, and from where."""

    title: ClassVar[str] = "NODE_PACKAGE"

    node_repo_modules: Annotated[
        Csv,
        Param(
            "Package sources of the host: `local` is the INFRA nodes', others are those of upstreams. Empty: its own."
        ),
    ] = Field(default_factory=lambda: ["local"])
    node_repo_remove: Annotated[bool, Param("Set the host's own package sources aside, once others work.")] = True
    node_package_source: Annotated[
        Literal["auto", "host", "admin"],
        Param(
            "Who gets packages: the host from its own sources and, what they lack, the ADMIN node (`auto`); nobody but the"
            " host; nobody but the ADMIN node, for hosts whose sources can't be reached."
        ),
    ] = "auto"
    node_packages: Annotated[PackageNames, Param("Packages kept at their latest version.")] = Field(
        default_factory=lambda: ["openssh-server"]
    )
    node_default_packages: Annotated[
        PackageNames | None, Param("Packages that must be there. Unset: some tools, as far as they can be had.")
    ] = None
    node_uv_env: Annotated[
        AnyPath, Param("Python environment to create. Empty: none.", idle="no Python environment is made")
    ] = "/data/venv"
    node_pip_packages: Annotated[
        str, Param("Python packages to install there.", idle="no Python environment is made")
    ] = ""


class NodeSecurityParameters(Section):
    """Mandatory access control and firewall."""

    title: ClassVar[str] = "NODE_SEC"

    node_selinux_mode: Annotated[
        Literal["enforcing", "permissive", "disabled"],
        Param("Mode of SELinux.", idle="it is left as it is; Debian and Ubuntu have none"),
    ] = "permissive"
    node_firewall_mode: Annotated[
        Literal["zone", "off", "none"],
        Off,
        Param("Trust the intranet and open some ports, switch the firewall off, or leave it alone."),
    ] = "zone"
    node_firewall_intranet: Annotated[list[Network], Param("Networks that are trusted.")] = Field(
        default_factory=lambda: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]
    )
    node_firewall_public_port: Annotated[list[Port], Param("Ports open to everyone.")] = Field(
        default_factory=lambda: [22, 80, 443]
    )


class NodeTuneParameters(Section):
    """Kernel and memory."""

    title: ClassVar[str] = "NODE_TUNE"

    node_disable_numa: Annotated[bool, Param("Switch NUMA off; needs a reboot.", level="group")] = False
    node_disable_swap: Annotated[bool, Param("Switch swap off.", level="group")] = False
    node_static_network: Annotated[bool, Param("Keep name servers from being changed by DHCP.", level="group")] = True
    node_disk_prefetch: Annotated[bool, Param("Read ahead on spinning disks.", level="group")] = False
    node_kernel_modules: Annotated[list[Word], Param("Kernel modules to load, now and at boot.", level="group")] = (
        Field(default_factory=lambda: ["softdog", "ip_vs", "ip_vs_rr", "ip_vs_wrr", "ip_vs_sh"])
    )
    node_hugepage_count: Annotated[Count, Param("Number of 2 MB huge pages; wins over the ratio.", level="host")] = 0
    node_hugepage_ratio: Annotated[Ratio, Param("Share of memory in huge pages.", level="group")] = 0.0
    node_overcommit_ratio: Annotated[Count, Param("Overcommit ratio in percent; 0 leaves it alone.", level="group")] = 0
    node_tune: Annotated[
        Literal["none", "oltp", "olap", "crit", "tiny"], Param("Profile the kernel is tuned by.", level="group")
    ] = "oltp"
    node_sysctl_params: Annotated[dict[str, Text], Param("Kernel parameters.", level="group")] = Field(
        default_factory=lambda: {"fs.nr_open": "8388608"}
    )
    node_limits: Annotated[
        bool, Param("Let log-in sessions open many files, start many processes and lock memory.", level="group")
    ] = True


class NodeAdminParameters(Section):
    """Data directory, administrator and shell."""

    title: ClassVar[str] = "NODE_ADMIN"

    node_data: Annotated[AbsolutePath, Param("Main data directory.", level="group")] = "/data"
    node_admin_enabled: Annotated[bool, Param("Create the administrator.", level="group")] = True
    node_admin_uid: Annotated[Count, Param("User id of the administrator.")] = 88
    node_admin_username: Annotated[Word, Param("Name of the administrator.")] = "dba"
    node_admin_sudo: Annotated[
        Literal["none", "limit", "all", "nopass"], Param("What the administrator may do with sudo.")
    ] = "nopass"
    node_admin_ssh_exchange: Annotated[bool, Param("Let administrators log in between nodes.")] = True
    node_admin_pk_current: Annotated[bool, Param("Authorize the key of the user who runs Staddle.")] = True
    node_admin_pk_list: Annotated[list[str], Param("Public keys to authorize.")] = Field(default_factory=list)
    node_aliases: Annotated[dict[Alias, str], Param("Shell aliases.", foreign=True)] = Field(default_factory=dict)


class NodeTimeParameters(Section):
    """Clock and scheduled jobs."""

    title: ClassVar[str] = "NODE_TIME"

    node_timezone: Annotated[str, Param("Time zone. Empty: left alone.")] = ""
    node_ntp_enabled: Annotated[bool, Param("Run the time service.")] = True
    node_ntp_port: Annotated[
        Port, Param("UDP port on which an INFRA node serves time.", listens="infra", when=("node_ntp_enabled",))
    ] = 123
    node_ntp_servers: Annotated[
        list[NtpLine],
        Param("Time sources, as lines of chrony's configuration; a host never asks itself."),
    ] = Field(default_factory=lambda: ["pool pool.ntp.org iburst"])
    node_crontab_overwrite: Annotated[bool, Param("Replace `/etc/crontab` instead of adding to it.")] = True
    node_crontab: Annotated[list[str], Param("Lines of `/etc/crontab`.", level="group", foreign=True)] = Field(
        default_factory=list
    )


class NodeParameters(
    NodeTimeParameters,
    NodeAdminParameters,
    NodeTuneParameters,
    NodeSecurityParameters,
    NodePackageParameters,
    NodeDnsParameters,
    NodeIdentityParameters,
):
    """All parameters of a host's base configuration."""
