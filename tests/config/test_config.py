"""Every mistake of a config is told at once, with its line and the way out, and no secret is ever shown."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bridge.config.load import Config, load_config
from bridge.config.sources import DiscoverSettings, HttpSettings
from bridge.daemon.channel_check import check_channels

GOOD = """\
sources:
  - grpc: unix:falco.sock
channels:
  secops: slack://${TOKEN}
  archive: file://archive.jsonl
routes: ["*.route"]
journal: journal.db
labels: {cluster: eu-1}
shutdown: {drain: 1500ms}
"""
BAD = """\
sources:
  - grpc: falco:5060
    nam: x
chanels: {}
channels:
  a: ${NO_SUCH}
  a: b
routes: [nothing/*.route]
log: {level: loud}
shutdown: {drain: soon}
"""


def write(folder: Path, text: str) -> Path:
    (folder / "a.route").write_text("otherwise { to archive }\n", encoding="utf-8")
    path = folder / "falco-bridge.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_config_is_read(tmp_path: Path) -> None:
    """Relative paths are the config's folder's; secrets do not show."""
    config = load_config(write(tmp_path, GOOD), {"TOKEN": "A/B/hunter2hunter2"})
    assert isinstance(config, Config)
    assert config.sources[0].addresses == (f"unix:{tmp_path}/falco.sock",)
    assert config.channels["archive"].reveal() == f"file://{tmp_path}/archive.jsonl"
    assert config.drain_seconds == 1.5
    assert config.routes == (tmp_path / "a.route",)
    assert "hunter2" not in repr(config)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """Each with its line; a suggestion for the slip of a key."""
    problems = load_config(write(tmp_path, BAD), {})
    assert not isinstance(problems, Config)
    told = {(each.line, each.message) for each in problems}
    lines = {line for line, _ in told}
    assert {2, 3, 4, 6, 7, 8, 9, 10} <= lines, told
    assert any("did you mean `channels`?" in each.hint for each in problems)
    assert any("there is no `journal`" in each.message for each in problems)


def test_malformed_yaml_and_a_missing_file_are_told(tmp_path: Path) -> None:
    """A sentence each, not a traceback."""
    for path in (write(tmp_path, "sources: [\n"), tmp_path / "none.yaml"):
        problems = load_config(path, {})
        assert not isinstance(problems, Config)
        assert problems[0].text().startswith(str(path))


def test_a_channel_that_apprise_cannot_use_is_an_error_without_its_url(tmp_path: Path) -> None:
    """At the channel's line."""
    config = load_config(write(tmp_path, GOOD), {"TOKEN": "hunter2hunter2"})
    assert isinstance(config, Config)
    problems = check_channels(config)
    assert [(each.line, "secops" in each.message) for each in problems] == [(4, True)]
    assert "hunter2" not in problems[0].text()


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bridge", *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_command_refuses_a_bad_config_and_says_why(tmp_path: Path) -> None:
    """Exit 2 from the bridge, 1 from check; no traceback."""
    write(tmp_path, BAD)
    started, checked = (
        run("--config", "falco-bridge.yaml", cwd=tmp_path),
        run("check", "--config", "falco-bridge.yaml", cwd=tmp_path),
    )
    assert (started.returncode, checked.returncode) == (2, 1)
    assert "falco-bridge.yaml:4: unknown key `chanels`" in started.stderr
    assert "Traceback" not in started.stderr + checked.stderr


MANY = """\
sources: [{grcp: "unix:falco.sock"}]
channels:
  archive: file://archive.jsonl
  slack: slack://HUNTER2HUNTER2
  lost: json://${NO_SUCH}
  typo: jsno://host/hunter2hunter2
routes: [many.route, none.route]
journal: journal.db
"""


@pytest.mark.parametrize("command", [["--config"], ["check", "--config"]])
def test_mistakes_of_config_channels_and_routes_are_told_in_one_go(command: list[str], tmp_path: Path) -> None:
    """From top to bottom, then the routes; each once, and a channel with a mistake is still known to them."""
    write(tmp_path, MANY)
    (tmp_path / "many.route").write_text('route "r" { to slack, archvie }\n', encoding="utf-8")
    told = run(*command, "falco-bridge.yaml", cwd=tmp_path)
    said = told.stdout + told.stderr
    lines = [line for line in said.splitlines() if "falco-bridge.yaml:" in line]
    assert [line.partition("falco-bridge.yaml:")[2].partition(":")[0] for line in lines] == [
        "1",
        "1",
        "4",
        "5",
        "6",
        "7",
    ]
    assert "unknown key `grcp` in a source; did you mean `grpc`?" in lines[0]
    assert "did you mean `json`?" in lines[4]
    assert said.count("R203") == 1
    assert "did you mean `archive`?" in said
    assert "hunter2" not in said.lower()


def test_version_imports_nothing_heavy() -> None:
    """``--version`` is instant."""
    code = "import sys; from bridge.cli.main import main\ntry: main(['--version'])\nexcept SystemExit: pass\n"
    code += "print(sorted({'grpc', 'apprise', 'lark', 'structlog', 'yaml', 'requests'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"


SOURCES = """\
sources:
  - http: 0.0.0.0:2801
  - http: 127.0.0.1:2802
    path: short
  - http: nowhere
  - file: /var/log/*.log
    read_from: middle
  - stdin: true
    allow: [10.0.0.0/8]
  - grpc: unix:x.sock
    http: 127.0.0.1:1
  - http: 127.0.0.1:2803
    allow: [10.0.0.0/33]
    timezone: Asia/Soul
channels: {archive: "file://a.jsonl"}
routes: a.route
journal: journal.db
"""


def test_mistakes_of_sources_are_told_each(tmp_path: Path) -> None:
    """An open door, a weak secret, no address, a wrong word, a key of another kind, two kinds at once, no network, no zone."""
    problems = load_config(write(tmp_path, SOURCES), {})
    assert not isinstance(problems, Config)
    told = {each.line: each.message for each in problems}
    assert "anybody who reaches 0.0.0.0 could post" in told[2]
    assert "too easy to guess" in told[4]
    assert "no address to listen at" in told[5]
    assert "cannot be `middle`" in told[7]
    assert "a stdin source has no `allow`" in told[9]
    assert "not several at once" in told[10]
    assert "no address or network" in told[13]
    assert "unknown time zone `Asia/Soul`" in told[14]
    for guard in ("path: 0123456789abcdef", "token: 0123456789abcdef", "allow: [10.0.0.0/8]", "insecure: true"):
        text = f"sources:\n  - http: 0.0.0.0:2801\n    {guard}\nchannels: {{archive: 'file://a.jsonl'}}\nroutes: a.route\njournal: j.db\n"
        assert isinstance(load_config(write(tmp_path, text), {}), Config), guard


def test_a_token_is_what_was_written_and_a_path_stands_without_its_slashes(tmp_path: Path) -> None:
    """A token may hold slashes, as base64 does; slashes around a path make it no harder to guess."""
    text = "sources:\n  - http: 127.0.0.1:1\n    path: {}\n    token: /ab+cd/ef=/\nchannels: {{a: 'file://a'}}\nroutes: a.route\njournal: j.db\n"
    config = load_config(write(tmp_path, text.format("/0123456789abcdef/")), {})
    assert isinstance(config, Config)
    (source,) = config.sources
    assert isinstance(source, HttpSettings)
    assert (source.path.reveal(), source.token.reveal()) == ("0123456789abcdef", "/ab+cd/ef=/")
    problems = load_config(write(tmp_path, text.format("//////a//////")), {})
    assert not isinstance(problems, Config)
    assert ["too easy to guess" in each.message for each in problems] == [True]


FALCOS = """\
sources:
  - grpc: [unix:a.sock, unix:b.sock]
  - grpc: unix://{folder}/link.sock
  - grpc: []
  - name: n
    grpc: [unix:c.sock, nowhere]
  - discover: dns://falco.svc:5060
  - discover: falco.svc:5060
    tls: {{ca: c.pem, cert: c.pem, key: c.pem}}
  - discover: dns://falco.svc:5061
    resolver: kube-dns
    tls: {{ca: c.pem, cert: c.pem, key: c.pem}}
channels: {{archive: "file://a.jsonl"}}
routes: a.route
journal: journal.db
"""


def test_mistakes_of_many_falcos_are_told_each(tmp_path: Path) -> None:
    """One read twice under two names, none at all, no address, no TLS, no name to ask for, no server to ask."""
    (tmp_path / "c.pem").touch()
    (tmp_path / "a.sock").touch()
    (tmp_path / "link.sock").symlink_to("a.sock")
    problems = load_config(write(tmp_path, FALCOS.format(folder=tmp_path)), {})
    assert not isinstance(problems, Config)
    told = [(each.line, each.message) for each in problems]
    for line, words in (
        (3, "is read twice"), (4, "names no address"), (6, "`grpc` is no address"), (6, "mutual TLS only"),
        (7, "mutual TLS only"), (8, "names nothing to ask for"), (11, "no DNS server's address"),
    ):  # fmt: skip
        assert any(line == at and words in message for at, message in told), (line, words, told)


def test_the_falcos_behind_a_name_bear_its_name(tmp_path: Path) -> None:
    """No certificate names a pod's address; where it names something else, `server_name` says so."""
    (tmp_path / "c.pem").touch()
    for more, name in (("", "falco.svc"), (", server_name: falco", "falco")):
        source = f"{{discover: 'dns://falco.svc:5060', tls: {{ca: c.pem, cert: c.pem, key: c.pem{more}}}}}"
        text = f"sources: [{source}]\nchannels: {{archive: 'file://a.jsonl'}}\nroutes: a.route\njournal: j.db\n"
        config = load_config(write(tmp_path, text), {})
        assert isinstance(config, Config)
        assert isinstance(config.sources[0], DiscoverSettings)
        assert config.sources[0].tls.server_name == name


def test_what_channels_may_touch_is_told_by_the_config(tmp_path: Path) -> None:
    """Without a word the bridge's own folders and no program; a relative path, and a secret as an argument, are mistakes."""
    config = load_config(write(tmp_path, GOOD), {"TOKEN": "x"})
    assert isinstance(config, Config)
    assert (config.allowed.programs, set(config.allowed.folders)) == ((), {tmp_path})
    named = GOOD + "allow: {exec: [/usr/bin/true], files: [/var/log/../log/x]}\n"
    config = load_config(write(tmp_path, named), {"TOKEN": "x"})
    assert isinstance(config, Config)
    assert (config.allowed.programs, config.allowed.folders) == ((Path("/usr/bin/true"),), (Path("/var/log/x"),))
    assert ["outside" in each.message for each in check_channels(config) if "archive" in each.message] == [True]
    bad = GOOD.replace("slack://${TOKEN}", "exec:///bin/true?arg=${TOKEN}") + "allow: {exec: [true], flies: []}\n"
    problems = load_config(write(tmp_path, bad), {"TOKEN": "x"})
    assert not isinstance(problems, Config)
    told = " ".join(each.message for each in problems)
    assert "seen by everybody" in told
    assert "`true` is no absolute path" in told
    assert "unknown key `flies`" in told


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ("admin: " + "x" * 120, "at most 107 bytes"),
        ("metrics: nonsense", "`metrics` is no address to listen at"),
        ("metrics: 0.0.0.0:9376", "anybody who reaches 0.0.0.0 could read"),
        ("metrics: {listen: '0.0.0.0:9376', token: abc}", "too easy to guess"),
        ("metrics: {listen: '0.0.0.0:9376', allow: [all]}", "`all` is no address or network"),
        ("metrics: {allow: [10.0.0.0/8]}", "`metrics` is no address to listen at"),
    ],
)
def test_doors_that_stand_open_or_nowhere_are_mistakes(tmp_path: Path, extra: str, said: str) -> None:
    """Each with the way out."""
    problems = load_config(write(tmp_path, f"{GOOD}{extra}\n"), {"TOKEN": "A/B/hunter2hunter2"})
    assert not isinstance(problems, Config)
    assert said in problems[0].message
    assert problems[0].hint


@pytest.mark.parametrize("guard", ["allow: [10.0.0.0/8]", "token: 0123456789abcdef", "insecure: true"])
def test_metrics_at_other_addresses_want_a_guard(tmp_path: Path, guard: str) -> None:
    """Any of the three; on this machine's own address none."""
    for text in (f"metrics: {{listen: '0.0.0.0:9376', {guard}}}", "metrics: 127.0.0.1:9376"):
        config = load_config(write(tmp_path, f"{GOOD}{text}\n"), {"TOKEN": "A/B/hunter2hunter2"})
        assert isinstance(config, Config), config
        assert config.metrics is not None
        assert config.metrics.port == 9376
        assert "0123456789abcdef" not in repr(config)


def test_a_path_too_long_for_a_socket_is_told(tmp_path: Path) -> None:
    """At its line; no connection could ever succeed."""
    problems = load_config(write(tmp_path, GOOD.replace("falco.sock", "x" * 108)), {"TOKEN": "A/B/hunter2hunter2"})
    assert not isinstance(problems, Config)
    assert [(each.line, "at most 107 bytes" in each.message) for each in problems] == [(2, True)]


def test_a_section_that_is_of_another_kind_is_told_how_it_begins(tmp_path: Path) -> None:
    """A mapping by the first key that it knows."""
    path = tmp_path / "falco-bridge.yaml"
    path.write_text("log: debug\nlabels: [a]\nsources: {f: {file: a}}\n", encoding="utf-8")
    found = load_config(path, {})
    assert isinstance(found, list)
    told = {each.line: each.text() for each in found if each.line < 4}
    assert told[3].endswith("`sources` must be a list; begin each of its items with `- `, on a line of its own")
    assert told[1].endswith("`log` must be a mapping of names to values; like {level: …}")
    assert told[2].endswith("`labels` must be a mapping of names to values; like {NAME: …}")
