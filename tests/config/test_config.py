"""Reading a config: every error at once, with its place and remedy, and never a secret."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bridge.config.load import InstancePaths, RoutingConfig, find_instance_paths, find_routing_config, load_config
from bridge.config.schema.sources import DiscoverSettings, GrpcSettings, HttpSettings
from bridge.config.show import shown
from bridge.daemon.checks.channel_check import check_channels
from bridge.language.diagnostics.diagnostic import Code
from tests.config.reading import ENVIRON, GOOD, errors, load, read, write

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


def test_a_good_config_is_read(tmp_path: Path) -> None:
    """Relative paths start at the config's folder; secrets do not show."""
    config = read(tmp_path, GOOD)
    (source,) = config.sources
    assert isinstance(source, GrpcSettings)
    assert [each.target for each in source.grpc] == [f"unix:{tmp_path}/falco.sock"]
    assert config.channels["archive"].url.reveal() == f"file://{tmp_path}/archive.jsonl"
    assert config.shutdown.drain.seconds == 1.5
    assert [group.files for group in config.routes] == [(tmp_path / "a.route",)]
    assert config.admin.socket == tmp_path / "journal.db.admin.sock"
    assert "hunter2" not in repr(config)


def test_all_errors_are_reported_at_once(tmp_path: Path) -> None:
    """Each at its line; a misspelt key with a suggestion."""
    found = errors(tmp_path, BAD)
    assert [(each.code.id, each.span.line) for each in found] == [
        ("C503", 1), ("C503", 2), ("C502", 3), ("C502", 4), ("C508", 6), ("C504", 7), ("C511", 8), ("C506", 9),
        ("C506", 10),
    ]  # fmt: skip
    assert any(each.hint == "did you mean `channels`?" for each in found)
    assert found[0].message == "the config has no `journal`"


@pytest.mark.parametrize(
    ("text", "line"), [("sources: [\n", 2), ("", 1), ("a: \x07\n", 1), ("- a\n b: [\n", 2), ("[" * 5000, 1)]
)
def test_malformed_yaml_is_one_error(tmp_path: Path, text: str, line: int) -> None:
    """A sentence at its line, not a traceback."""
    (found,) = errors(tmp_path, text)
    assert (found.code, found.span.line) == (Code.UNREADABLE_CONFIG, line)


def test_a_file_that_is_missing_or_not_utf_8_is_one_error(tmp_path: Path) -> None:
    """With the remedy."""
    (missing,) = load_config(tmp_path / "none.yaml", {}).diagnostics
    assert (missing.code, missing.hint) == (Code.UNREADABLE_CONFIG, "name an existing file with --config")
    (tmp_path / "latin.yaml").write_bytes(b"labels: {a: \xe9}\n")
    (latin,) = load_config(tmp_path / "latin.yaml", {}).diagnostics
    assert latin.hint == "save it as UTF-8"


def test_a_channel_that_apprise_cannot_use_is_an_error_without_its_url(tmp_path: Path) -> None:
    """At the channel's URL."""
    loaded = load(tmp_path, GOOD, {"TOKEN": "hunter2hunter2"})
    found = check_channels(loaded)
    assert [(each.code, each.span.line, "secops" in each.message) for each in found] == [
        (Code.UNUSABLE_CHANNEL, 4, True)
    ]
    assert "hunter2" not in str(found)


SECRETS = """\
sources:
  - htp: 127.0.0.1:1
    token: hunter2hunter2
  - http: 127.0.0.1:1
    token: "hunter2"        # was hunter2hunter2
    tokn: hunter2hunter2
    path: {hunter2hunter2: hunter2hunter2}
channels:
  a: {url: "slack://hunter2/${HUNTER2}/hunter2", rate: often}   # slack://hunter2
  b: [slack://hunter2]
  c: jsno://hunter2/hunter2
  "d": json://hunter2/${file:none}
  c: json://hunter2/hunter2
metrics: {listen: 0.0.0.0:1, token: hunter2, alow: hunter2}
"""


def test_excerpts_show_no_secret(tmp_path: Path) -> None:
    """Not a literal one, not under a misspelt key, in a comment, or in a value of the wrong shape."""
    loaded = load(tmp_path, SECRETS, {})
    text = loaded.errors().text()
    assert "hunter2" not in text
    assert '"slack://********${HUNTER2}********"' in text
    assert "json://********${file:none}" in text
    assert loaded.source.text.count("\n") == SECRETS.count("\n")
    broken = load(tmp_path, "channels:\n  a: slack://hunter2\n b: [\n", {})
    assert "hunter2" not in broken.errors().text()
    assert "channels" in broken.source.text


