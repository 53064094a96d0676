"""What a config may say of a channel, and how each mistake is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.config.channels import OPTIONS
from bridge.config.load import Config, load_config
from bridge.config.reader import Problem
from bridge.delivery.options import ChannelOptions, Rate

DOCS = Path(__file__).parent.parent.parent / "docs" / "delivery.md"


def load(folder: Path, channels: str) -> Config | list[Problem]:
    """A config whose channels begin in its second line."""
    (folder / "a.route").write_text("otherwise { to archive }\n", encoding="utf-8")
    path = folder / "falco-bridge.yaml"
    path.write_text(f"channels:\n{channels}\nsources: [{{stdin: true}}]\nroutes: a.route\njournal: j.db\n", "utf-8")
    return load_config(path, {})


def options(folder: Path, channels: str) -> dict[str, ChannelOptions]:
    config = load(folder, channels)
    assert isinstance(config, Config), config
    return dict(config.channel_options)


def test_every_option_is_read(tmp_path: Path) -> None:
    """Over the defaults of the service."""
    read = options(
        tmp_path,
        """\
  slack: {url: slack://a/b/c, rate: 3 per 2s, burst: 4, concurrency: 1, fallback: mail, give_up_after: 2d,
          digest_after: 10, notify_after: 1m30s, attempt_timeout: 20s}
  mail: {url: "mailto://a", digest_after: never, rate: unlimited}
  hook: json://h""",
    )
    assert read["slack"] == ChannelOptions(Rate(3, 2, 4), 1, "mail", 172_800, 10, 90, 20)
    assert (read["mail"].digest_after, read["mail"].rate) == (None, None)
    assert read["hook"] == ChannelOptions()


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
    """One that names none gets a message a second; what no person reads is not held back."""
    assert options(tmp_path, f"  c: {url}")["c"].rate == rate


@pytest.mark.parametrize(
    ("written", "rate"), [("1/s", Rate(1, 1)), ("120/min", Rate(120, 60)), ("0.5 / second", Rate(0.5, 1)), ("20 per 1m30s", Rate(20, 90))]
)  # fmt: skip
def test_a_rate_may_be_written_either_way(tmp_path: Path, written: str, rate: Rate) -> None:
    """Per unit, or per duration."""
    assert options(tmp_path, f"  c: {{url: slack://a/b/c, rate: {written}}}")["c"].rate == rate


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("rate: fast", "`fast` is no rate", "120/min"),
        ("rate: 0/s", "is no rate", "unlimited"),
        ("rate: 5 per 2", "is no rate", "5 per 2s"),
        ("concurrency: 0", "`concurrency` cannot be `0`", "from 1 to 64"),
        ("digest_after: -1", "`digest_after` cannot be", "or never"),
        ("give_up_after: a while", "`give_up_after` cannot be", "24h"),
        ("attempt_timeout: 2d", "longer than an hour", "default"),
        ("fallback: maill", "is no channel: `maill`", "did you mean `mail`?"),
        ("fallback: c", "lead in a circle: c → c", "who hears last?"),
        ("giveup_after: 1h", "unknown key", "did you mean `give_up_after`?"),
    ],
)
def test_every_mistake_is_told_with_line_and_remedy(tmp_path: Path, line: str, message: str, hint: str) -> None:
    """And never any other way."""
    problems = load(tmp_path, f"  mail: mailto://a\n  c:\n    url: json://h\n    {line}")
    assert not isinstance(problems, Config)
    (problem,) = problems
    assert (problem.line, message in problem.message, hint in problem.hint) == (5, True, True), problem


def test_a_burst_without_a_rate_and_a_longer_circle_are_told(tmp_path: Path) -> None:
    """At the burst; and at each fallback of the circle."""
    problems = load(
        tmp_path,
        """\
  a: {url: json://h, burst: 3}
  b: {url: json://h, fallback: c}
  c: {url: json://h, fallback: b}
  d: {url: json://h, fallback: b}""",
    )
    assert not isinstance(problems, Config)
    assert [each.line for each in problems] == [2, 3, 4]
    assert "b → c → b" in problems[1].message


def test_the_docs_name_every_option() -> None:
    """An option that is not told does not exist."""
    text = DOCS.read_text(encoding="utf-8")
    assert [key for key in OPTIONS if f"`{key}`" not in text] == []
