"""A process that answers questions about edited routes, as the console sees it."""

from __future__ import annotations

import io
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import cast

import msgspec

from bridge.common.child_process import start_python
from bridge.console.backtest.messages import Answer, Progress, Question

_MODULE = "bridge.console.backtest"
_LARGEST_ANSWER = 8 << 20
_decoder: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)


class Worker:
    """One process. It is asked one question at a time."""

    def __init__(self) -> None:
        self._process = start_python(_MODULE, stdout=subprocess.PIPE)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._questions = self._process.stdin
        self._answers = io.BufferedReader(cast("io.RawIOBase", self._process.stdout))

    def ask(
        self, question: Question, seconds: float, on_progress: Callable[[Progress], None] = lambda _: None
    ) -> Answer | None:
        """The answer; None where the process ended without one, or had none in that time and was killed."""
        timer = threading.Timer(seconds, self.kill)
        timer.daemon = True
        timer.start()
        try:
            self._questions.write(msgspec.json.encode(question) + b"\n")
            while line := self._answers.readline(_LARGEST_ANSWER):
                answer = _decoder.decode(line)
                if not isinstance(answer, Progress):
                    return answer
                on_progress(answer)
        except (OSError, msgspec.DecodeError):
            return None
        finally:
            timer.cancel()
        return None

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()

    def close(self) -> None:
        """End the process, and release what belongs to it."""
        self.kill()
        for pipe in (self._questions, self._answers):
            with suppress(OSError):
                pipe.close()
        self._process.wait()