def test_an_excerpt_shows_a_key_behind_the_name_of_a_channel(tmp_path: Path) -> None:
    """The ``#`` of ``slack://…/#alerts`` begins no comment. One behind a space does."""
    written = 'channels:\n  a: {url: "slack://hunter2/#alerts", ratte: 5}  # url: hunter2\n'
    text = load(tmp_path, written, {}).errors().text()
    assert 'a: {url: "slack://***************", ratte: *}' in text
    assert "# " not in text
    assert "hunter2" not in text


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bridge", *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_command_rejects_a_bad_config_and_says_why(tmp_path: Path) -> None:
    """Exit 2 from the bridge, 1 from check; no traceback."""
    write(tmp_path, BAD)
    started, checked = (
        run("--config", "falco-bridge.yaml", cwd=tmp_path),
        run("check", "--config", "falco-bridge.yaml", cwd=tmp_path),
    )
    assert (started.returncode, checked.returncode) == (2, 1)
    for output in (started.stderr, checked.stdout):
        assert "error[C502]: unknown key `chanels` in the config\n  ┌─ falco-bridge.yaml:4:1\n" in output
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
def test_errors_of_config_channels_and_routes_come_in_one_run(command: list[str], tmp_path: Path) -> None:
    """From top to bottom, then the routes; each once, and routes may use a channel that has an error."""
    write(tmp_path, MANY)
    (tmp_path / "many.route").write_text('route "r" { to slack, archvie }\n', encoding="utf-8")
    done = run(*command, "falco-bridge.yaml", cwd=tmp_path)
    output = done.stdout + done.stderr
    places = [
        line.partition("falco-bridge.yaml:")[2].partition(":")[0]
        for line in output.splitlines()
        if "┌─ falco-bridge.yaml:" in line
    ]
    assert places == ["1", "4", "5", "6", "7"]
    assert "unknown key `grcp` in a source" in output
    assert "did you mean `grpc`?" in output
    assert "did you mean `json`?" in output
    assert output.count("R203") == 1
    assert "did you mean `archive`?" in output
    assert "hunter2" not in output.lower()


def test_check_reports_a_config_in_each_format(tmp_path: Path) -> None:
    """The same diagnostics as JSON and as annotations of GitHub."""
    import json

    write(tmp_path, MANY.replace("many.route, ", ""))
    as_json = run("check", "--config", "falco-bridge.yaml", "--format", "json", cwd=tmp_path)
    found = json.loads(as_json.stdout)
    assert [each["code"] for each in found[:2]] == ["C502", "C513"]
    assert (found[0]["path"], found[0]["line"], found[0]["column"]) == ("falco-bridge.yaml", 1, 12)
    github = run("check", "--config", "falco-bridge.yaml", "--format", "github", cwd=tmp_path)
    assert github.stdout.startswith("::error file=falco-bridge.yaml,line=1,col=12,title=C502::unknown key `grcp`")


def test_version_imports_nothing_heavy() -> None:
    """``--version`` is instant."""
    code = "import sys; from bridge.cli.main import main\ntry: main(['--version'])\nexcept SystemExit: pass\n"
    code += "print(sorted({'grpc', 'apprise', 'lark', 'structlog', 'yaml', 'requests'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"


def test_reading_a_config_imports_nothing_heavy() -> None:
    """Verbs that need only the journal's path read a config too."""
    code = "import sys, bridge.config.load\n"
    code += "print(sorted({'grpc', 'apprise', 'lark', 'sqlite3', 'requests', 're2', 'ahocorasick'} & set(sys.modules)))"
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
  - stdin: no
  - http: 127.0.0.1:2804
    max_connections: 0
    allow: 10.0.0.0/8
