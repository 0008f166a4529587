"""Changing an inventory's text: nothing but what is asked for changes, whatever the layout; what can't be done is refused."""

from __future__ import annotations

import difflib

import pytest
import yaml

from staddle.errors import StaddleError
from staddle.inventory.edit import drop, put

GROUP = {"hosts": {"10.0.0.2": {"pg_seq": 1, "pg_role": "primary"}}, "vars": {"pg_cluster": "pg-a"}}
CHILDREN = ("all", "children")

BLOCK = """\
# who is who
all:
  children:
    infra:   # the foundation
      hosts:
        10.0.0.1: { infra_seq: 1 }   # first

    "web" :
      hosts:
        10.0.0.3:
          nodename: 'web-1'
          # about this host
        # about the group's end
    # about what comes next

  vars:
    admin_ip: 10.0.0.1
"""
WIDE = """\
all:
    vars: {admin_ip: 10.0.0.1}
    children:
        infra:
            hosts: {10.0.0.1: {infra_seq: 1}}"""
FLOW = "all: {children: {infra: {hosts: {10.0.0.1: {infra_seq: 1}}}}, vars: {a_list: [1, 2]}}  # one line\n"
SPREAD = """\
all: {
  children: {
    infra: { hosts: { 10.0.0.1: { infra_seq: 1 } } },   # first
  },
  vars: { admin_ip: 10.0.0.1 },
}
"""
EMPTY = "all:\n  children:   # nobody yet\n  vars: { admin_ip: 10.0.0.1 }\n"
BRACES = "all:\n  children: {}   # nobody yet\n  vars: { admin_ip: 10.0.0.1 }\n"
NOTHING = "all:\n  vars:\n    admin_ip: 10.0.0.1\n# the end\n"
TEXT = (
    "all:\n  children:\n    infra:\n      vars:\n        motd: |\n          hello\n\n          # world\n\n  vars: {}\n"
)
LAYOUTS = {"block": BLOCK, "wide": WIDE, "flow": FLOW, "spread": SPREAD, "empty": EMPTY, "braces": BRACES,
           "nothing": NOTHING, "text": TEXT, "windows": BLOCK.replace("\n", "\r\n")}  # fmt: skip


def lines(before: str, after: str) -> tuple[list[str], list[str]]:
    """What went and what came."""
    found = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    return [line[2:] for line in found if line[0] == "-"], [line[2:] for line in found if line[0] == "+"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_group_is_added_and_nothing_else_changes(layout: str) -> None:
    before = LAYOUTS[layout]
    after = put(before, CHILDREN, "pg-a", GROUP)
    wanted = yaml.safe_load(before)
    wanted["all"]["children"] = {**(wanted["all"].get("children") or {}), "pg-a": GROUP}
    assert yaml.safe_load(after) == wanted
    gone, _ = lines(before, after)
    assert len(gone) <= (layout in {"flow", "spread", "braces"})
    assert all(
        comment in after for comment in ("# one line", "# first", "# nobody yet", "# world") if comment in before
    )


def test_a_group_looks_as_the_others_do() -> None:
    gone, came = lines(BLOCK, put(BLOCK, CHILDREN, "pg-a", GROUP))
    assert gone == []
    assert came == [
        "",
        "    pg-a:",
        "      hosts:",
        "        10.0.0.2: { pg_seq: 1, pg_role: primary }",
        "      vars:",
        "        pg_cluster: pg-a",
    ]
    assert "            hosts:\n                10.0.0.2:" in put(WIDE, CHILDREN, "pg-a", GROUP)
    assert "\r\n    pg-a:\r\n" in put(LAYOUTS["windows"], CHILDREN, "pg-a", GROUP)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_was_added_can_be_taken_away_again(layout: str) -> None:
    before = LAYOUTS[layout]
    after = drop(put(before, CHILDREN, "pg-a", GROUP), CHILDREN, "pg-a")
    assert (yaml.safe_load(after)["all"].get("children") or {}) == (yaml.safe_load(before)["all"].get("children") or {})
    if layout in {"block", "flow", "spread", "text", "windows"}:
        assert after == before


@pytest.mark.parametrize(
    ("path", "key"),
    [(CHILDREN, "infra"), (CHILDREN, "web"), ((*CHILDREN, "infra", "hosts"), "10.0.0.1"), (("all",), "vars")],
)
def test_an_entry_goes_with_what_is_written_about_it(path: tuple[str, ...], key: str) -> None:
    after = drop(BLOCK, path, key)
    wanted = yaml.safe_load(BLOCK)
    place = wanted
    for name in path:
        place = place[name]
    del place[key]
    assert str(yaml.safe_load(after)).replace("{}", "None") == str(wanted).replace("{}", "None")
    assert ("# about this host" in after) == (key != "web")
    assert "# who is who" in after


def test_a_host_is_added_to_a_group() -> None:
    after = put(BLOCK, (*CHILDREN, "web", "hosts"), "10.0.0.4", {"nodename": "web-2"})
    assert lines(BLOCK, after) == ([], ["        10.0.0.4: { nodename: web-2 }"])
    assert after.index("# about this host") < after.index("10.0.0.4") < after.index("# about what comes next")


@pytest.mark.parametrize(
    ("text", "path", "why"),
    [
        (BLOCK, (*CHILDREN, "infra", "hosts", "10.0.0.1", "infra_seq"), "not a mapping"),
        ("all: &x { children: *x }", CHILDREN, "can't be read"),
        ("all:\n  children: &c\n    a: { hosts: { 10.0.0.1: } }\n  vars: { again: *c }\n", CHILDREN, "by a program"),
        ("all: [", CHILDREN, "can't be read"),
    ],
)
def test_what_it_can_not_do_is_refused(text: str, path: tuple[str, ...], why: str) -> None:
    with pytest.raises(StaddleError, match=why):
        put(text, path, "pg-a", GROUP)


def test_an_entry_that_is_there_is_not_replaced_and_one_that_is_not_can_not_go() -> None:
    with pytest.raises(StaddleError, match="there already"):
        put(BLOCK, CHILDREN, "infra", GROUP)
    with pytest.raises(StaddleError, match="there is no"):
        drop(BLOCK, CHILDREN, "pg-a")


@pytest.mark.parametrize("value", ["yes", "1.5", "x: y", "# no", "a b", "*", "", "10.0.0.2 6379", True, 7, "0x1F"])
def test_values_are_quoted_where_they_have_to_be(value: object) -> None:
    after = put(BLOCK, ("all", "vars"), "custom", {"key": value})
    assert yaml.safe_load(after)["all"]["vars"]["custom"] == {"key": value}
