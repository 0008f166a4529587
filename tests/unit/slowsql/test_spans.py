"""What becomes of the rows that PostgreSQL logged."""

from __future__ import annotations

import pytest
from tests.unit.slowsql.rows import made, recorded

from staddle.otlp import Link, Span
from staddle.slowsql.spans import Options, convert, resource

CALLER = "/*traceparent='00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',application='shop'*/"


def spans(*rows: dict[str, str], redact: bool = True, minimum: int = 0) -> list[Span]:
    return [found.span for found in convert(rows or recorded(), Options(redact, minimum), {})]


def named(text: str, **options: bool) -> Span:
    (found,) = [span for span in spans(**options) if span.name.startswith(text)]
    return found


def test_a_statement_and_its_plan_are_one_span() -> None:
    span = named("select * from t a join t b")
    assert span.end - span.start == 3_487_000
    assert span.attributes["db.operation.name"] == "SELECT"
    assert span.attributes["db.namespace"] == "postgres"
    assert span.attributes["server.address"] == "10.0.0.5"
    (event,) = span.events
    assert str(event.attributes["db.query.plan"]).startswith("Limit  (cost=187.15..187.16 rows=1 width=88)")


def test_a_statement_that_names_its_caller_is_part_of_the_callers_trace() -> None:
    span = named("select * from t a join t b")
    assert span.trace_id == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert span.parent_id == "00f067aa0ba902b7"
    assert span.attributes["sqlcommenter.application"] == "shop"
    assert named("select pg_sleep").parent_id == ""


def test_no_value_of_a_statement_or_plan_is_left() -> None:
    text = repr(spans())
    for secret in ("n77", "zzz", "secret", "x\\ny", "inner", "10000)"):
        assert secret not in text
    # What is not a value is.
    for kept in (
        "Rows Removed by Filter: 1",
        "Buffers: shared hit=7",
        "Sort Method: quicksort  Memory: 25kB",
        "t_name_idx",
    ):
        assert kept in text
    assert "n77" in repr(spans(redact=False))


def test_plans_as_json_are_read_too() -> None:
    (event,) = named("select sum(v)").events
    assert '"Recheck Cond": "(t.name = ?::text)"' in str(event.attributes["db.query.plan"])


def test_the_plan_of_a_statement_within_a_function_is_a_span_of_its_own() -> None:
    assert named("SELECT count(*) from t where name=?").events
    assert not named("do ?").events


def test_a_lock_wait_is_a_span_and_the_statement_leads_to_it() -> None:
    waiting, acquired = [span for span in spans() if span.name == "wait for ShareLock"]
    assert waiting.attributes["postgresql.lock.holders"] == "6146"
    assert waiting.attributes["postgresql.lock.granted"] is False
    assert acquired.end - acquired.start == 804_986_000
    updates = [span for span in spans() if span.name == "update t set v=? where id=?"]
    assert [len(span.links) for span in updates] == [0, 2]
    assert Link(acquired.trace_id, acquired.span_id) in updates[1].links


def test_the_same_row_is_the_same_span_whatever_else_is_read() -> None:
    rows = recorded()
    alone = {span.span_id for row in rows for span in spans(row)}
    assert {span.span_id for span in spans()} <= alone
    assert len({span.span_id for span in spans()}) == len(spans())


@pytest.mark.parametrize(
    "text",
    [
        "duration: 5.1 ms",
        "duration: x ms  statement: select 1",
        "process 1 acquired it",
        "database system is ready",
        "",
    ],
)
def test_other_rows_are_no_spans(text: str) -> None:
    assert spans(made(text)) == []


def test_what_is_faster_than_the_minimum_is_left_out() -> None:
    rows = [made("duration: 5.0 ms  statement: select 1"), made("duration: 50.0 ms  execute q: select 2", sln=2)]
    (span,) = spans(*rows, minimum=10_000_000)
    assert span.attributes["postgresql.prepared_statement"] == "q"


def test_parameters_are_shown_only_where_values_may_be() -> None:
    row = made("duration: 5.0 ms  execute <unnamed>: select $1", detail="parameters: $1 = 's3cret'")
    assert "s3cret" not in repr(spans(row))
    assert spans(row, redact=False)[0].attributes["postgresql.parameters"] == "$1 = 's3cret'"


def test_the_labels_of_metrics_are_those_of_the_resource() -> None:
    (found,) = convert([made("duration: 5.0 ms  statement: select 1")], Options(), {})
    assert resource(found.labels) == {
        "job": "postgres",
        "cls": "pg-test",
        "ins": "pg-1",
        "ip": "10.0.0.5",
        "service.name": "pg-test",
        "service.instance.id": "pg-1",
    }
