"""The alert that a command becomes: routes, history and tests treat it as any other."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.alert import Alert
from bridge.alert.command import COMMAND_RULE, COMMAND_SOURCE, COMMAND_TAGS
from bridge.alert.node import node_name
from bridge.alert.priority import Priority
from bridge.terminal.command import Command
from bridge.terminal.lines.shell_line import Origin

AUDIT = "Kubernetes audit"
"""Where the names in ``cmd.who`` come from."""
SEPARATOR = " · "
"""Between the programs, files and names in one field. Command lines do not contain it."""


def alert_of(command: Command) -> Alert:
    """The alert of a command. Its id is the command's."""
    fields = {
        **command.place,
        "cmd.session": command.session,
        "cmd.source": command.origin.value,
        "cmd.confidence": f"{command.confidence:g}",
        "proc.name": command.shell,
        "proc.pid": str(command.pid),
        "proc.tty": str(command.terminal),
    }
    optional = {
        "cmd.text": command.text,
        "cmd.prompt": command.prompt.strip(),
        "cmd.ran": SEPARATOR.join(command.ran),
        "cmd.wrote": SEPARATOR.join(command.wrote),
        "cmd.who": SEPARATOR.join(command.users),
    }
    fields.update({name: value for name, value in optional.items() if value})
    if command.exit is not None:
        fields["cmd.exit"] = str(command.exit)
    if command.hidden_keys:
        fields["cmd.hidden_keys"] = str(command.hidden_keys)
    if command.aborted:
        fields["cmd.aborted"] = "true"
    return Alert(
        command.id, command.time_ns, Priority.INFORMATIONAL, COMMAND_RULE, COMMAND_SOURCE, command.hostname,
        COMMAND_TAGS, _output(command.hostname, fields), fields,
    )  # fmt: skip


def is_command(alert: Alert) -> bool:
    """Whether the alert is a command."""
    return alert.source == COMMAND_SOURCE and alert.rule == COMMAND_RULE


def shown_text(fields: Mapping[str, str]) -> str:
    """What was typed, for people: also where there is no text."""
    hidden = fields.get("cmd.hidden_keys")
    return fields.get("cmd.text") or (f"(hidden input, {hidden} keys)" if hidden else "(not known)")


def shown_place(fields: Mapping[str, str], hostname: str) -> str:
    """The pod, else the container, else the node."""
    pod = fields.get("k8s.pod.name")
    if pod:
        return f"{fields.get('k8s.ns.name', '')}/{pod}"
    container = fields.get("container.name") or fields.get("container.id")
    node = node_name(hostname)
    return f"{container} on {node}" if container and container != "host" else node


def shown_user(fields: Mapping[str, str]) -> str:
    """The user of the shell, with who opened the session as far as that is known."""
    user = fields.get("user.name") or fields.get("user.uid") or "unknown user"
    who = fields.get("cmd.who")
    if who:
        return f"{user} ({who.replace(SEPARATOR, ' or ')}, by {AUDIT})"
    login = fields.get("user.loginname")
    return f"{user} ({login})" if login and login not in {user, "<NA>"} else user


def _output(hostname: str, fields: Mapping[str, str]) -> str:
    """One line for people. It repeats the text as it is in the field, so that redactions find it."""
    verb = "typed" if fields["cmd.source"] != Origin.EXECVE.value else "ran"
    line = f"{shown_user(fields)} {verb} in {shown_place(fields, hostname)}: {shown_text(fields)}"
    if "cmd.aborted" in fields:
        line += " (not run: ^C)"
    if "cmd.wrote" in fields:
        line += f" (wrote {fields['cmd.wrote']})"
    return line
