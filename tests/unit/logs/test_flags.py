"""Go-style flags."""

import pytest

from staddle.logs.errors import FlagError
from staddle.logs.flags import Flags, help_text, parse_retention, parse_seconds, parse_size
from staddle.logs.select.times import end_of, parse_time
from staddle.logs.settings import FLAGS

NOW = 1_795_305_600_000_000_000


@pytest.mark.parametrize("args", [["-retentionPeriod=15d"], ["--retentionPeriod=15d"], ["-retentionPeriod", "15d"]])
def test_spellings(args: list[str]) -> None:
    assert Flags(FLAGS, args, {})["retentionPeriod"] == 15 * 86400


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["-retentionPerod=1d"], "did you mean -retentionPeriod?"),
        (["-xyzzy"], "unknown flag -xyzzy"),
        (["-retentionPeriod=x"], "bad value 'x'"),
        (["data"], "unexpected argument"),
        (["-httpListenAddr"], "needs a value"),
        (["-tls=maybe"], "want true or false"),
    ],
)
def test_mistakes_are_named(args: list[str], said: str) -> None:
    with pytest.raises(FlagError, match=said.replace("?", r"\?")):
        Flags(FLAGS, args, {})


def test_environment_only_when_enabled() -> None:
    environment = {"VL_retention_maxDiskSpaceUsageBytes": "5GiB"}
    name = "retention.maxDiskSpaceUsageBytes"
    assert Flags(FLAGS, [], environment)[name] == 0
    assert Flags(FLAGS, ["-envflag.enable", "-envflag.prefix=VL_"], environment)[name] == 5 << 30


def test_lists_and_secrets() -> None:
    flags = Flags(FLAGS, ["-httpListenAddr=:1,:2", "-httpListenAddr=:3", "-httpAuth.password=hush"], {})
    assert flags["httpListenAddr"] == [":1", ":2", ":3"]
    assert "hush" not in flags.describe()
    assert "-storageDataPath" in help_text(FLAGS, "usage")


def test_units() -> None:
    assert (parse_size("50GiB"), parse_size("10MB"), parse_size("7")) == (50 << 30, 10_000_000, 7)
    assert (parse_seconds("1h30m"), parse_seconds("100ms"), parse_seconds("5")) == (5400, 0.1, 5)
    assert (parse_retention("1"), parse_retention("2w")) == (31 * 86400, 14 * 86400)


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("now", NOW),
        ("now-5m", NOW - 300 * 10**9),
        ("-1h", NOW - 3600 * 10**9),
        ("5m", NOW - 300 * 10**9),
        ("1795305600", NOW),
        ("1795305600123", NOW + 123 * 10**6),
        ("1795305600.5", NOW + 5 * 10**8),
        ("1795305600000000", NOW),
        (str(NOW + 7), NOW + 7),
        ("2026", 1767225600 * 10**9),
        ("2026-11-22T00:00:00Z", NOW),
        ("2026-11-22T03:00:00+03:00", NOW),
        ("2026-11-22T00:00:00.000000007Z", NOW + 7),
        ("2026-11-22T00Z", NOW),
    ],
)
def test_time_arguments(text: str, ns: int) -> None:
    assert parse_time(text, NOW) == ns


@pytest.mark.parametrize("text", ["zzz", "2026-13-01T00:00:00Z", "", "5"])
def test_bad_time_arguments(text: str) -> None:
    if text == "5":
        assert parse_time(text, NOW) == 5 * 10**9
    else:
        with pytest.raises(ValueError, match="cannot parse"):
            parse_time(text, NOW)


def test_the_end_covers_its_whole_second_or_millisecond() -> None:
    assert end_of(NOW) == NOW + 999_999_999
    assert end_of(NOW + 123 * 10**6) == NOW + 123_999_999
    assert end_of(NOW + 123_456_789) == NOW + 123_456_789
