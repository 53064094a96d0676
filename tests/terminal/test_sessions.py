"""Sessions: what belongs to a command, who opened the session, and what is bounded."""

from __future__ import annotations

import base64

import pytest
from msgspec.structs import replace

from bridge.terminal.derived import alert_of
from bridge.terminal.lines.shell_line import Origin
from bridge.terminal.observation import observe_all
from bridge.terminal.sessions import pending, sessions
from bridge.terminal.sessions.sessions import Sessions
from bridge.terminal.terminals import Terminals, commands_of
from tests.support.builders import alert
from tests.support.terminals import ANNOUNCED, LINE, SECOND, START, Typist, audited


def announce(shell: Typist, number: int, line: str, pid: int = 555) -> None:
    """PS0 names a line: a process that bash forks opens it."""
    quoted = f"    {number}  {line}".replace("'", "'\\''")
    shell.emit(ANNOUNCED, evt_arg_name=f"/.falco-bridge/'{quoted}'", proc_pid=pid, proc_ppid=shell.pid)


def held(terminals: Terminals) -> str:
    """What is painted on all terminals."""
    return "\n".join(
        "".join(row) for shell in terminals.sessions.shells.values() for row in shell.line.painter.grid.rows
    )


def test_a_command_has_its_programs_files_and_exit_status() -> None:
    """Of its shell's children and theirs; the next line begins the next command."""
    shell = Typist()
    shell.start()
    shell.type("make > log")
    shell.write_file("/home/log", proc_pid=200, proc_ppid=100)
    shell.run("make", 200)
    shell.run("cc -c x.c", 201, proc_ppid=200)
    shell.exit(201, 0)
    shell.exit(200, 2)
    shell.show_prompt()
    shell.type("ls")
    shell.run("ls", 202)
    shell.exit(202)
    first, second = commands_of(shell.alerts)
    assert (first.text, first.ran, first.wrote, first.exit) == ("make > log", ("make", "cc -c x.c"), ("/home/log",), 2)
    assert (second.text, second.ran, second.wrote, second.exit) == ("ls", ("ls",), (), 0)
    assert first.prompt == "$ "
    assert first.shell == "bash"


def test_a_long_command_line_is_cut_between_words() -> None:
    """A part of a secret would be found by no redaction."""
    shell = Typist()
    shell.start()
    shell.type("curl")
    shell.run(f"curl -H {'x' * 400} Bearer {'y' * 200}", 200)
    shell.run("z" * 600, 201)
    (found,) = commands_of(shell.alerts)
    assert found.ran == (f"curl -H {'x' * 400} Bearer …", "…")


def test_a_program_that_starts_long_after_its_line_is_a_command_of_its_own() -> None:
    """The command is not held back for it, and the program is not lost."""
    shell = Typist()
    shell.start()
    shell.type("sleep 60; rm -rf /data")
    shell.now_ns += 60 * SECOND
    shell.run("rm -rf /data", 300)
    typed, alone = commands_of(shell.alerts)
    assert (typed.origin, typed.confidence) == (Origin.PAINTED, 0.9)
    assert (alone.text, alone.origin, alone.ran) == ("rm -rf /data", Origin.EXECVE, ("rm -rf /data",))


def test_a_line_that_another_key_than_enter_ends_is_not_called_aborted() -> None:
    """As ^O does, or a key that somebody binds; or the event of Enter was lost. Only ^C is painted as such."""
    shell = Typist()
    shell.start()
    for end in ("\n", "^C"):
        shell.write_text("rm -rf /x", 2)
        shell.paint(end)
        shell.paint("\x1b[?2004l\r")
        shell.show_prompt()
    assert [(each.text, each.aborted) for each in commands_of(shell.alerts)] == [
        ("rm -rf /x", False),
        ("rm -rf /x", True),
    ]


