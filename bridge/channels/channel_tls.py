"""The TLS context of a channel: its trusted CAs and its client certificate. Replaced files are read again."""

from __future__ import annotations

import ssl
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bridge.channels.errors import ChannelError
from bridge.common.errors import SetupError
from bridge.common.files.reloading import Reloading
from bridge.common.files.trust import authorities, bundle, trusted
from bridge.delivery.extras import ClientTls

_NO_TLS = ClientTls()


class ChannelTls:
    """The context of one channel. Thread-safe."""

    def __init__(self, name: str, tls: ClientTls | None = None, cafile: str = "") -> None:
        """``cafile`` is the CA bundle that the channel's URL names. Raises ChannelError if a file cannot be used."""
        self._tls = tls or _NO_TLS
        self._in_url = cafile
        self._ca = self._tls.ca or cafile
        if self._tls.ca and cafile:
            raise ChannelError("has both `cafile` and `tls: {ca}`; remove one")
        if (self._tls.key or self._tls.passphrase) and not self._tls.cert:
            raise ChannelError("has `tls` with a key and without a certificate; add `cert`")
        files = [self._ca or bundle(), self._tls.cert, self._tls.key]
        try:
            self._reloading = Reloading(f"channel {name}", [Path(each) for each in files if each], self._make)
        except SetupError as error:
            raise ChannelError(f"has {error}") from None

    def context(self) -> ssl.SSLContext:
        """The newest one whose files can be used."""
        return self._reloading.current()

    def files(self) -> ClientTls:
        """The files of the newest context, for libraries that read them themselves; ``ca`` may be a folder."""
        return replace(self._tls, ca=self._ca or bundle())

    @property
    def authorities(self) -> str:
        """Where the trusted CAs come from, for reasons."""
        return self._tls.ca or authorities(self._in_url)

    @property
    def certificate(self) -> str:
        """The file of the client certificate, and whether it has expired, for reasons; empty without one."""
        if not self._tls.cert:
            return ""
        return self._tls.cert + _expiry(Path(self._tls.cert))

    def _make(self) -> ssl.SSLContext:
        try:
            if not self._tls.cert:
                return trusted(self._ca)
            path = self._ca or bundle()
            folder = Path(path).is_dir()
            context = ssl.create_default_context(cafile=None if folder else path, capath=path if folder else None)
        except OSError as error:
            where = f" {self._tls.ca}" if self._tls.ca else " in `cafile`" if self._in_url else ""
            raise SetupError(f"a CA bundle{where} that cannot be used ({error.strerror or 'not PEM'})") from None
        try:
            context.load_cert_chain(self._tls.cert, self._tls.key or None, password=lambda: self._tls.passphrase)
        except (OSError, ValueError):  # a passphrase of more than a kilobyte is a ValueError
            raise SetupError(f"a client certificate that cannot be used: {_cause(self._tls)}") from None
        return context


def _cause(tls: ClientTls) -> str:
    """Which file is at fault, and why. OpenSSL does not say it."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key_file = tls.key or tls.cert
    try:
        data = Path(tls.cert).read_bytes()
        key_data = Path(key_file).read_bytes()
    except OSError as error:
        return f"{error.filename} cannot be read ({error.strerror})"
    try:
        x509.load_pem_x509_certificates(data)
    except ValueError:
        return f"{tls.cert} contains no certificate in PEM form"
    if b"PRIVATE KEY-----" not in key_data:
        return f"{key_file} contains no private key in PEM form"
    try:
        load_pem_private_key(key_data, tls.passphrase.encode() or None)
    except TypeError:
        if not tls.passphrase:
            return f"the private key in {key_file} is encrypted; add `passphrase`"
    except ValueError:
        if tls.passphrase:
            return f"the passphrase does not fit the private key in {key_file}"
        return f"{key_file} contains a private key that cannot be read"
    return f"the private key in {key_file} does not belong to the certificate in {tls.cert}"


def _expiry(path: Path) -> str:
    """When the certificate expired, in parentheses; empty if it has not."""
    from cryptography import x509

    try:
        end = x509.load_pem_x509_certificates(path.read_bytes())[0].not_valid_after_utc
    except (OSError, ValueError):
        return ""
    return f" (expired at {end:%Y-%m-%dT%H:%M:%SZ})" if end < datetime.now(UTC) else ""
