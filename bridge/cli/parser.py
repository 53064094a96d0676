"""How every verb's command line is read and helped with: an example stands behind the help, unwrapped."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn


class Parser(argparse.ArgumentParser):
    """Options are written out, so that one that comes later makes no old command ambiguous."""

    def __init__(self, *, example: str = "", **settings: Any) -> None:
        """``example`` is a command, or several, a line each."""
        shown = "\n".join(f"  {line}" for line in example.splitlines())
        super().__init__(
            allow_abbrev=False,
            formatter_class=_Formatter,
            **({"epilog": f"example:\n{shown}"} if example else {}) | settings,
        )

    def refuse_verb(self, word: str, verbs: Sequence[str]) -> NoReturn:
        """Leave, and say which verb was meant."""
        from bridge.language.suggest import did_you_mean

        meant = did_you_mean(word, verbs) or f"the verbs are {', '.join(verbs)}"
        self.exit(2, f"falco-bridge: there is no verb `{word}`; {meant}\n")


class _Formatter(argparse.HelpFormatter):
    """Wraps what is prose, and leaves an example as it can be copied."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text.startswith("example:\n"):
            return "".join(indent + line for line in text.splitlines(keepends=True))
        return super()._fill_text(text, width, indent)