@pytest.mark.parametrize("typed", ["", "/x"])
def test_text_that_is_there_before_the_first_key_is_a_part_of_the_line(typed: str) -> None:
    """As with histverify or ^O in bash: behind the prompt of the line before, and in doubt."""
    shell = Typist(prompt="root@api-0:/# ")
    shell.start()
    shell.type("ls")
    shell.show_prompt()
    shell.paint("rm -rf ")
    shell.write_text(typed, 21)
    shell.enter()
    shell.show_prompt()
    shell.type("pwd")
    found = [(each.text.strip(), each.prompt, each.confidence) for each in commands_of(shell.alerts)]
    assert found == [
        ("ls", shell.prompt, 0.9),
        (f"rm -rf {typed}".strip(), shell.prompt, 0.5),
        ("pwd", shell.prompt, 0.9),
    ]


@pytest.mark.parametrize("bracketed", [False, True])
def test_a_list_of_completions_is_no_part_of_the_line(bracketed: bool) -> None:
    """As bash 5 prints it for Tab, with the prompt and the line again; bash 5.0 does not bracket what is pasted."""
    shell = Typist(bracketed=bracketed)
    shell.start()
    shell.write_text("cp /var/lib/app/data/al", 2)
    shell.key("\x07")
    shell.key("\nalpha          alpine         gammalongname\nbeta file      gamma\n$ cp /var/lib/app/data/al")
    shell.write_text("pine /tmp", 25)
    shell.enter()
    assert [(each.text, each.confidence) for each in commands_of(shell.alerts)] == [
        ("cp /var/lib/app/data/alpine /tmp", 0.9)
    ]


def test_a_line_that_bash_scrolls_sideways_is_in_doubt() -> None:
    """On a dumb terminal, a mark at the last column says that more follows. A shorter line may end with it."""
    shell = Typist()
    shell.start()
    shell.type("x" * 60 + ">")
    shell.show_prompt()
    shell.type("cat <<'>' >")
    assert [each.confidence for each in commands_of(shell.alerts)] == [0.5, 0.9]


def test_without_reads_and_writes_programs_and_files_are_the_commands() -> None:
    """The cheap rules. What a script runs belongs to the script; an interactive shell is no command."""
    shell = Typist()
    shell.run("bash --norc -i", 100, proc_ppid=1, proc_pid_ts=START)
    shell.run("bash deploy.sh", 200)
    shell.run("kubectl apply -f x", 201, proc_ppid=200)
    shell.now_ns += 10 * SECOND
    shell.write_file("/etc/cron.d/x")
    shell.now_ns += 10 * SECOND
    shell.run("sh -c id", 202)
    found = [(each.text, each.ran, each.wrote, each.origin) for each in commands_of(shell.alerts)]
    assert found == [
        ("bash deploy.sh", ("bash deploy.sh", "kubectl apply -f x"), (), Origin.EXECVE),
        ("", (), ("/etc/cron.d/x",), Origin.EXECVE),
        ("sh -c id", ("sh -c id",), (), Origin.EXECVE),
    ]


def test_a_program_behind_a_redirection_is_one_command_with_its_file() -> None:
    """The forked process opens the file, and then becomes the program."""
    shell = Typist()
    shell.write_file("/tmp/out", proc_pid=200, proc_ppid=100)
    shell.run("id -u", 200)
    (found,) = commands_of(shell.alerts)
    assert (found.text, found.ran, found.wrote) == ("id -u", ("id -u",), ("/tmp/out",))


def test_an_announced_line_that_agrees_with_the_painted_one_makes_it_certain() -> None:
    """Of several lines, bash announces all at the last one; it announces what history expands to."""
    shell = Typist()
    shell.start()
    for number, (typed, announced) in enumerate(
        [("echo it's > x", "echo it's > x"), ("echo $i; done", "for i in 1 2; do echo $i; done"), ("!!", "rm -rf /x")],
        1,
    ):
        shell.type(typed)
        announce(shell, number, announced)
        shell.show_prompt()
    found = [(each.text, each.origin, each.confidence) for each in commands_of(shell.alerts)]
    assert found == [
        ("echo it's > x", Origin.PAINTED, 1.0),
        ("echo $i; done", Origin.PAINTED, 1.0),
        ("rm -rf /x", Origin.ANNOUNCED, 0.9),
    ]


