"""The options of a channel: how each is written, its default, and the error for a wrong value."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.config.schema.channels import ChannelSettings
from bridge.config.schema.keys import keys_of
from bridge.delivery.options import ChannelOptions, Rate
from bridge.language.diagnostics.diagnostic import Code
from tests.config.reading import errors, read

DOCS = Path(__file__).parent.parent.parent / "docs" / "delivery.md"


def config(channels: str) -> str:
    """A config whose channels start in its second line."""
    return f"channels:\n{channels}\nsources: [{{stdin: true}}]\nroutes: a.route\njournal: j.db\n"


def options(folder: Path, channels: str) -> dict[str, ChannelOptions]:
    return {name: channel.options() for name, channel in read(folder, config(channels)).channels.items()}


def test_every_option_is_read(tmp_path: Path) -> None:
    """An option replaces the default of its service."""
    found = options(
        tmp_path,
        """\
  slack: {url: slack://a/b/c, rate: 3 per 2s, burst: 4, concurrency: 1, fallback: mail, give_up_after: 2d,
          digest_after: 10, notify_after: 1m30s, attempt_timeout: 20s}
  mail: {url: "mailto://a", digest_after: never, rate: unlimited}
  hook: json://h""",
    )
    assert found["slack"] == ChannelOptions(Rate(3, 2, 4), 1, "mail", 172_800, 10, 90, 20)
    assert (found["mail"].digest_after, found["mail"].rate) == (None, None)
    assert found["hook"] == ChannelOptions(concurrency=16)


@pytest.mark.parametrize(
    ("url", "rate"),
    [
        ("slack://a/b/c", Rate(1, 1, 3)),
        ("Discord://a/b", Rate(5, 2)),
        ("pover://u@t", Rate(1, 1)),
        ("file://x", None),
    ],
)
def test_a_service_has_its_own_limit_by_default(tmp_path: Path, url: str, rate: Rate | None) -> None:
    """A service of people without a published limit gets one message a second; a service of programs is not limited."""
    assert options(tmp_path, f"  c: {url}")["c"].rate == rate


def test_services_that_know_incidents_get_them_apart(tmp_path: Path) -> None:
    """A digest could be acknowledged and resolved under none of their keys."""
    found = options(tmp_path, "  a: Pagerduty://key@not-used\n  b: opsgenie://key\n  c: slack://a/b/c\n  d: json://h")
    assert {name for name, each in found.items() if each.incidents_apart} == {"a", "b"}


@pytest.mark.parametrize(
    ("channel", "concurrency"),
    [
        ("webhook://h", 16),
        ("{url: json://h, rate: 5/s}", 10),
        ("file://x", 1),
        ("Loki://h", 2),
        ("slack://a/b/c", 2),
        ("mmost://h/3ccdd113474722377935511fc85d3dd4", 10),
        ("{url: slack://a/b/c, rate: unlimited}", 16),
        ("{url: slack://a/b/c, concurrency: 5}", 5),
    ],
)
def test_the_concurrency_is_by_kind_of_channel(tmp_path: Path, channel: str, concurrency: int) -> None:
    """As much as the rate needs."""
    assert options(tmp_path, f"  c: {channel}")["c"].concurrency == concurrency


@pytest.mark.parametrize(
    ("written", "rate"), [("1/s", Rate(1, 1)), ("120/min", Rate(120, 60)), ("0.5 / second", Rate(0.5, 1)), ("20 per 1m30s", Rate(20, 90))]
)  # fmt: skip
def test_a_rate_may_be_written_either_way(tmp_path: Path, written: str, rate: Rate) -> None:
    """Per unit, or per duration."""
    assert options(tmp_path, f"  c: {{url: slack://a/b/c, rate: {written}}}")["c"].rate == rate


@pytest.mark.parametrize(
    ("line", "code", "message", "hint"),
    [
        ("rate: fast", Code.INVALID_VALUE, "invalid `rate`: `fast`", "120/min"),
        ("rate: 0/s", Code.INVALID_VALUE, "invalid `rate`", "unlimited"),
        ("rate: 5 per 2", Code.INVALID_VALUE, "invalid `rate`", "5 per 2s"),
        ("concurrency: 0", Code.INVALID_VALUE, "invalid `concurrency`: `0`", "from 1 to 64"),
        ("digest_after: -1", Code.INVALID_VALUE, "invalid `digest_after`", "or never"),
        ("give_up_after: a while", Code.INVALID_VALUE, "invalid `give_up_after`", "24h"),
        ("attempt_timeout: 2d", Code.INVALID_VALUE, "longer than an hour", "default"),
        ("fallback: maill", Code.BAD_FALLBACK, "unknown channel `maill`", "did you mean `mail`?"),
        ("fallback: c", Code.BAD_FALLBACK, "form a cycle: c → c", "remove `fallback`"),
        ("giveup_after: 1h", Code.UNKNOWN_KEY, "unknown key", "did you mean `give_up_after`?"),
        ("fallback: [mail]", Code.WRONG_SHAPE, "must be a single value", "mail"),
    ],
)
def test_every_error_has_its_place_and_remedy(tmp_path: Path, line: str, code: Code, message: str, hint: str) -> None:
    """At the value; an unknown key at the key."""
    (found,) = errors(tmp_path, config(f"  mail: mailto://a\n  c:\n    url: json://h\n    {line}"))
    assert (found.code, found.span.line, message in found.message, hint in found.hint) == (code, 5, True, True), found
    column = line.index(":") + 2 + 4 + 1
    assert found.span.column in {5, column, column + 1}


def test_a_burst_without_a_rate_and_a_longer_cycle_are_errors(tmp_path: Path) -> None:
    """At the burst; and at each fallback of the cycle."""
    found = errors(
        tmp_path,
        config("""\
  a: {url: json://h, burst: 3}
  b: {url: json://h, fallback: c}
  c: {url: json://h, fallback: b}
  d: {url: json://h, fallback: b}"""),
    )
    assert [each.span.line for each in found] == [2, 3, 4]
    assert "b → c → b" in found[1].message


def test_a_fallback_that_has_an_error_itself_is_reported_once(tmp_path: Path) -> None:
    """It is a channel, too, and no cycle."""
    (found,) = errors(tmp_path, config("  a: {url: json://h, fallback: b}\n  b: json://${NO_SUCH}"))
    assert found.code is Code.SECRET_UNAVAILABLE


def test_names_are_checked(tmp_path: Path) -> None:
    """A word of the language, and a name that routes could not write."""
    found = errors(tmp_path, config("  drop: json://h\n  a b: json://h"))
    assert [(each.code, each.span.line) for each in found] == [(Code.INVALID_NAME, 2), (Code.INVALID_NAME, 3)]


def test_the_delivery_page_names_every_option() -> None:
    """``url`` apart, which has pages of its own."""
    text = DOCS.read_text(encoding="utf-8")
    assert [key.name for key in keys_of(ChannelSettings) if key.name != "url" and f"`{key.name}`" not in text] == []
