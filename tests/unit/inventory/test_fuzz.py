"""Whatever the text, the outcome is a Fleet or an InventoryError that can be printed."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from hypothesis import HealthCheck, given, settings, strategies as st

from staddle.errors import InventoryError
from staddle.inventory import parse_inventory, report
from staddle.inventory.schema import FIELDS

CASES = [path.read_text("utf-8") for path in sorted((Path(__file__).parent / "cases").glob("*.yml"))]
FUZZ = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.dates() | st.binary(max_size=3)
    | st.text(max_size=12) | st.sampled_from(["${admin_ip}", "${x}", "{{ x }}", "infra", "10.0.0.1", "a:80", "15d", "$"])
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(scalars, inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from([*FIELDS, "pg_cluster", "pg_seq", "ansible_host", "nonsense", "ansible_group_priority"])
variables = st.dictionaries(names, values, max_size=6)
addresses = st.sampled_from(["10.0.0.1", "10.0.0.2", "fd00::1", "10.0.0.[1:3]", "web", "::ffff:10.0.0.1", 7])
vars_or_not = variables | values
hosts_or_not = st.dictionaries(addresses, vars_or_not) | values
group_names = st.sampled_from(["infra", "a", "b", "all"])
groups = st.recursive(
    st.fixed_dictionaries({}, optional={"hosts": hosts_or_not, "vars": vars_or_not}),
    lambda inner: st.fixed_dictionaries(
        {}, optional={"children": st.dictionaries(group_names, inner) | values, "vars": variables}
    ),
    max_leaves=4,
)


def load(text: str) -> None:
    try:
        loaded = parse_inventory(text)
    except InventoryError as error:
        assert any(problem.is_error for problem in error.problems)
        report.render(error.problems, text)
        json.dumps([report.as_data(problem) for problem in error.problems])
    else:
        report.render(loaded.warnings, text)
        json.dumps(report.summary_data(loaded))
        assert report.summary(loaded)
        for node in loaded.fleet.nodes:
            assert all(node.where(path) for path in node.positions)


@FUZZ
@given(st.text())
def test_any_text(text: str) -> None:
    load(text)


@FUZZ
@given(st.sampled_from(CASES), st.integers(0, 3000), st.integers(0, 30), st.text(max_size=8))
def test_any_edit_of_an_inventory(text: str, at: int, cut: int, put: str) -> None:
    load(text[:at] + put + text[at + cut :])


@FUZZ
@given(st.dictionaries(st.sampled_from(["all", "infra", "x"]), groups, max_size=3))
def test_any_values_in_the_right_shape(data: dict[str, object]) -> None:
    load(yaml.dump(data))


@FUZZ
@given(variables, variables)
def test_any_parameters(globally: dict[str, object], locally: dict[str, object]) -> None:
    hosts = {"10.0.0.1": {"infra_seq": 1} | locally, "10.0.0.2": locally}
    load(yaml.dump({"all": {"children": {"infra": {"hosts": hosts}}, "vars": globally}}))