@pytest.mark.parametrize("lost", ["r", "rm -rf "])
def test_an_announced_line_has_the_beginning_that_was_lost(lost: str) -> None:
    """The first keys were not reported, so that what was painted for them counts as the prompt."""
    shell = Typist()
    shell.start()
    shell.paint(lost)
    shell.type("rm -rf /tmp".removeprefix(lost))
    announce(shell, 1, "rm -rf /tmp")
    (found,) = commands_of(shell.alerts)
    assert (found.text, found.origin, found.confidence) == ("rm -rf /tmp", Origin.ANNOUNCED, 0.9)


def test_announced_lines_alone_are_commands() -> None:
    """The cheap rules with PS0. A line that history leaves out repeats the number of the one before."""
    shell = Typist()
    shell.run("bash", 100, proc_ppid=1, proc_pid_ts=START)
    announce(shell, 1, "cd /etc")
    announce(shell, 2, "echo x > cron.d/x")
    shell.write_file("/etc/cron.d/x")
    announce(shell, 2, "echo x > cron.d/x")
    shell.run("curl x", 201)
    found = [(each.text, each.wrote, each.ran, each.confidence) for each in commands_of(shell.alerts)]
    assert found == [
        ("cd /etc", (), (), 0.9),
        ("echo x > cron.d/x", ("/etc/cron.d/x",), (), 0.9),
        ("echo x > cron.d/x", (), ("curl x",), 0.5),
    ]


def test_hidden_input_is_a_row_of_its_own_followed_by_what_ran() -> None:
    """Thirteen keys that the shell did not paint, as after `stty -echo`."""
    shell = Typist()
    shell.start()
    for _ in range(13):
        shell.key("")
    shell.end()
    shell.run("rm -rf /data", 200)
    shell.show_prompt()
    (found,) = commands_of(shell.alerts)
    assert (found.text, found.hidden_keys, found.ran, found.confidence) == ("", 13, ("rm -rf /data",), 1.0)
    assert "(hidden input, 13 keys)" in alert_of(found).output


def test_keys_that_are_erased_again_are_no_hidden_input() -> None:
    """Nor is Enter on an empty line."""
    shell = Typist()
    shell.start()
    shell.key("x")
    shell.key("\x08\x1b[K")
    shell.enter()
    shell.show_prompt()
    shell.enter()
    assert commands_of(shell.alerts) == []


def test_a_whole_line_that_the_kernel_edited_is_certain() -> None:
    """Dash; ^D within a line gives it in two parts."""
    shell = Typist(program="dash", bracketed=False)
    shell.start()
    for part in (b"echo a\n", b"echo ", b"b\n", b"\n"):
        shell.emit(LINE, evt_arg_data=base64.b64encode(part).decode(), evt_rawres=len(part))
    found = [(each.text, each.origin, each.confidence) for each in commands_of(shell.alerts)]
    assert found == [("echo a", Origin.LINE, 1.0), ("echo b", Origin.LINE, 1.0)]


