"""Mutual TLS of channels, against servers that require a client certificate."""

from __future__ import annotations

import json
import shutil
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bridge.channels.contract import Channel, Verdict
from bridge.channels.registry import open_channel, problem_with
from bridge.common.files import reloading, trust
from bridge.config.load import load_config
from bridge.config.show import shown
from bridge.daemon.checks.channel_check import check_channels
from bridge.delivery.extras import ChannelExtras, ClientTls
from bridge.operator.operations.channel_test import test_channel as send_test_message
from tests.channels.deliveries import make_delivery
from tests.support.certificates import Authority, Pair, make_authority
from tests.support.far_side import FarSide

NATIVE = ("webhooks", "lokis", "alertmanagers")
ALL = (*NATIVE, "jsons")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return make_authority(tmp_path)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    trust.proxies.cache_clear()
    yield
    trust.proxies.cache_clear()


@contextmanager
def requiring_certificates(
    authority: Authority, version: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED
) -> Iterator[FarSide]:
    """A server whose clients need a certificate of the authority."""
    pair = authority.issue("far")
    with FarSide(pair=pair, client_authority=authority.certificate, version=version).serving() as server:
        yield server


def extras(authority: Authority, pair: Pair | None = None, passphrase: str = "") -> ChannelExtras:
    cert, key = ("", "") if pair is None else (str(pair.certificate), str(pair.key))
    return ChannelExtras(ClientTls(str(authority.certificate), cert, key, passphrase))


def opened(scheme: str, server: FarSide, more: ChannelExtras) -> Channel:
    return open_channel("c", f"{scheme}://localhost:{server.port}/", {}, extras=more)


@pytest.mark.parametrize("scheme", ALL)
@pytest.mark.usefixtures("intercepted")
def test_a_channel_shows_its_certificate(scheme: str, authority: Authority) -> None:
    """The bridge's own channels, and those of Apprise; none else in the process has that certificate."""
    more = extras(authority, authority.issue("bridge"))
    with requiring_certificates(authority) as server:
        assert opened(scheme, server, more).send([make_delivery()]).verdict is Verdict.DELIVERED
        assert opened(scheme, server, extras(authority)).send([make_delivery()]).verdict is Verdict.RETRY
    assert [each.certificate for each in server.requests] == ["bridge"]


@pytest.mark.parametrize("scheme", ["webhooks", "jsons"])
@pytest.mark.usefixtures("intercepted")
def test_the_reason_names_what_the_server_lacks_or_rejects(scheme: str, authority: Authority) -> None:
    """No certificate, one of another CA, an expired one."""
    other = make_authority(authority.certificate.parent, "other").issue("stranger")
    old = authority.issue("old", expired=True)
    with requiring_certificates(authority, ssl.TLSVersion.TLSv1_2) as server:
        missing, foreign, expired = (
            opened(scheme, server, extras(authority, pair)).send([make_delivery()]).reason
            for pair in (None, other, old)
        )
    assert "requires a client certificate (mutual TLS); set `tls: {cert: …, key: …}` of the channel" in missing
    assert f"the server rejects the client certificate {other.certificate}: unknown ca" in foreign
    assert f"the server rejects the client certificate {old.certificate} (expired at 20" in expired
    assert server.requests == []