channels: {archive: "file://a.jsonl"}
routes: a.route
journal: journal.db
"""


def test_every_kind_of_source_has_its_errors(tmp_path: Path) -> None:
    """An open listener, a weak secret, no address, a wrong word, a key of another kind, two kinds at once, and more."""
    found = {each.span.line: (each.code, each.message) for each in errors(tmp_path, SOURCES)}
    assert found == {
        2: (Code.OPEN_LISTENER, "anyone who can connect to 0.0.0.0 could post alerts"),
        4: (Code.WEAK_SECRET, "the secret is too easy to guess: it has fewer than 8 characters"),
        5: (Code.INVALID_VALUE, "invalid `http`: `nowhere`"),
        7: (Code.INVALID_VALUE, "invalid `read_from`: `middle`"),
        9: (Code.UNKNOWN_KEY, "unknown key `allow` in a stdin source"),
        10: (Code.CONFLICT, "a source cannot be grpc and http at once"),
        13: (Code.INVALID_VALUE, "invalid `allow`: `10.0.0.0/33`"),
        14: (Code.INVALID_VALUE, "unknown time zone `Asia/Soul`"),
        15: (Code.INVALID_VALUE, "invalid `stdin`: `no`"),
        17: (Code.INVALID_VALUE, "invalid `max_connections`: `0`"),
        18: (Code.WRONG_SHAPE, "`allow` must be a list"),
    }


@pytest.mark.parametrize(
    "guard", ["path: 0123456789abcdef", "token: 0123456789abcdef", "allow: [10.0.0.0/8]", "insecure: true"]
)
def test_an_http_source_at_other_addresses_needs_a_guard(tmp_path: Path, guard: str) -> None:
    """Any of these."""
    (source,) = read(tmp_path, GOOD.replace("grpc: unix:falco.sock", f"http: 0.0.0.0:2801\n    {guard}")).sources
    assert isinstance(source, HttpSettings)
    assert str(source.http) == "0.0.0.0:2801"


def test_a_token_is_used_as_written_and_a_path_without_its_slashes(tmp_path: Path) -> None:
    """A token may contain slashes, as base64 does; slashes around a path do not make it harder to guess."""
    text = GOOD.replace("grpc: unix:falco.sock", "http: 127.0.0.1:1\n    path: {}\n    token: /ab+cd/ef=/")
    (source,) = read(tmp_path, text.replace("{}", "/0123456789abcdef/")).sources
    assert isinstance(source, HttpSettings)
    assert source.path is not None
    assert source.token is not None
    assert (source.path.reveal(), source.token.reveal()) == ("0123456789abcdef", "/ab+cd/ef=/")
    (weak,) = errors(tmp_path, text.replace("{}", "//////a//////"))
    assert weak.code is Code.WEAK_SECRET
    (parts,) = errors(tmp_path, text.replace("{}", "01234567/89abcdef"))
    assert "one part of a path" in parts.message


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
    tls: {{ca: c.pem, cert: c.pem, key: none.pem}}
  - grpc: falco:5060
  - grpc: unix:d.sock
    tls: {{ca: c.pem, cert: c.pem, key: c.pem}}
channels: {{archive: "file://a.jsonl"}}
routes: a.route
journal: journal.db
"""


def test_errors_of_many_falcos_are_reported_each(tmp_path: Path) -> None:
    """One read twice by two names, none at all, no address, no TLS, no name, no resolver, no file, TLS on a socket."""
    (tmp_path / "c.pem").touch()
    (tmp_path / "a.sock").touch()
    (tmp_path / "link.sock").symlink_to("a.sock")
    found = [(each.span.line, each.message) for each in errors(tmp_path, FALCOS.format(folder=tmp_path))]
    assert len(found) == 9
    for line, words in (
        (3, "is read twice"), (4, "`grpc` is empty"), (6, "invalid `grpc`: `nowhere`"),
        (7, "a discover source has no `tls`"), (8, "invalid `discover`"), (11, "invalid `resolver`"),
        (12, "there is no file"), (13, "mutual TLS only"), (15, "a unix socket has no TLS"),
    ):  # fmt: skip
        assert any(line == at and words in message for at, message in found), (line, words, found)


def test_the_falcos_behind_a_name_are_verified_by_it(tmp_path: Path) -> None:
    """No certificate names the address of a pod; ``server_name`` gives another name."""
    (tmp_path / "c.pem").touch()
    for more, name in (("", "falco.svc"), (", server_name: falco", "falco")):
        source = f"{{discover: 'dns://falco.svc:5060', tls: {{ca: c.pem, cert: c.pem, key: c.pem{more}}}}}"
        text = f"sources: [{source}]\nchannels: {{archive: 'file://a.jsonl'}}\nroutes: a.route\njournal: j.db\n"
        (found,) = read(tmp_path, text).sources
        assert isinstance(found, DiscoverSettings)
        assert found.tls.server_name == name


