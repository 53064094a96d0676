"""``syslog+tcp://``, ``syslog+tls://`` and ``syslog+udp://``: alerts as syslog messages.

The messages are those of RFC 5424, over the transports of RFC 5425 (TLS), 5426 (UDP) and 6587 (TCP).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bridge.channels import transport_errors
from bridge.channels.channel_tls import ChannelTls
from bridge.channels.contract import Outcome, Verdict
from bridge.channels.errors import ChannelError
from bridge.channels.native.shared.address import Address
from bridge.channels.native.syslog.message import APP_NAME, BODIES, FACILITIES, SD_ID, SyslogFormat
from bridge.channels.native.syslog.transport import DatagramTransport, StreamTransport, Transport
from bridge.delivery.delivery import Delivery
from bridge.delivery.extras import NO_EXTRAS, ChannelExtras

PARAMETERS = ("format", "facility", "app", "sd", "framing", "size", "cafile")
_PORTS = {"syslog+tcp": 514, "syslog+tls": 6514, "syslog+udp": 514}
_FRAMINGS: Mapping[str, Callable[[bytes], bytes]] = {
    "counted": lambda message: b"%d %s" % (len(message), message),
    "newline": lambda message: message + b"\n",
}
_SIZES = range(1024, 1_000_001)
_DEFAULT_SIZE = 8192
"""What receivers should accept at least (RFC 5425), and rsyslog's default."""
_LARGEST_DATAGRAM = 65_000
_EXAMPLE_SD = "falco@32473"
"""32473 is the enterprise number of examples (RFC 5612)."""


class SyslogChannel:
    """The channel of one receiver."""

    batch_size = 500
    digest_limit = batch_size

    def __init__(
        self, name: str, address: Address, labels: Mapping[str, str], *, extras: ChannelExtras = NO_EXTRAS
    ) -> None:
        """Raises ChannelError if the address, a parameter or a certificate cannot be used."""
        self.name = name
        self._labels = {**labels, **address.labels}
        self._format = _format(address)
        self._host, port = _host(address)
        self._tls = ChannelTls(name, extras.tls, address.one("cafile")) if address.scheme == "syslog+tls" else None
        if self._tls is None and address.one("cafile"):
            raise ChannelError("has `cafile`, but no TLS; write syslog+tls://")
        self._transport = _transport(address, (self._host, port), self._tls)
        self.address = None if address.scheme == "syslog+udp" else (self._host, port)

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Send one message for each delivery."""
        messages = [self._format.message(each, self._labels) for each in deliveries]
        try:
            self._transport.send(messages)
        except (OSError, UnicodeError) as error:
            trusts, certificate = ("", "") if self._tls is None else (self._tls.authorities, self._tls.certificate)
            return Outcome(Verdict.RETRY, None, transport_errors.describe(error, self._host, trusts, certificate))
        return Outcome(Verdict.DELIVERED)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()


def _format(address: Address) -> SyslogFormat:
    app, sd_id = address.one("app", "falco"), address.one("sd", _EXAMPLE_SD)
    if not APP_NAME.fullmatch(app):
        raise ChannelError("has an invalid `app`; write up to 48 letters, digits and signs without spaces")
    if not SD_ID.fullmatch(sd_id):
        raise ChannelError("has an invalid `sd`; write NAME@NUMBER with your private enterprise number")
    facility = address.one("facility", "user")
    if facility not in FACILITIES:
        raise ChannelError(f"has an invalid `facility`; write one of {', '.join(FACILITIES)}")
    size = address.number("size", _DEFAULT_SIZE, _SIZES)
    body = BODIES[address.choice("format", tuple(BODIES))]
    return SyslogFormat(FACILITIES[facility], app, sd_id, body, size)


def _host(address: Address) -> tuple[str, int]:
    if address.user or address.password or address.path not in {"", "/"} or address.query or address.headers:
        raise ChannelError("has more than a receiver; write syslog+tls://HOST:PORT?PARAMETERS")
    return address.host_and_port(_PORTS[address.scheme])


def _transport(address: Address, receiver: tuple[str, int], tls: ChannelTls | None) -> Transport:
    framing = _FRAMINGS[address.choice("framing", tuple(_FRAMINGS))]
    if address.scheme == "syslog+udp":
        if "framing" in address.parameters:
            raise ChannelError("has `framing`, but a datagram is one message; remove it")
        if int(address.one("size", "0")) > _LARGEST_DATAGRAM:
            raise ChannelError(f"has a `size` that no datagram has; write at most {_LARGEST_DATAGRAM}")
        return DatagramTransport(receiver)
    return StreamTransport(receiver, framing, None if tls is None else tls.context)