@pytest.mark.parametrize("scheme", ["webhooks", "jsons"])
@pytest.mark.usefixtures("intercepted")
def test_a_renewed_certificate_is_used(
    scheme: str, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """cert-manager replaces both files. Connections with the old certificate are not used again."""
    monkeypatch.setattr(reloading, "CHECK_SECONDS", 0.0)
    pair = Pair(tmp_path / "tls.crt", tmp_path / "tls.key")
    with requiring_certificates(authority) as server:
        for name in ("first", "second", "second"):
            issued = authority.issue(name)
            shutil.copy(issued.certificate, pair.certificate)
            shutil.copy(issued.key, pair.key)
            if name == "first":
                channel = opened(scheme, server, extras(authority, pair))
            assert channel.send([make_delivery()]).verdict is Verdict.DELIVERED
        pair.key.write_text("half of a key", encoding="utf-8")
        assert channel.send([make_delivery()]).verdict is Verdict.DELIVERED, "the previous one stays in use"
    assert [each.certificate for each in server.requests] == ["first", "second", "second", "second"]


def test_an_encrypted_key_has_a_passphrase(authority: Authority) -> None:
    """It is in no text of the extras; a wrong one is not shown either."""
    pair = authority.issue("bridge", passphrase="hunter2hunter2")
    more = extras(authority, pair, "hunter2hunter2")
    with requiring_certificates(authority) as server:
        assert opened("webhooks", server, more).send([make_delivery()]).verdict is Verdict.DELIVERED
    assert "hunter2" not in repr(more)
    url = "webhooks://h/"
    assert f"the private key in {pair.key} is encrypted; add `passphrase`" in str(
        problem_with(url, extras=extras(authority, pair))
    )
    wrong = str(problem_with(url, extras=extras(authority, pair, "hunter3hunter3")))
    assert wrong.endswith(f"the passphrase does not fit the private key in {pair.key}")


def test_a_file_that_cannot_be_used_is_named_with_the_cause(authority: Authority, tmp_path: Path) -> None:
    """Before anything is sent."""
    ours, theirs = authority.issue("ours"), authority.issue("theirs")
    text, missing = tmp_path / "notes.txt", tmp_path / "missing.crt"
    text.write_text("no certificate", encoding="utf-8")
    cases = {
        (ours.certificate, theirs.key): f"the private key in {theirs.key} does not belong to the certificate in "
        f"{ours.certificate}",
        (text, ours.key): f"{text} contains no certificate in PEM form",
        (ours.certificate, text): f"{text} contains no private key in PEM form",
        (missing, ours.key): f"{missing} cannot be read (No such file or directory)",
    }
    for (certificate, key), cause in cases.items():
        problem = problem_with("lokis://h", extras=extras(authority, Pair(certificate, key)))
        assert problem == f"has a client certificate that cannot be used: {cause}"
    no_bundle = ChannelExtras(ClientTls(ca=str(text)))
    assert f"a CA bundle {text} that cannot be used" in str(problem_with("webhooks://h/", extras=no_bundle))


def test_tls_without_encryption_is_an_error(authority: Authority) -> None:
    """A certificate that is never shown would be a trap."""
    more = extras(authority)
    assert "not encrypted; write loki" in str(problem_with("loki://h", extras=more))
    assert "which console:// does not use" in str(problem_with("console://", extras=more))
    assert "e-mail does not use" in str(problem_with("mailtos://u:p@example.org", extras=more))
    assert "not sent to by HTTPS" in str(problem_with("rsyslog://h/", extras=more))
    assert problem_with("ntfys://h/topic", extras=more) is None
    twice = problem_with(f"webhooks://h/?cafile={authority.certificate}", extras=more)
    assert twice == "has both `cafile` and `tls: {ca}`; remove one"
    key_only = ChannelExtras(ClientTls(key=str(authority.certificate)))
    assert "without a certificate; add `cert`" in str(problem_with("webhooks://h/", extras=key_only))


def config_file(folder: Path, url: str, tls: dict[str, str]) -> Path:
    (folder / "r.route").write_text("otherwise { to c }\n", encoding="utf-8")
    channels = {"c": {"url": url, "tls": tls}}
    config = {"sources": [{"stdin": True}], "channels": channels, "routes": "r.route", "journal": "j.db"}
    path = folder / "falco-bridge.yaml"
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


def test_certificates_come_from_the_config(authority: Authority, tmp_path: Path) -> None:
    """Relative to it, into the process that sends; ``config --show`` hides the passphrase."""
    authority.issue("bridge", passphrase="hunter2hunter2")
    (tmp_path / "phrase").write_text("hunter2hunter2\n", encoding="utf-8")
    tls = {"ca": "ca.crt", "cert": "bridge.crt", "key": "bridge.key", "passphrase": "${file:phrase}"}
    with requiring_certificates(authority) as server:
        loaded = load_config(config_file(tmp_path, f"webhooks://localhost:{server.port}/", tls), {})
        assert loaded.config is not None, loaded.errors().text()
        result = send_test_message(loaded, "c")
    assert (result.verdict, result.reason) == ("delivered", "")
    assert [each.certificate for each in server.requests] == ["bridge"]
    assert "hunter2" not in shown(loaded.config)
    assert "passphrase: '***'" in shown(loaded.config)


@pytest.mark.parametrize("url", ["webhooks://h/", "ntfys://h/topic"])
def test_check_reports_a_certificate_that_cannot_be_used(url: str, authority: Authority, tmp_path: Path) -> None:
    """Of the bridge's own channels and of Apprise's; a file that is missing is reported at its place."""
    authority.issue("bridge", passphrase="hunter2hunter2")
    path = config_file(tmp_path, url, {"cert": "bridge.crt", "key": "bridge.key"})
    (found,) = check_channels(load_config(path, {}))
    assert found.message.startswith("channel `c` has a client certificate that cannot be used: the private key in ")
    path = config_file(tmp_path, url, {"cert": "none.crt"})
    messages = [each.message for each in load_config(path, {}).diagnostics]
    assert messages == [f"there is no file {tmp_path}/none.crt"]