def test_a_line_of_which_falco_lost_events_is_in_doubt() -> None:
    """On that node, at that time."""
    here, there = Typist(), Typist(hostname="node-b")
    for shell in (here, there):
        shell.start()
        shell.type("ls")
        shell.show_prompt()
        shell.now_ns += 10 * SECOND
        shell.type("pwd")
    drop = alert(rule="Falco internal: syscall event drop", source="internal", hostname="node-a")
    found = commands_of([*here.alerts, *there.alerts, replace(drop, time_ns=START + SECOND // 2)])
    assert {(each.hostname, each.text): each.confidence for each in found} == {
        ("node-a", "ls"): 0.5, ("node-a", "pwd"): 0.9, ("node-b", "ls"): 0.9, ("node-b", "pwd"): 0.9,
    }  # fmt: skip


def test_a_shell_that_was_running_before_is_in_doubt_for_its_first_line() -> None:
    """Its beginning may be missing."""
    shell = Typist(now_ns=START + 3600 * SECOND, bracketed=False)
    shell.write_text("st", 2)
    shell.enter()
    shell.show_prompt()
    shell.type("ls")
    assert [(each.text, each.confidence) for each in commands_of(shell.alerts[1:])] == [("t", 0.5), ("ls", 0.9)]


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([("alice", -1)], ("alice",)),
        ([("alice", -3), ("bob", -2)], ("alice", "bob")),
        ([("alice", -300), ("bob", -2), ("bob", -1)], ("bob",)),
        ([("mallory", 60)], ()),
        ([], ()),
    ],
)
def test_kubernetes_says_who_opened_a_session(records: list[tuple[str, int]], expected: tuple[str, ...]) -> None:
    """Just before it began, in that pod; two whose requests overlap are both named."""
    shell = Typist()
    shell.start()
    shell.type("ls")
    audits = [audited(user, START + seconds * SECOND) for user, seconds in records]
    other = audited("eve", START - SECOND, pod="other")
    (found,) = commands_of([other, *audits, *shell.alerts])
    assert found.users == expected
    fields = alert_of(found).fields
    assert fields.get("cmd.who", "") == " · ".join(expected)
    if expected:
        assert f"root ({' or '.join(expected)}, by Kubernetes audit) typed in prod/api-0: ls" == alert_of(found).output


@pytest.mark.parametrize("leader", [False, True])
def test_who_opened_a_session_is_not_said_of_one_that_was_open_before(leader: bool) -> None:
    """The bridge saw it first in the middle, just after somebody else opened another session in the pod."""
    shell = Typist(now_ns=START + 3600 * SECOND)
    shell.run("ls", 200)
    if leader:
        shell.now_ns += 10 * SECOND
        shell.type("id")
    alerts = [audited("mallory", START + 3599 * SECOND), audited("alice", START - SECOND), *shell.alerts]
    assert [each.users for each in commands_of(alerts)] == ([(), ("alice",)] if leader else [()])


def test_numbers_of_terminals_repeat_in_containers_and_over_time() -> None:
    """The same numbers in another container, or of another shell later, are another session."""
    shells = [Typist(), Typist(container="other"), Typist(started_ns=START + 100 * SECOND)]
    for shell in shells:
        shell.start()
        shell.type("ls")
    found = commands_of([alert for shell in shells for alert in shell.alerts])
    assert len({each.session for each in found}) == len({each.id for each in found}) == 3


def test_the_leader_inside_a_container_has_the_number_of_the_container() -> None:
    """`proc.sid` is 1 there; `proc.vpid` shows that the shell leads the session."""
    shell = Typist(session=1)
    shell.emit("fb: command started in a terminal", proc_cmdline="bash", proc_vpid=1)
    (session,) = _used(shell).sessions.values()
    assert session.leader_ns == START


def test_what_a_command_names_is_bounded() -> None:
    """Fifty programs and files; the rest is not recorded. Texts are cut."""
    shell = Typist()
    shell.start()
    shell.type("./all")
    for number in range(80):
        shell.run("x" * 9000, 1000 + number)
        shell.write_file(f"/tmp/{number}" + "y" * 9000)
    (found,) = commands_of(shell.alerts)
    assert len(found.ran) == len(found.wrote) == pending.MAX_ITEMS
    assert max(map(len, (*found.ran, *found.wrote))) == 500


def test_programs_without_a_line_are_bounded_per_minute() -> None:
    """A loop in a shell that is not observed does not flood the routes."""
    shell = Typist()
    for number in range(200):
        shell.run("true", 1000 + number)
        shell.now_ns += SECOND // 10
    assert len(commands_of(shell.alerts)) == 50


def test_the_longest_unused_shells_and_sessions_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """With three of each: the fourth takes the place of the first, whose open command is finished."""
    monkeypatch.setattr(sessions, "MAX_SHELLS", 3)
    monkeypatch.setattr(sessions, "MAX_SESSIONS", 3)
    found, state = [], Sessions()
    for number in range(4):
        shell = Typist(pid=100 + number, session=100 + number)
        shell.start()
        shell.type(f"echo {number}")
        for each in observe_all(shell.alerts):
            found += state.use(each, each.time_ns)
    assert [each.text for each in found] == ["echo 0"]
    assert len(state.shells) == len(state.sessions) == 3


def test_a_clock_that_is_set_back_holds_no_command_back() -> None:
    """And what was painted of an unfinished line goes an hour later, not a day."""
    shell, terminals = Typist(), Terminals()
    shell.start()
    shell.type("ls")
    shell.show_prompt()
    shell.write_text("half", 2)
    now_ns = START + 86_400 * SECOND
    terminals.take(terminals.new(shell.alerts), now_ns)
    terminals.tick(now_ns)
    found = [each for seconds in (0, 3, 6, 12) for each in terminals.tick(START + seconds * SECOND)]
    assert [each.text for each in found] == ["ls"]
    assert "half" in held(terminals)
    for minutes in (2, 63, 125):
        terminals.tick(START + minutes * 60 * SECOND)
    assert "half" not in held(terminals)


def test_what_was_painted_of_a_line_goes_after_an_hour() -> None:
    """The rest of the line is in doubt."""
    shell, terminals = Typist(), Terminals()
    shell.start()
    shell.write_text("echo hunter2", 2)
    terminals.take(terminals.new(shell.alerts), START)
    for hours, is_held in ((0.5, True), (1, True), (1.5, False)):
        terminals.tick(START + int(hours * 3600 * SECOND))
        assert ("hunter2" in held(terminals)) == is_held
    before = len(shell.alerts)
    shell.now_ns += 7200 * SECOND
    shell.write_text(" > x", 14)
    shell.enter()
    terminals.take(terminals.new(shell.alerts[before:]), shell.now_ns)
    (found,) = terminals.tick(shell.now_ns + 3 * SECOND) + terminals.tick(shell.now_ns + 9 * SECOND)
    assert (found.text.strip(), found.confidence) == ("> x", 0.5)


def test_a_command_is_finished_by_time_alone() -> None:
    """Two seconds for alerts out of order, three for programs."""
    shell, terminals = Typist(), Terminals()
    shell.start()
    shell.type("sleep 100")
    shell.run("sleep 100", 200)
    assert terminals.take(terminals.new(shell.alerts), shell.now_ns) == []
    assert terminals.tick(shell.now_ns + SECOND) == []
    assert terminals.tick(shell.now_ns + 2 * SECOND) == []
    assert terminals.waits
    (found,) = terminals.tick(shell.now_ns + 5 * SECOND)
    assert found.ran == ("sleep 100",)
    assert not terminals.waits


def test_a_data_field_without_base64_gives_no_command() -> None:
    """Falco then prints dots for control characters: what it paints cannot be known, and nothing is made up."""
    shell = Typist()
    shell.start()
    for _ in range(5):
        shell.key("")
        shell.emit("fb: shell painted its terminal", evt_arg_data="l.s", evt_rawres=3)
    shell.enter()
    shell.show_prompt()
    assert commands_of(shell.alerts) == []


def _used(shell: Typist) -> Sessions:
    state = Sessions()
    for each in observe_all(shell.alerts):
        state.use(each, each.time_ns)
    return state