def test_what_channels_may_use_is_configured(tmp_path: Path) -> None:
    """By default the bridge's own folders and no program; a relative path, and a secret as an argument, are errors."""
    config = read(tmp_path, GOOD)
    assert (config.allowed.programs, set(config.allowed.folders)) == ((), {tmp_path})
    loaded = load(tmp_path, GOOD + "allow: {exec: [/usr/bin/true], files: [/var/log/../log/x]}\n")
    assert (loaded.allowed.programs, loaded.allowed.folders) == ((Path("/usr/bin/true"),), (Path("/var/log/x"),))
    assert ["outside" in each.message for each in check_channels(loaded) if "archive" in each.message] == [True]
    bad = GOOD.replace("slack://${TOKEN}", "exec:///bin/true?arg=${TOKEN}") + "allow: {exec: [true], flies: []}\n"
    assert [(each.code, each.message) for each in errors(tmp_path, bad)] == [
        (Code.EXPOSED_SECRET, "every user of this machine can see the arguments of a program"),
        (Code.INVALID_VALUE, "`true` is not an absolute path"),
        (Code.UNKNOWN_KEY, "unknown key `flies` in `allow`"),
    ]


@pytest.mark.parametrize(
    ("extra", "code", "message"),
    [
        ("admin: " + "x" * 120, Code.INVALID_VALUE, "at most 107 bytes"),
        ("admin: {listen: '127.0.0.1:9377'}", Code.OPEN_LISTENER, "could operate the bridge"),
        ("admin: {listen: '0.0.0.0:9377', allow: [10.0.0.0/8]}", Code.OPEN_LISTENER, "could operate the bridge"),
        ("admin: {listen: '0.0.0.0:9377', token: abc}", Code.WEAK_SECRET, "too easy to guess"),
        ("metrics: nonsense", Code.INVALID_VALUE, "invalid `metrics`: `nonsense`"),
        ("metrics: 0.0.0.0:9376", Code.OPEN_LISTENER, "anyone who can connect to 0.0.0.0 could read"),
        ("metrics: {listen: '0.0.0.0:9376', token: abc}", Code.WEAK_SECRET, "too easy to guess"),
        ("metrics: {listen: '0.0.0.0:9376', allow: [all]}", Code.INVALID_VALUE, "invalid `allow`: `all`"),
        ("metrics: {allow: [10.0.0.0/8]}", Code.MISSING_KEY, "`metrics` has no `listen`"),
    ],
)
def test_listeners_that_are_open_or_wrong_are_errors(tmp_path: Path, extra: str, code: Code, message: str) -> None:
    """Each with one error and its remedy."""
    (found,) = errors(tmp_path, f"{GOOD}{extra}\n")
    assert (found.code, message in found.message, bool(found.hint)) == (code, True, True), found


@pytest.mark.parametrize("guard", ["allow: [10.0.0.0/8]", "token: 0123456789abcdef", "insecure: true"])
def test_metrics_at_other_addresses_need_a_guard(tmp_path: Path, guard: str) -> None:
    """Any of the three; at a loopback address none."""
    for text in (f"metrics: {{listen: '0.0.0.0:9376', {guard}}}", "metrics: 127.0.0.1:9376"):
        config = read(tmp_path, f"{GOOD}{text}\n")
        assert config.metrics is not None
        assert config.metrics.listen.port == 9376
        assert "0123456789abcdef" not in repr(config)


def test_admin_is_a_path_or_a_mapping(tmp_path: Path) -> None:
    """Over TCP it needs a token."""
    assert read(tmp_path, f"{GOOD}admin: a.sock\n").admin.socket == tmp_path / "a.sock"
    admin = read(tmp_path, f"{GOOD}admin: {{listen: '127.0.0.1:9377', token: 0123456789abcdef}}\n").admin
    assert admin.socket == tmp_path / "journal.db.admin.sock"
    assert admin.listen is not None
    assert (admin.listen.host, admin.listen.port) == ("127.0.0.1", 9377)


def test_a_path_too_long_for_a_socket_is_an_error(tmp_path: Path) -> None:
    """At its line; no connection could ever succeed. The default beside the journal as well."""
    found = errors(tmp_path, GOOD.replace("falco.sock", "x" * 108))
    assert [(each.span.line, "at most 107 bytes" in each.message) for each in found] == [(2, True)]
    found = errors(tmp_path, GOOD.replace("journal.db", "x" * 100))
    assert [(each.span.line, "admin:" in each.hint) for each in found] == [(7, True)]


def test_a_section_of_the_wrong_shape_shows_how_it_is_written(tmp_path: Path) -> None:
    """A mapping by its first key."""
    found = {each.span.line: each for each in errors(tmp_path, "log: debug\nlabels: [a]\nsources: {f: {file: a}}\n")}
    assert (found[3].message, found[3].hint) == (
        "`sources` must be a list", "start each item with `- ` on a line of its own"
    )  # fmt: skip
    assert (found[2].message, found[2].hint) == (
        "`labels` must be a mapping of names to values",
        "write {cluster: eu-1}",
    )
    assert any(each.message == "`log` must be a mapping" for each in errors(tmp_path, "log: debug\n"))


