"""YAML at its edges: whatever comes in, a tree or a problem with a position comes out."""

from __future__ import annotations

import pytest

from staddle.inventory.document import parse, plain


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: 1", {"a": 1}),
        ("a: yes\nb: off\nc: ~\nd:", {"a": True, "b": False, "c": None, "d": None}),
        ("a: 10.10.10.10", {"a": "10.10.10.10"}),
        ("a: 0x1F\nb: 1:30\nc: 1.5", {"a": 31, "b": 90, "c": 1.5}),
        ("a: &x { b: 1 }\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}),
        ("a: &a { x: 1, y: 1 }\nb: &b { x: 2, z: 2 }\nc: { <<: [*a, *b], y: 3 }", {
            "a": {"x": 1, "y": 1}, "b": {"x": 2, "z": 2}, "c": {"y": 3, "x": 1, "z": 2},
        }),
        ("a: !unsafe '{{ x }}'", {"a": "{{ x }}"}),
        ("a: !!str 12", {"a": "12"}),
        ("---\na: 1\n...\n", {"a": 1}),
        ("", None),
        ("- a\n- [b]", ["a", ["b"]]),
    ],
)  # fmt: skip
def test_plain_yaml(text: str, data: object) -> None:
    tree, problems = parse(text, "x")
    assert not problems
    assert (plain(tree) if tree else None) == data


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("a: [", "not valid YAML: did not find expected node content", "x:2:1"),
        ("a: *nowhere", "no anchor '&nowhere' before this alias", "x:1:4"),
        ("a: &a [*a]", "alias '*a' contains itself", "x:1:8"),
        ("a: 1\n---\nb: 2", "a second document starts here", "x:2:1"),
        ("a: \x00", "a character that YAML does not allow", "x:1:4"),
        ("a: \ud800", "the text is not valid Unicode", "x:1:1"),
        ("[" * 101, "values are nested more than 100 deep", "x:1:101"),
        ("[" * 200_000, "values are nested more than 100 deep", "x:1:101"),
        ("- " * 200_000, "values are nested more than 100 deep", "x:1:201"),
        ("a: { <<: 3 }", "'<<' needs a mapping or a list of mappings", "x:1:10"),
        ("a: !!int twelve", "this looks like a YAML int but is not valid", "x:1:4"),
        ("a: !!timestamp x", "this looks like a YAML timestamp but is not valid", "x:1:4"),
        (
            "a: !!python/object:os.system {}",
            "tag 'tag:yaml.org,2002:python/object:os.system' is not supported",
            "x:1:4",
        ),
        ("a: 9" + "9" * 5000, "this looks like a YAML int but is not valid", "x:1:4"),
    ],
    ids=range(14),
)
def test_what_is_wrong_with_the_yaml_itself(text: str, message: str, place: str) -> None:
    _, problems = parse(text, "x")
    assert [(problem.message, str(problem.position)) for problem in problems] == [(message, place)]


def test_aliases_of_aliases_do_not_explode() -> None:
    layers = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 10)]
    _, problems = parse("\n".join(["l0: &l0 [1]", *layers]), "x")
    assert "aliases expand to more than" in problems[0].message
