"""Where a node gets packages from: what it is told, and how new sources are proven before they are in force."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.unit.fleets import fleet_of, material_for
from tests.unit.systems import TRIXIE

from staddle.compile import compile_fleet
from staddle.components.node_repo.sources import Source, render
from staddle.converge import prove
from staddle.converge.aside import brought_back, set_aside
from staddle.drive.system import system_layout
from staddle.drive.upstreams import Upstreams
from staddle.manifest.layout import SourceFile
from staddle.manifest.resources import File
from staddle.repo.cache import Cache
from staddle.repo.offline.openpgp import read_key
from staddle.repo.signing import open_signer

if TYPE_CHECKING:
    from staddle.drive.facts import HostFacts
    from staddle.manifest.resources import Block

FLEET = """\
all:
  children:
    infra: {{ hosts: {{ 10.0.0.2: {{ infra_seq: 1 }}, 10.0.0.1: {{ infra_seq: 2 }} }} }}
    nodes: {{ hosts: {{ 10.0.0.3: {{ {host} }} }} }}
  vars: {{ admin_ip: 10.0.0.1 {more} }}
"""
OURS = "/etc/apt/sources.list.d/staddle.sources"
THEIRS = SourceFile("/etc/apt/sources.list", "deb http://mirror.example/debian trixie main\n", 0o644)
NOW = 1_760_000_000


def block(
    host: str = "", more: str = "", *, facts: HostFacts = TRIXIE, key: str = "KEY\n\nAAAA\n", ip: str = "10.0.0.3"
) -> Block:
    fleet = fleet_of(FLEET.format(host=host, more=more))
    material = replace(material_for(fleet), repo_key=key)
    blocks = compile_fleet(fleet, lambda _: system_layout(facts), material)[ip].blocks
    return next(found for found in blocks if found.component == "node_repo")


def files(block: Block) -> dict[str, File]:
    return {resource.path: resource for resource in block.resources if isinstance(resource, File)}


def uris(block: Block) -> list[str]:
    [line] = [line for line in files(block)[OURS].content.decode().splitlines() if line.startswith("URIs:")]
    return line.split()[1:]


def test_as_long_as_there_is_no_repository_a_node_keeps_what_it_has() -> None:
    kept = block(key="", facts=replace(TRIXIE, sources=(THEIRS,)))
    assert (kept.resources, kept.commands, kept.packages) == ((), (), ())


def test_it_gets_packages_from_all_infra_nodes_the_one_for_everybody_first() -> None:
    assert uris(block()) == ["http://10.0.0.1/staddle", "http://10.0.0.2/staddle"]
    assert uris(block(ip="10.0.0.2")) == ["file:/data/nginx/staddle", "http://10.0.0.1/staddle"]
    assert uris(block(more=", nginx_port: 8080, repo_name: deb")) == [
        "http://10.0.0.1:8080/deb",
        "http://10.0.0.2:8080/deb",
    ]
    assert uris(block(more=", repo_endpoint: 'https://mirror.example/'")) == ["https://mirror.example/staddle"]


def test_the_definition_carries_its_key() -> None:
    text = files(block())[OURS].content.decode()
    assert "Suites: trixie\nComponents: main\nSigned-By:\n KEY\n .\n AAAA\n" in text


def test_our_own_ca_is_known_to_apt_where_infra_nodes_speak_tls_only() -> None:
    enforced = files(block(more=", nginx_sslmode: enforce"))
    assert b'Acquire::https::10.0.0.2::CaInfo "/etc/apt/keyrings/staddle-ca.crt";' in (
        enforced["/etc/apt/apt.conf.d/50staddle-sources"].content
    )
    assert "/etc/apt/keyrings/staddle-ca.crt" in enforced
    assert list(files(block())) == [OURS]


def test_other_sources_are_set_aside_as_they_were_and_proven_to_be_needless() -> None:
    private = SourceFile("/etc/apt/sources.list.d/x.list", "deb https://me:secret@x ./\n", 0o600)
    facts = replace(TRIXIE, sources=(THEIRS, private))
    found = block(facts=facts)
    aside = files(found)[THEIRS.path]
    assert all(line.startswith(b"#") for line in aside.content.splitlines())
    assert (files(found)[private.path].mode, files(found)[private.path].secret) == (0o600, True)
    [validator] = found.validators
    assert validator.provisional
    assert {"ca-certificates", "prometheus-node-exporter", "openssh-server"} <= set(validator.argv)
    assert list(files(block("node_repo_remove: false", facts=facts))) == [OURS]


@pytest.mark.parametrize("text", ["", "deb http://a ./\n", "# a comment\n\ndeb http://a ./\n#~ odd\n"])
def test_what_is_set_aside_can_be_read_back(text: str) -> None:
    assert brought_back(set_aside(text)) == text
    assert brought_back(text) == text
    assert set_aside(brought_back(set_aside(text))) == set_aside(text)


def test_what_somebody_adds_to_a_file_that_is_set_aside_is_set_aside_with_it() -> None:
    added = set_aside("deb http://a ./\n") + "deb http://b ./\n"
    assert brought_back(added) == "deb http://a ./\ndeb http://b ./\n"


def test_upstreams_are_those_of_the_nodes_modules_and_system_with_their_keys(tmp_path: Path) -> None:
    signer = open_signer(tmp_path, "somebody", NOW)
    own = f"keys: [{signer.fingerprint}], key_url: '{tmp_path}/repo/repo.asc'"
    url = "http://a/ ${distro_codename} x"
    entries = [
        f"{{ name: a, module: m, releases: [13], arch: [x86_64], {own}, baseurl: {{ default: '{url}' }} }}",
        f"{{ name: b, module: m, releases: [12], {own}, baseurl: {{ default: 'http://b ./' }} }}",
        "{ name: c, module: open, verify: 'off', baseurl: { default: 'http://c ./', china: 'http://china ./' } }",
        "{ name: d, module: keyless, baseurl: { default: 'http://d ./' } }",
    ]
    host = f"node_repo_modules: 'open,m,keyless,nowhere', region: china, repo_upstream: [{', '.join(entries)}]"
    fleet = fleet_of(FLEET.format(host=host, more=""))
    [node] = [node for node in fleet.nodes if node.ip == "10.0.0.3"]
    found, wrong = Upstreams(Cache(tmp_path / "cache")).of(node, TRIXIE)
    assert found == {
        "open": (Source("c", ("http://china",), "./", trusted=True),),
        "m": (Source("a", ("http://a",), "trixie", ("x",), found["m"][0].keys),),
    }
    assert read_key(found["m"][0].keys).fingerprint == signer.fingerprint
    for words in ("c: its signatures are NOT checked", "d: no key is known", "node_repo_modules nowhere"):
        assert words in str(wrong)
    material = replace(material_for(fleet), sources={"10.0.0.3": found})
    manifest = compile_fleet(fleet, lambda _: system_layout(TRIXIE), material)["10.0.0.3"]
    [block] = [block for block in manifest.blocks if block.component == "node_repo"]
    text = files(block)[OURS].content.decode()
    assert [line.split()[1] for line in text.splitlines() if line.startswith("X-Staddle:")] == ["c", "a"]
    assert "URIs: http://china\nSuites: ./\nTrusted: yes\n" in text


def test_a_distributions_own_packages_come_from_mirrors_that_are_everybodys(tmp_path: Path) -> None:
    [node] = [n for n in fleet_of(FLEET.format(host="node_repo_modules: node", more="")).nodes if n.ip == "10.0.0.3"]
    keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    if not keyring.exists():
        pytest.skip(f"{keyring} is not on this machine, and keys are not fetched in tests")
    facts = replace(TRIXIE, version_id="12", codename="bookworm")
    found, wrong = Upstreams(Cache(tmp_path / "cache")).of(node, facts)
    assert not wrong
    assert [source.suite for source in found["node"]] == ["bookworm", "bookworm-updates", "bookworm-security"]
    assert all(source.keys and not source.trusted for source in found["node"])


# Proving, with the real apt


@pytest.fixture
def repository(tmp_path: Path) -> Source:
    """A signed repository with one package, on this machine."""
    if not shutil.which("apt-get"):
        pytest.skip("there is no apt on this machine")
    signer = open_signer(tmp_path / "pki", "test", NOW)
    home = tmp_path / "repo"
    folder = home / "dists/trixie/main/binary-all"
    folder.mkdir(parents=True)
    stanza = "Package: {name}\nVersion: 1\nArchitecture: all\n{more}Filename: x.deb\nSize: 1\nSHA256: {sum}\n\n"
    packages = stanza.format(name="staddle-thing", more="", sum="0" * 64)
    packages += stanza.format(name="staddle-broken", more="Depends: staddle-nowhere\n", sum="1" * 64)
    (folder / "Packages").write_text(packages)
    digest = hashlib.sha256(packages.encode()).hexdigest()
    release = (
        "Suite: trixie\nCodename: trixie\nArchitectures: all\nComponents: main\nDate: Thu, 09 Oct 2025 08:53:20 UTC\n"
    )
    release += f"SHA256:\n {digest} {len(packages)} main/binary-all/Packages\n"
    (home / "dists/trixie/InRelease").write_text(signer.clear(release, NOW))
    return Source("local", (f"file:{home}",), "trixie", ("main",), signer.public)


def proven(tmp_path: Path, source: Source, *packages: str) -> tuple[int, str]:
    parts = tmp_path / "parts"
    parts.mkdir(exist_ok=True)
    (parts / "staddle.sources").write_bytes(render([source], "test"))
    argv = [sys.executable, str(prove.__file__), str(parts), "-oAPT::Architectures::=all", "--", *packages]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert not done.stderr
    return done.returncode, done.stdout


def test_a_repository_that_has_what_is_needed_is_accepted(tmp_path: Path, repository: Source) -> None:
    assert proven(tmp_path, repository, "staddle-thing") == (0, "")
    one_dead = replace(repository, uris=("http://127.0.0.1:9/x", *repository.uris))
    assert proven(tmp_path, one_dead, "staddle-thing") == (0, ""), "another INFRA node has the same"


def test_what_lacks_something_is_refused_with_its_name(tmp_path: Path, repository: Source) -> None:
    code, said = proven(tmp_path, repository, "staddle-thing", "staddle-absent")
    assert code == 1
    assert "not everything that this host needs is in them: Unable to locate package staddle-absent" in said
    code, said = proven(tmp_path, repository, "staddle-broken")
    assert code == 1
    assert "staddle-nowhere" in said


def test_what_another_key_has_signed_is_refused(tmp_path: Path, repository: Source) -> None:
    other = open_signer(tmp_path / "other", "somebody else", NOW)
    code, said = proven(tmp_path, replace(repository, keys=other.public))
    assert code == 1
    assert "not signed" in said


def test_what_is_not_there_is_refused(tmp_path: Path, repository: Source) -> None:
    code, said = proven(tmp_path, replace(repository, uris=("http://127.0.0.1:9",)))
    assert code == 1
    assert "nothing came from 1 of 1 package sources" in said
    assert "127.0.0.1" in said
