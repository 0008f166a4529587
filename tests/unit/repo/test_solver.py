"""What is asked for becomes a set of packages that fit together, or a report of all that is wrong."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings, strategies as st

from staddle.repo.metadata.deb import Packages
from staddle.repo.model import Target, Trust, Upstream
from staddle.repo.solver.deb import resolve
from staddle.repo.solver.relations import compare, parse
from staddle.repo.solver.report import ResolutionError, Trouble, Wish, near_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

TARGET = Target("debian", "12", "x86_64")
OPS = {"<<": lambda d: d < 0, "<=": lambda d: d <= 0, "=": lambda d: d == 0, ">=": lambda d: d >= 0,
       ">>": lambda d: d > 0}  # fmt: skip


def source(stanzas: Iterable[str], name: str = "vendor", *, automatic: bool = True, **more: object) -> Packages:
    """An upstream with packages, each written as `name version; Field: value; …`."""
    texts = []
    for stanza in stanzas:
        head, *fields = [part.strip() for part in stanza.split(";")]
        package, version = head.split(" ")
        texts.append("\n".join([
            f"Package: {package}", f"Version: {version}", *fields, f"Filename: pool/{package}_{version}.deb",
            "Size: 10", f"SHA256: {'0' * 64}",
        ]))  # fmt: skip
    upstream = Upstream(name, "infra", "deb", (), "bookworm", ("main",), Trust("off"), **more)  # type: ignore[arg-type]
    return Packages.of(upstream, "", ("\n\n".join(texts) + "\n").encode(), automatic=automatic)


def solved(
    packages: Iterable[str] | Sequence[Packages], *wishes: str | Wish, keep: Mapping[str, str] | None = None
) -> list[str]:
    items = list(packages)
    sources = [item for item in items if isinstance(item, Packages)]
    sources = sources or [source(item for item in items if isinstance(item, str))]
    asked = [wish if isinstance(wish, Wish) else Wish(wish) for wish in wishes]
    return [f"{record.name} {record.version}" for record in resolve(TARGET, sources, asked, keep or {})]


def troubles(packages: Iterable[str], *wishes: str | Wish) -> tuple[Trouble, ...]:
    with pytest.raises(ResolutionError) as caught:
        solved(packages, *wishes)
    return caught.value.troubles


CASES: dict[str, tuple[list[str], list[str], list[str]]] = {
    "dependencies come along, and theirs": (
        ["a 1; Depends: b", "b 1; Pre-Depends: c (>= 1)", "c 1", "d 1"], ["a"], ["a 1", "b 1", "c 1"]),
    "recommendations don't": (["a 1; Recommends: b", "b 1"], ["a"], ["a 1"]),
    "the newest version is taken": (["a 1", "a 10", "a 9"], ["a"], ["a 10"]),
    "an older one where the newest has what nobody has": (["a 2; Depends: nowhere", "a 1"], ["a"], ["a 1"]),
    "of alternatives the first": (["a 1; Depends: y | b", "b 1", "y 1"], ["a"], ["a 1", "y 1"]),
    "another alternative if the first is not there": (["a 1; Depends: x | b", "b 1"], ["a"], ["a 1", "b 1"]),
    "an alternative that is asked for anyway": (["a 1; Depends: x | b", "x 1", "b 1; Conflicts: x"], ["a", "b"],
                                                ["a 1", "b 1"]),
    "a virtual package": (["a 1; Depends: mta", "exim 1; Provides: mta"], ["a"], ["a 1", "exim 1"]),
    "a virtual package can be asked for": (["exim 1; Provides: mta"], ["mta"], ["exim 1"]),
    "rather the package than what provides it": (
        ["a 1; Depends: magick", "amagick 1; Provides: magick", "magick 1"], ["a"], ["a 1", "magick 1"]),
    "a version is satisfied by who provides that version": (
        ["a 1; Depends: api (>= 2)", "p 1; Provides: api (= 2)"], ["a"], ["a 1", "p 1"]),
    "who provides a version also satisfies no version": (
        ["a 1; Depends: api", "p 1; Provides: api (= 2)"], ["a"], ["a 1", "p 1"]),
    "packages that replace each other's services don't refuse themselves": (
        ["exim 1; Provides: mta; Conflicts: mta"], ["exim"], ["exim 1"]),
    "a tilde sorts first": (["a 1~rc1", "b 1; Depends: a (<< 1)"], ["b"], ["a 1~rc1", "b 1"]),
    "epochs count": (["a 1:1; Depends: b (>= 1:0)", "b 1:0", "b 9"], ["a"], ["a 1:1", "b 1:0"]),
    "python3:any is python3": (["a 1; Depends: python3:any (>= 3)", "python3 3.11; Multi-Arch: allowed"], ["a"],
                               ["a 1", "python3 3.11"]),
    "globs": (["pg-16-cron 1", "pg-16-repack 1", "pg-17-cron 1"], ["pg-16-*"], ["pg-16-cron 1", "pg-16-repack 1"]),
    "packages for other architectures are none": (
        ["a 2; Architecture: arm64", "a 1; Architecture: amd64"], ["a"], ["a 1"]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_resolution(case: str) -> None:
    packages, wishes, expected = CASES[case]
    assert solved(packages, *wishes) == expected


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (Wish("a", "=", "1.2-1"), "a 1.2-1"),
        (Wish("a", "=", "1.2"), "a 1.2-2"),
        (Wish("a", "=", "1.*"), "a 1.3-1"),
        (Wish("a", "<<", "1.3"), "a 1.2-2"),
        (Wish("a", ">=", "1.3"), "a 2.0-1"),
    ],
)
def test_versions_can_be_asked_for(wish: Wish, expected: str) -> None:
    assert solved(["a 1.2-1", "a 1.2-2", "a 1.3-1", "a 2.0-1"], wish) == [expected]


def test_everything_that_is_wrong_is_told_at_once() -> None:
    packages = ["nginx 1.22", "broken 1; Depends: libgone (>= 2)", "libgone 1", "exim 1; Provides: mta; Conflicts: mta",
                "postfix 1; Provides: mta; Conflicts: mta"]  # fmt: skip
    found = troubles(packages, "ngimx", Wish("nginx", "=", "9"), "broken", "exim", "postfix")
    by_kind = {trouble.kind: trouble for trouble in found}
    assert sorted(trouble.kind for trouble in found) == ["broken", "conflict", "unknown", "version"]
    assert (by_kind["unknown"].what, by_kind["unknown"].near) == ("ngimx", ("nginx",))
    assert by_kind["version"].message == "is there as 1.22"
    assert by_kind["broken"].details == ("broken 1 needs libgone (>= 2), which no upstream has",)
    assert by_kind["broken"].near == ("libgone 1",)
    assert by_kind["conflict"].what == "exim, postfix"
    assert "does not go together" in by_kind["conflict"].details[0]
    assert all(trouble.target == TARGET.key for trouble in found)


def test_a_conflict_deep_down_is_told_with_the_way_to_it() -> None:
    packages = ["a 1; Depends: x", "x 1; Depends: lib (= 1)", "b 1; Depends: lib (>= 2)", "lib 1", "lib 2"]
    (found,) = troubles(packages, "a", "b")
    assert found.what == "a, b"
    assert set(found.details) >= {"x 1 needs lib (= 1)", "b 1 needs lib (>= 2)"}


def test_a_dependency_on_another_architecture_is_one_that_nobody_has() -> None:
    (found,) = troubles(["a 1; Depends: wine32:i386", "wine32 1; Architecture: i386"], "a")
    assert (found.kind, found.details) == ("broken", ("a 1 needs wine32:i386, which no upstream has",))


def test_what_is_optional_is_done_without() -> None:
    assert solved(["a 1"], "a", Wish("absent", optional=True)) == ["a 1"]


def test_backports_are_not_taken_unasked_and_exclusions_never() -> None:
    stable, backports = source(["a 1", "b 1"], "stable"), source(["a 2", "b 2"], "backports", automatic=False)
    assert solved([stable, backports], "a") == ["a 1"]
    assert solved([stable, backports], Wish("a", ">=", "2")) == ["a 2"]
    vendor = source(["a 3", "b 3"], "other", exclude=("a*",))
    assert solved([stable, vendor], "a", "b") == ["a 1", "b 3"]


def test_what_is_locked_stays_until_it_can_not() -> None:
    packages = ["a 1", "a 2", "b 1", "b 2; Depends: a (>= 2)"]
    assert solved(packages, "a", "b", keep={"a": "1", "b": "1"}) == ["a 1", "b 1"]
    assert solved(packages, "a", Wish("b", "=", "2"), keep={"a": "1"}) == ["a 2", "b 2"]
    assert solved(packages, "a", keep={"a": "0.9"}) == ["a 2"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("postgrsql-15", "postgresql-15"), ("node_exporter", "node-exporter"), ("exporter-node", "node-exporter"),
     ("ngnix", "nginx"), ("postgresql", "postgresql-15"), ("zzzz", None)],
)  # fmt: skip
def test_near_names(name: str, expected: str | None) -> None:
    near = near_names(name, ["nginx", "node-exporter", "postgresql-15", "postgresql-15-cron", "patroni"])
    assert (near[0] if near else None) == expected


NAMES = ("a", "b", "c", "d")
RELATIONS = st.builds(
    lambda name, op, version: f"{name} ({op} {version})" if op else name,
    st.sampled_from([*NAMES, "v"]), st.sampled_from(["", "", "=", ">=", "<<"]), st.sampled_from("12"),
)  # fmt: skip
STANZAS = st.builds(
    lambda name, version, depends, conflicts, provides: "; ".join(
        [f"{name} {version}"]
        + ([f"Depends: {', '.join(' | '.join(group) for group in depends)}"] if depends else [])
        + ([f"Conflicts: {', '.join(conflicts)}"] if conflicts else [])
        + ([f"Provides: {provides}"] if provides else [])
    ),
    st.sampled_from(NAMES), st.sampled_from("12"),
    st.lists(st.lists(RELATIONS, min_size=1, max_size=2), max_size=2), st.lists(RELATIONS, max_size=1),
    st.sampled_from(["", "", "v", "v (= 1)"]),
)  # fmt: skip


@given(st.lists(STANZAS, min_size=1, max_size=7, unique_by=lambda stanza: stanza.split(";")[0]),
       st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True))  # fmt: skip
@settings(max_examples=150)
def test_the_solver_finds_a_valid_set_exactly_if_there_is_one(stanzas: list[str], wishes: list[str]) -> None:
    packages = [_fields(stanza) for stanza in stanzas]
    versions = {name: [None, *(p for p in packages if p["Package"] == name)] for name in NAMES}
    sets = [[p for p in choice if p] for choice in product(*versions.values())]
    possible = any(_valid(chosen, wishes) for chosen in sets)
    try:
        found = solved(stanzas, *wishes)
    except ResolutionError:
        assert not possible
    else:
        chosen = [p for p in packages if f"{p['Package']} {p['Version']}" in found]
        assert len(chosen) == len(found)
        assert _valid(chosen, wishes)


def _fields(stanza: str) -> dict[str, str]:
    head, *fields = stanza.split("; ")
    name, version = head.split(" ")
    return {"Package": name, "Version": version, **dict(field.split(": ", 1) for field in fields)}


def _valid(chosen: list[dict[str, str]], wishes: list[str]) -> bool:
    """Debian's policy, in the simplest words."""

    def satisfies(package: dict[str, str], name: str, op: str, version: str) -> bool:
        if package["Package"] == name and (not op or OPS[op](compare(package["Version"], version))):
            return True
        for (given_,) in parse(package.get("Provides", "")):
            if given_.name == name and (not op or (given_.op and OPS[op](compare(given_.version, version)))):
                return True
        return False

    for package in chosen:
        for group in parse(package.get("Depends", "")):
            if not any(satisfies(other, r.name, r.op, r.version) for r in group for other in chosen):
                return False
        for (r,) in parse(package.get("Conflicts", "")):
            if any(satisfies(other, r.name, r.op, r.version) for other in chosen if other is not package):
                return False
    return set(wishes) <= {package["Package"] for package in chosen}
