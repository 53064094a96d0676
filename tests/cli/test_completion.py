"""``falco-bridge completion``: scripts that the shells themselves accept, with every verb and option."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest
import shtab

from bridge.cli.main import VERBS
from bridge.cli.verbs.completion import SHELLS


def script(shell: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "bridge", "completion", shell], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_every_verb_is_completed(shell: str) -> None:
    """And files where an option takes one."""
    text = script(shell)
    assert not [verb for verb in VERBS if verb.replace("_", "-") not in text]
    assert "--config" in text


def test_the_shells_are_those_that_shtab_knows() -> None:
    """A shell that it drops must be dropped here."""
    assert set(SHELLS) <= set(shtab.SUPPORTED_SHELLS)


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_bash_completes_verbs_options_and_files(tmp_path: object) -> None:
    """In a real bash, by the function that the script defines."""
    program = f"""{script("bash")}
complete_words() {{
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${{#COMP_LINE}}; COMPREPLY=()
    function=$(complete -p falco-bridge | sed 's/.*-F \\([^ ]*\\).*/\\1/')
    $function falco-bridge "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD-1]}}" 2>/dev/null
    echo "${{COMPREPLY[*]}}"
}}
complete_words falco-bridge stat
complete_words falco-bridge dead dis
complete_words falco-bridge status --js
"""
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert [line.strip() for line in done.stdout.splitlines()] == ["status", "discard", "--json"], done.stderr


def test_version_imports_next_to_nothing() -> None:
    """It answers in the time that Python takes to start."""
    code = "import sys; before = set(sys.modules); from bridge.cli.main import main; main(['--version'])\n"
    code += "print(sorted(name for name in set(sys.modules) - before if name.startswith('bridge')))\n"
    code += (
        "print(sorted({'argparse', 'json', 're', 'pathlib', 'subprocess', 'asyncio'} & (set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, timeout=120, check=False)
    version, ours, heavy = done.stdout.splitlines()
    assert version.startswith("falco-bridge ")
    assert (ours, heavy) == ("['bridge', 'bridge.cli', 'bridge.cli.main']", "[]"), done.stderr
