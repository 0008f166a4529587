"""etcd: the quorum that Patroni trusts."""

from __future__ import annotations

from staddle.dashboards.content import navigation as nav
from staddle.dashboards.content.alerts import how_many, what_fires
from staddle.dashboards.content.infra.parts import logs, process
from staddle.dashboards.kit.board import Board, Row
from staddle.dashboards.kit.links import cell
from staddle.dashboards.kit.look import UP, Words, above, below, colored, dashed
from staddle.dashboards.kit.panels import lines, stat, timeline
from staddle.dashboards.kit.queries import Query
from staddle.dashboards.kit.tables import Column, label, table
from staddle.dashboards.kit.variables import choose

RATE = "[$__rate_interval]"
E = 'job="etcd",cls=~"$cls"'
KEYS = "ins, cls, ip"
LEADER: Words = (("0", "follower", "blue"), ("1", "leader", "green"))
ALONE = "It is alone: there is nobody to talk to"


def _slow(metric: str, share: str = "0.99") -> str:
    return f"histogram_quantile({share}, sum by (ins, le) (rate({metric}_bucket{{{E}}}{RATE})))"


BOARDS = [
    Board(
        uid="etcd-overview",
        title="ETCD Overview",
        folder="etcd",
        about="etcd: is there a quorum, is there one leader, are disks and network fast enough to keep it.",
        tags=["Overview"],
        variables=[choose("cls", "Clusters", 'label_values(up{job="etcd"}, cls)', several=True, empty="No etcd is monitored")],
        links=[nav.HOME, nav.NODES, nav.POSTGRES, nav.logs_of(job="etcd")],
        dropdowns=[("ETCD", "etcd")],
        alerts='job="etcd"',
        rows=[
            Row("Overview", [
                stat("Members", f"count(up{{{E}}})", unit="none", w=3),
                stat("Down", f"count(up{{{E}}} == 0) or vector(0)", unit="none", steps=above(1), filled=True, w=3),
                stat("Without a leader", f"count(etcd_server_has_leader{{{E}}} == 0) or vector(0)", unit="none", steps=above(1), filled=True, w=3),
                stat("May still fail", f"min by (cls) (sum by (cls) (up{{{E}}}) - floor(count by (cls) (up{{{E}}}) / 2) - 1)", unit="none", steps=((None, "red"), (0, "orange"), (1, "green")), w=3,
                     about="How many more members may go before there is no quorum."),
                stat("Changes of leader", f"max(increase(etcd_server_leader_changes_seen_total{{{E}}}[1h]))", unit="none", steps=above(2, 5), w=3, about="Within the last hour."),
                stat("Fullest", f"max(etcd_mvcc_db_total_size_in_bytes{{{E}}} / etcd_server_quota_backend_bytes{{{E}}})", unit="percentunit", steps=above(0.7, 0.9), w=3,
                     about="Of its quota: when that is used up it takes no more writes."),
                stat("Slow fsync (99 %)", f"max({_slow('etcd_disk_wal_fsync_duration_seconds')})", unit="s", steps=above(0.02, 0.1), trend=True, w=3, about="Beyond 10 ms leaders begin to change.", empty="Nothing was written"),
                how_many("Alerts", 'job="etcd",cls=~"$cls"', w=3),
                table(
                    "Members",
                    f"max by ({KEYS}) (up{{{E}}})",
                    label("ins", "Member", cell("logs-instance", "Logs", ins="Member")),
                    label("cls", "Cluster"),
                    label("ip", "Address"),
                    Column(title="State", words=UP, cell="color-background", width=80),
                    Column(title="Role", expr=f"max by ({KEYS}) (etcd_server_is_leader{{{E}}})", words=LEADER, width=90),
                    Column(title="Up for", expr=f"max by ({KEYS}) (time() - process_start_time_seconds{{{E}}})", unit="dtdurations", steps=below(600)),
                    Column(title="Data", expr=f"max by ({KEYS}) (etcd_mvcc_db_total_size_in_bytes{{{E}}})", unit="bytes"),
                    Column(title="In use", expr=f"max by ({KEYS}) (etcd_mvcc_db_total_size_in_use_in_bytes{{{E}}})", unit="bytes"),
                    Column(title="Keys", expr=f"max by ({KEYS}) (etcd_debugging_mvcc_keys_total{{{E}}})", unit="short"),
                    Column(title="Fsync (99 %)", expr=f"histogram_quantile(0.99, sum by ({KEYS}, le) (rate(etcd_disk_wal_fsync_duration_seconds_bucket{{{E}}}{RATE})))", unit="s", steps=above(0.02, 0.1)),
                    Column(title="Memory", expr=f"max by ({KEYS}) (process_resident_memory_bytes{{{E}}})", unit="bytes"),
                    w=16, h=7,
                    about="Data far beyond what is in use: defragment (etcdctl defrag). No fsync: nothing was written just now.",
                    empty="No etcd is monitored",
                ),
                timeline("Leader", Query(f"max by (ins) (etcd_server_is_leader{{{E}}})", "{{ins}}"), words=LEADER, w=8, h=7),
                what_fires('job="etcd",cls=~"$cls"', h=5),
            ]),
            Row("Quorum", [
                lines("Proposals", Query(f"sum by (ins) (rate(etcd_server_proposals_committed_total{{{E}}}{RATE}))", "{{ins}} committed"), Query(f"sum by (ins) (rate(etcd_server_proposals_failed_total{{{E}}}{RATE}))", "{{ins}} failed"),
                      unit="ops", least=0, w=8, overrides=[colored("/failed/", "red", by="byRegexp")]),
                lines("Waiting and not applied", Query(f"max by (ins) (etcd_server_proposals_pending{{{E}}})", "{{ins}} waiting"),
                      Query(f"max by (ins) (etcd_server_proposals_committed_total{{{E}}} - etcd_server_proposals_applied_total{{{E}}})", "{{ins}} not applied"), unit="none", least=0, w=8),
                lines("Round trip to peers (99 %)", Query(f"histogram_quantile(0.99, sum by (ins, To, le) (rate(etcd_network_peer_round_trip_time_seconds_bucket{{{E}}}{RATE})))", "{{ins}} to {{To}}"), unit="s", least=0,
                      steps=above(0.05, 0.2), zones=True, w=8, empty=ALONE),
                lines("Heartbeats not sent", Query(f"sum by (ins) (increase(etcd_server_heartbeat_send_failures_total{{{E}}}{RATE}))", "{{ins}}"), unit="short", least=0, w=8, about="A leader too busy, or with too slow a disk, to tell that it is there."),
                lines("Slow applies and reads", Query(f"sum by (ins) (increase(etcd_server_slow_apply_total{{{E}}}{RATE}))", "{{ins}} apply"), Query(f"sum by (ins) (increase(etcd_server_slow_read_indexes_total{{{E}}}{RATE}))", "{{ins}} read"),
                      unit="short", least=0, w=8),
                lines("Traffic with peers", Query(f"sum by (ins) (rate(etcd_network_peer_sent_bytes_total{{{E}}}{RATE}))", "{{ins}}"), unit="binBps", least=0, w=8, empty=ALONE),
            ]),
            Row("Disk and data", [
                lines("Fsync of the log (99 %)", Query(_slow("etcd_disk_wal_fsync_duration_seconds"), "{{ins}}"), unit="s", least=0, steps=above(0.02, 0.1), zones=True, empty="Nothing was written in this time", w=8),
                lines("Commit of the data (99 %)", Query(_slow("etcd_disk_backend_commit_duration_seconds"), "{{ins}}"), unit="s", least=0, steps=above(0.05, 0.25), zones=True, empty="Nothing was written in this time", w=8),
                lines("Data", Query(f"etcd_mvcc_db_total_size_in_bytes{{{E}}}", "{{ins}}"), Query(f"max(etcd_server_quota_backend_bytes{{{E}}})", "quota"), unit="bytes", least=0, w=8, overrides=[dashed("/quota/")]),
            ]),
            Row("Clients", [
                lines("Requests", Query(f'sum by (grpc_method) (rate(grpc_server_started_total{{{E},grpc_type="unary"}}{RATE})) > 0', "{{grpc_method}}"), unit="reqps", least=0, stacked=True, w=8, empty="Nobody asked in this time"),
                lines("Failed requests", Query(f'sum by (grpc_method, grpc_code) (rate(grpc_server_handled_total{{{E},grpc_code!="OK"}}{RATE})) > 0', "{{grpc_method}} {{grpc_code}}"), unit="reqps", least=0, w=8, empty="No request failed"),
                lines("Watchers", Query(f"sum by (ins) (etcd_debugging_mvcc_watcher_total{{{E}}})", "{{ins}}"), unit="none", least=0, w=8),
            ]),
            process(E),
            logs('job:=etcd cls:~"^($cls)$"', job="etcd", ins=".*"),
        ],
    )
]  # fmt: skip
