"""Findings about the certificates that the config names: expired ones, and those that expire soon."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from bridge.config.schema.config import Config
from bridge.workbench.doctor.finding import Finding, Gravity

_SOON = timedelta(days=7)
"""Renewed ones are usually replaced when a third of their time is left: 30 of 90 days, 8 of 24 hours."""


def certificate_files(config: Config) -> list[Path]:
    """The files of certificates and CAs of sources and channels, each once."""
    settings = [getattr(source, "tls", None) for source in config.sources]
    settings += [channel.tls for channel in config.channels.values()]
    found = (getattr(tls, name) for tls in settings if tls is not None for name in ("cert", "ca"))
    return list(dict.fromkeys(Path(each) for each in found if each is not None))


def certificates(files: list[Path], now: datetime) -> Iterator[Finding]:
    """One finding for each file whose certificate has expired or soon will, or one that all are valid."""
    well: list[datetime] = []
    for path in files:
        end = _end(path)
        if end is None:  # `check` says what is wrong with the file
            continue
        if end <= now:
            text = f"it expired at {end:%Y-%m-%dT%H:%M:%SZ}"
            yield Finding(
                Gravity.PROBLEM, f"certificate {path}", text, "renew it; the bridge reads a replaced file again"
            )
        elif end - now < _SOON and _length(path) > _SOON:
            yield Finding(
                Gravity.WARNING, f"certificate {path}", f"it expires at {end:%Y-%m-%dT%H:%M:%SZ}",
                "renew it, or find out why it was not renewed",
            )  # fmt: skip
        else:
            well.append(end)
    if well:
        noun = "certificate is" if len(well) == 1 else "certificates are"
        yield Finding(
            Gravity.OK, "certificates", f"{len(well)} {noun} valid until {min(well):%Y-%m-%dT%H:%M:%SZ} or later"
        )


def _end(path: Path) -> datetime | None:
    """When the first certificate of the file expires."""
    period = _period(path)
    return None if period is None else period[1]


def _length(path: Path) -> timedelta:
    """How long the certificate is valid in all. One for a day is always near its end."""
    period = _period(path)
    return timedelta(0) if period is None else period[1] - period[0]


def _period(path: Path) -> tuple[datetime, datetime] | None:
    from cryptography import x509

    try:
        first = x509.load_pem_x509_certificates(path.read_bytes())[0]
    except (OSError, ValueError):
        return None
    return first.not_valid_before_utc, first.not_valid_after_utc
