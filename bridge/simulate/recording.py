"""A recorded alert that can be played again, from Falco's JSON form or from the raw bytes of a gRPC response."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Protocol

from bridge.alert.wire import tolerant_pb2
from bridge.common.clocks.times import iso_text, parse_time
from bridge.simulate.clock import moved
from bridge.simulate.errors import SimulationError
from bridge.simulate.wire_form import grpc_message, json_body, text_line

_BILLION = 1_000_000_000
_CLOCK_SECONDS = b"evt.time.s"


class Form(StrEnum):
    """The form of ``output``: ``json_output: false`` or ``true`` in falco.yaml."""

    TEXT = "text"
    JSON = "json"


class Recording(Protocol):
    """One recorded alert, which the simulated Falco can send again."""

    @property
    def time_ns(self) -> int:
        """Its time, in nanoseconds since the epoch."""

    def at(self, time_ns: int) -> Recording:
        """The same alert at another time, in every field that holds its time."""

    def on(self, hostname: str) -> Recording:
        """The same alert from another node."""

    def grpc(self, form: Form) -> bytes:
        """The raw ``falco.outputs.response``."""

    def http(self, form: Form) -> bytes:
        """The body that http_output posts. Raises SimulationError if the recording does not have that form."""


@dataclass(frozen=True, slots=True)
class JsonRecording:
    """An alert in Falco's JSON form, decoded."""

    body: Mapping[str, Any]
    time_ns: int

    def at(self, time_ns: int) -> JsonRecording:
        """The same alert at another time."""
        text = moved(json_body({**self.body, "time": iso_text(self.time_ns)}), self.time_ns, time_ns)
        return make_json_recording(text)

    def on(self, hostname: str) -> JsonRecording:
        """The same alert from another node."""
        return replace(self, body={**self.body, "hostname": hostname})

    def grpc(self, form: Form) -> bytes:
        """The response, with values as text, as Falco's gRPC output has them."""
        output = json_body(self.body).decode() if form is Form.JSON else text_line(self.body, self.time_ns)
        return grpc_message(self.body, self.time_ns, output)

    def http(self, form: Form) -> bytes:
        """The JSON body, or the text line."""
        return json_body(self.body) if form is Form.JSON else text_line(self.body, self.time_ns).encode()


@dataclass(frozen=True, slots=True)
class RawRecording:
    """The recorded bytes of a gRPC response, which may contain invalid UTF-8."""

    message: bytes
    time_ns: int

    def at(self, time_ns: int) -> RawRecording:
        """The same alert at another time."""
        parsed = tolerant_pb2.Response.FromString(self.message)
        parsed.time.seconds, parsed.time.nanos = divmod(time_ns, _BILLION)
        parsed.output = moved(parsed.output, self.time_ns, time_ns)
        seconds = iso_text(time_ns)[11:19].encode()
        for entry in parsed.output_fields:
            entry.value = seconds if entry.key == _CLOCK_SECONDS else moved(entry.value, self.time_ns, time_ns)
        return RawRecording(parsed.SerializeToString(), time_ns)

    def on(self, hostname: str) -> RawRecording:
        """The same alert from another node."""
        parsed = tolerant_pb2.Response.FromString(self.message)
        parsed.hostname = hostname.encode()
        return replace(self, message=parsed.SerializeToString())

    def grpc(self, form: Form) -> bytes:  # noqa: ARG002  # a recording has one form
        """The recorded bytes."""
        return self.message

    def http(self, form: Form) -> bytes:
        """The content of ``output``, if it has that form."""
        output = tolerant_pb2.Response.FromString(self.message).output
        if form is Form.JSON and not output.startswith(b"{"):
            raise SimulationError("a raw gRPC recording of text output has no JSON to post; add --text")
        if form is Form.TEXT and output.startswith(b"{"):
            raise SimulationError("a raw gRPC recording of JSON output has no text line to post; omit --text")
        return output


def make_json_recording(line: bytes) -> JsonRecording:
    """Decode one alert in Falco's JSON form. Raises SimulationError with the reason."""
    import msgspec

    try:
        body = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError) as error:
        raise SimulationError(f"not JSON: {error}") from None
    if not isinstance(body, dict):
        raise SimulationError("not a JSON object")
    _check(body)
    time_ns = parse_time(body["time"])
    if time_ns is None:
        raise SimulationError(f'time is "{body["time"][:60]}", not like "2016-08-04T16:17:57.882054739Z"')
    return JsonRecording(body, time_ns)


def make_raw_recording(message: bytes) -> RawRecording:
    """Decode one raw gRPC response. Raises SimulationError if it is not one."""
    from google.protobuf.message import DecodeError

    try:
        time = tolerant_pb2.Response.FromString(message).time
    except DecodeError:
        raise SimulationError("not a falco.outputs.response") from None
    return RawRecording(message, time.seconds * _BILLION + time.nanos)


def _check(body: Mapping[str, Any]) -> None:
    for key in ("time", "rule", "priority"):
        if not isinstance(body.get(key), str):
            raise SimulationError(f'no "{key}"; every Falco alert has one')
    if not isinstance(body.get("output_fields", {}), dict):
        raise SimulationError('"output_fields" is not an object')
    if not isinstance(body.get("tags", []), list):
        raise SimulationError('"tags" is not a list')