def test_a_config_that_is_no_mapping_is_an_error(tmp_path: Path) -> None:
    """A list, and a text."""
    for text in ("- a\n", "a\n"):
        assert any(each.message == "the config must be a mapping" for each in errors(tmp_path, text))


def test_the_bridge_of_a_config_with_errors_is_found_all_the_same(tmp_path: Path) -> None:
    """Operators need the socket and the journal; neither a secret nor another section matters."""
    text = BAD + "journal: j.db\nadmin: {socket: a.sock, token: '${NO_SUCH}'}\n"
    assert find_instance_paths(write(tmp_path, text), {}) == InstancePaths(tmp_path / "j.db", tmp_path / "a.sock")
    missing = find_instance_paths(write(tmp_path, BAD), {})
    assert "the config has no `journal`" in missing.text()


def test_routes_of_a_config_are_found_without_its_secrets(tmp_path: Path) -> None:
    """In CI there are none."""
    found = find_routing_config(write(tmp_path, GOOD), {})
    assert found == RoutingConfig(
        (tmp_path / "a.route",),
        frozenset({"secops", "archive"}),
        {"cluster": "eu-1"},
        (),
        tmp_path / "journal.db",
        {"secops": "slack", "archive": "file"},
    )
    assert load_config(tmp_path / "falco-bridge.yaml", ENVIRON).config is not None


def test_a_heartbeat_can_name_a_url(tmp_path: Path) -> None:
    """It is a channel named `heartbeat`, checked as any other, and its URL is a secret."""
    config = read(tmp_path, f'{GOOD}heartbeat: {{url: "webhooks://hc-ping.com/hunter2hunter2", every: 5m}}\n')
    assert config.heartbeat is not None
    assert (config.heartbeat.channel, config.heartbeat.url) == ("heartbeat", None)
    assert config.channels["heartbeat"].url.reveal() == "webhooks://hc-ping.com/hunter2hunter2"
    assert "hunter2" not in shown(config)
    again = read(tmp_path, shown(config).replace("webhooks://***", "webhooks://hc-ping.com/hunter2hunter2"))
    assert (again.heartbeat, again.channels["heartbeat"]) == (config.heartbeat, config.channels["heartbeat"])
    assert load_config(tmp_path / "falco-bridge.yaml", ENVIRON).channel_spans["heartbeat"].line > 1
    (conflict,) = errors(tmp_path, f"{GOOD}heartbeat: {{url: webhooks://h/x, channel: archive}}\n")
    assert (conflict.code, conflict.hint) == (Code.CONFLICT, "write one of them")
    (missing,) = errors(tmp_path, f"{GOOD}heartbeat: {{every: 5m}}\n")
    assert missing.message == "`heartbeat` has neither `channel` nor `url`"


@pytest.mark.parametrize(
    ("heartbeat", "message", "remedy"),
    [
        ("webhooks://hc-ping.com/x", "this is a URL", "write heartbeat: {url: …}"),
        ("archiv", "unknown channel `archiv`", "did you mean `archive`?"),
        ("{channel: archive, every: 1s}", "the shortest interval is 10s", "write 10s or more"),
    ],
)
def test_a_heartbeat_needs_a_channel_and_an_interval(tmp_path: Path, heartbeat: str, message: str, remedy: str) -> None:
    """The channel may be the whole value."""
    (found,) = errors(tmp_path, f"{GOOD}heartbeat: {heartbeat}\n")
    assert (found.code, found.message) == (Code.INVALID_VALUE, message)
    assert found.hint == remedy


def test_a_control_character_in_a_name_is_an_error(tmp_path: Path) -> None:
    """PostgreSQL stores no NUL. A condition may have several lines."""
    (tmp_path / "a.route").write_text("otherwise { to c }\n", "utf-8")
    config = tmp_path / "b.yaml"
    config.write_text(
        r'{sources: [{http: 127.0.0.1:2801, name: "a\0b"}], channels: {c: console://}, journal: j.db, '
        r'routes: [{files: a.route, name: "\e[31m", where: "rule = a\n\tor rule = b"}]}',
        "utf-8",
    )
    found = [each.message for each in load_config(config, {}).diagnostics]
    assert found == ["`name` contains a control character"] * 2
