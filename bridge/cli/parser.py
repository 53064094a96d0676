"""The parser of every verb: options are written in full, mistyped words are guessed, help ends with an example."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn


class Parser(argparse.ArgumentParser):
    """Options cannot be abbreviated, so that a new option makes no old command ambiguous."""

    def __init__(self, *, example: str = "", **settings: Any) -> None:
        """``example`` holds one command per line."""
        shown = "\n".join(f"  {line}" for line in example.splitlines())
        super().__init__(
            allow_abbrev=False,
            formatter_class=_Formatter,
            **({"epilog": f"example:\n{shown}"} if example else {}) | settings,
        )
        self.register("action", None, _StoreOnce)
        self.register("action", "store", _StoreOnce)

    def refuse(self, kind: str, word: str, known: Iterable[str]) -> NoReturn:
        """Exit with the verb or action that was probably meant."""
        self.exit(2, f"{self.prog}: there is no {kind} `{word}`; {_meant(kind, word, known)}\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuse an option that stands before its action: argparse would take its value for the action."""
        option = args[0].partition("=")[0] if args else ""
        for each in self._actions:
            if isinstance(each, argparse._SubParsersAction) and option not in _options(self):  # noqa: SLF001
                self._refuse_early(option, str(each.metavar or each.dest).lower(), each.choices)
        return super().parse_known_args(args, namespace)

    def _refuse_early(self, option: str, kind: str, actions: Mapping[str, argparse.ArgumentParser]) -> None:
        if any(option in _options(parser) for parser in actions.values()):
            self.exit(2, f"{self.prog}: write the {kind} before {option}: {', '.join(actions)}\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Guess the word that was meant, where argparse lists all of them."""
        if action.choices is None or value in action.choices:
            return
        known = [str(each) for each in action.choices]
        if action.option_strings:
            raise argparse.ArgumentError(action, f"it cannot be `{value}`; {_meant('choice', str(value), known)}")
        self.refuse(str(action.metavar or action.dest).lower(), str(value), known)


class _StoreOnce(argparse._StoreAction):  # noqa: SLF001
    """Refuses an option that is given twice: argparse would use the last value and forget the others silently."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        if option_string is not None and getattr(namespace, self.dest, self.default) is not self.default:
            raise argparse.ArgumentError(self, "it is given twice; give it once")
        super().__call__(parser, namespace, values, option_string)


def _options(parser: argparse.ArgumentParser) -> set[str]:
    return {option for action in parser._actions for option in action.option_strings}  # noqa: SLF001


def _meant(kind: str, word: str, known: Iterable[str]) -> str:
    from bridge.common.suggest import did_you_mean

    return did_you_mean(word, known) or f"the {kind}s are {', '.join(known)}"


class _Formatter(argparse.HelpFormatter):
    """Wraps prose, and leaves an example as it can be copied."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text.startswith("example:\n"):
            return "".join(indent + line for line in text.splitlines(keepends=True))
        return super()._fill_text(text, width, indent)
