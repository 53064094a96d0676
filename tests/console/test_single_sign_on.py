"""Signing in with an OpenID provider, and through a proxy that names visitors."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from joserfc.jwk import ECKey, OctKey
from starlette.applications import Starlette
from starlette.datastructures import Headers

from bridge.console.visitors.access import Access
from bridge.console.visitors.oidc.endpoints import oidc_routes
from bridge.console.visitors.oidc.provider import Provider
from bridge.console.visitors.oidc.settings import OidcLaunch
from bridge.console.visitors.oidc.sign_in import SECONDS, SignInError, SignIns
from bridge.console.visitors.people import Person
from bridge.console.visitors.trusted_proxy import TrustedProxy
from bridge.language.program.fields.values import parse_network
from bridge.operator.serving.connection import ServedSockets
from tests.config.reading import GOOD, errors
from tests.e2e.harness import Instance
from tests.operator.serving import ask_tcp, port_of, served, tcp_sockets
from tests.support.openid_provider import CLIENT, SECRET, OpenIdProvider, openid_provider
from tests.support.ports import free_port
from tests.support.waiting import wait_until

PUBLIC = "http://127.0.0.1:2804"


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    with openid_provider() as started:
        yield started


def sign_ins(provider: OpenIdProvider, **more: Any) -> SignIns:
    settings = OidcLaunch(issuer=provider.issuer, client_id=CLIENT, client_secret=SECRET, **more)
    return SignIns(settings, PUBLIC, Provider(settings))


def answer_of(provider: OpenIdProvider, url: str) -> dict[str, str]:
    """What the provider sends back to the console."""
    assert url.startswith(f"{provider.issuer}/authorize?")
    back = provider.authorize(dict(parse_qsl(urlsplit(url).query)))
    assert back.startswith(f"{PUBLIC}/sign-in/oidc/callback?")
    return dict(parse_qsl(urlsplit(back).query))


def signed_in(provider: OpenIdProvider, made: SignIns) -> Person:
    url, browser = made.begin()
    return made.end(answer_of(provider, url), browser)


def test_a_visitor_signs_in(provider: OpenIdProvider) -> None:
    """With a name and groups; the code is exchanged with the verifier of its challenge."""
    assert signed_in(provider, sign_ins(provider)) == Person("alice@example.org", frozenset({"soc"}))
    assert "client_secret" not in provider.posted[0]


def test_other_claims_and_a_new_key(provider: OpenIdProvider) -> None:
    """Names and groups come from the claims of the config; keys are read again when the provider has a new one."""
    provider.claims = {"preferred_username": "bob\n\x1b[31m", "roles": "soc"}
    made = sign_ins(provider, name_claim="preferred_username", groups_claim="roles")
    person = signed_in(provider, made)
    assert "\n" not in person.name
    assert "\x1b" not in person.name
    assert person.groups == {"soc"}
    provider.key = provider.signer = ECKey.generate_key("P-256", {"kid": "second"})
    provider.header = {"alg": "ES256", "kid": "second"}
    made.provider._keys_at -= 60
    assert signed_in(provider, made).name.startswith("bob")


def test_what_a_provider_may_also_say(provider: OpenIdProvider) -> None:
    """Keys of a kind that is not known here, a member without a value, and a truth written as a text."""
    provider.others = [{"kty": "EC", "crv": "P-999", "x": "AA", "y": "AA"}, {"kid": "no kind"}, "no key"]
    provider.description = {"token_endpoint_auth_methods_supported": None}
    provider.claims["email_verified"] = "true"
    assert signed_in(provider, sign_ins(provider)).name == "alice@example.org"


def test_strangers_cannot_take_more_threads_than_allowed() -> None:
    """A provider that does not answer holds up few requests; the others are refused at once."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = OidcLaunch(issuer=f"http://127.0.0.1:{silent.getsockname()[1]}", client_id=CLIENT)
        routes = oidc_routes(Access(), SignIns(settings, PUBLIC, Provider(settings)))
        listener = ServedSockets(tcp_sockets(), Starlette(routes=routes))
        with served(listener), ThreadPoolExecutor(20) as asking:
            asked = [asking.submit(ask_tcp, port_of(listener), "GET", "/sign-in/oidc") for _ in range(20)]
            wait_until(lambda: sum(each.done() for each in asked) == 4, "four refusals")
            assert {each.result()[0] for each in asked if each.done()} == {503}
            silent.close()
            assert sorted(each.result()[0] for each in asked) == [403] * 16 + [503] * 4


def claims(**changed: Any) -> Callable[[OpenIdProvider], None]:
    return lambda provider: provider.claims.update(changed)


def signer(key: Any, **header: Any) -> Callable[[OpenIdProvider], None]:
    def change(provider: OpenIdProvider) -> None:
        provider.signer, provider.header = key, {"kid": "first"} | header

    return change


def described(**changed: Any) -> Callable[[OpenIdProvider], None]:
    return lambda provider: provider.description.update(changed)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (claims(iss="https://evil.example"), "not accepted"),
        (claims(aud="another"), "not accepted"),
        (claims(aud=["another", CLIENT]), "another client"),
        (claims(azp="another"), "another client"),
        (claims(nonce="another"), "another sign-in"),
        (claims(nonce=None), "another sign-in"),
        (claims(exp=int(time.time()) - 3600), "not accepted"),
        (claims(exp=None), "not accepted"),
        (claims(iat=int(time.time()) + 3600), "not accepted"),
        (claims(email=None), "no `email`"),
        (claims(email=" "), "no `email`"),
        (claims(email_verified=False), "has not verified"),
        (claims(email_verified="false"), "has not verified"),
        (signer(None, alg="none"), "not accepted"),
        (signer(ECKey.generate_key("P-256"), alg="ES256"), "not accepted"),
        (signer(OctKey.import_key(SECRET * 2), alg="HS256"), "not accepted"),
        (described(issuer="https://evil.example"), "another issuer"),
        (described(token_endpoint="http://evil.example/token"), "`token_endpoint` is no https URL"),
        (described(jwks_uri=None), "`jwks_uri` is no https URL"),
        (described(token_endpoint_auth_methods_supported=["client_secret_post"]), "answered 400"),
    ],
)  # fmt: skip
def test_a_wrong_token_is_refused(
    provider: OpenIdProvider, change: Callable[[OpenIdProvider], None], message: str
) -> None:
    """As is a wrong provider. The sentence says why, and contains no token."""
    change(provider)
    with pytest.raises(SignInError, match=message) as refused:
        signed_in(provider, sign_ins(provider))
    assert "eyJ" not in str(refused.value)


def test_a_sign_in_ends_once_in_its_browser_and_in_time(provider: OpenIdProvider) -> None:
    """A replayed, a foreign and a late answer are refused."""
    made = sign_ins(provider)
    url, browser = made.begin()
    answer = answer_of(provider, url)
    made.end(answer, browser)
    with pytest.raises(SignInError, match="has ended already"):
        made.end(answer, browser)

    url, _ = made.begin()
    with pytest.raises(SignInError, match="another browser"):
        made.end(answer_of(provider, url), made.begin()[1])

    url, browser = made.begin()
    now = time.monotonic()
    made.clock = lambda: now + SECONDS + 1
    with pytest.raises(SignInError, match="took too long"):
        made.end(answer_of(provider, url), browser)

    made.clock = time.monotonic
    url, browser = made.begin()
    with pytest.raises(SignInError, match="another provider"):
        made.end(answer_of(provider, url) | {"iss": "https://evil.example"}, browser)
    url, browser = made.begin()
    refused = {"state": answer_of(provider, url)["state"], "error": "access_denied"}
    with pytest.raises(SignInError, match="did not sign you in: access_denied"):
        made.end(refused, browser)


def test_a_visitor_of_the_console_signs_in_with_the_provider(tmp_path: Path, provider: OpenIdProvider) -> None:
    """Through the browser's redirects; a stranger is refused. No cookie before that, and the session's is strict."""
    instance = Instance(tmp_path)
    oidc = {"issuer": provider.issuer, "client_id": CLIENT, "client_secret": SECRET}
    port = free_port()
    console = {
        "listen": f"127.0.0.1:{port}", "public_url": f"http://127.0.0.1:{port}", "oidc": oidc,
        "viewers": ["alice@example.org"], "proxy": {"allow": ["127.0.0.1"], "name_header": "Remote-User"},
    }  # fmt: skip
    instance.configure('route "all" { to a }\n', {"a": "file://a.jsonl"}, admin="a.sock", console=console)
    instance.bridge()
    try:
        instance.await_logged("console started", seconds=120)
        url = f"http://127.0.0.1:{port}"
        visitor = requests.Session()
        first = visitor.get(f"{url}/", timeout=60)
        assert first.url == f"{url}/sign-in"
        assert not visitor.cookies
        assert 'name="token"' not in first.text
        answer = visitor.get(f"{url}/sign-in/oidc", timeout=60)
        assert "signed in as alice@example.org" in answer.text
        (session,) = re.findall(r"falco_bridge_console=[^,]+", answer.headers["Set-Cookie"])
        assert {"httponly", "samesite=strict"} <= set(session.lower().split("; "))
        assert "Open incidents" in visitor.get(f"{url}/", timeout=60).text
        assert visitor.get(answer.url, timeout=60).status_code == 403

        provider.claims["email"] = "eve@example.org"
        stranger = requests.Session()
        assert "may not see this console" in stranger.get(f"{url}/sign-in/oidc", timeout=60).text
        assert stranger.get(f"{url}/", timeout=60).url == f"{url}/sign-in"

        named = {"Remote-User": "alice@example.org"}
        assert "Open incidents" in requests.get(f"{url}/", headers=named, timeout=60).text
        assert requests.get(f"{url}/", headers={"Remote-User": "eve"}, timeout=60).status_code == 403
        assert SECRET not in instance.log
        assert not list(tmp_path.glob("*.console.token"))
    finally:
        instance.end()


def test_only_the_proxy_names_visitors() -> None:
    """By its address, with one name."""
    network = parse_network("10.0.0.0/30")
    assert network is not None
    proxy = TrustedProxy((network,), "Remote-User", "Remote-Groups")
    named = Headers({"remote-user": "alice", "remote-groups": "soc, ops"})
    assert proxy.person("10.0.0.2", named) == Person("alice", frozenset({"soc", "ops"}))
    assert proxy.person("::ffff:10.0.0.2", named) == Person("alice", frozenset({"soc", "ops"}))
    assert proxy.person("10.0.0.9", named) is None
    assert proxy.person("", named) is None
    assert proxy.person("10.0.0.2", Headers({"remote-groups": "soc"})) is None
    twice = Headers(raw=[(b"remote-user", b"alice"), (b"remote-user", b"root")])
    assert proxy.person("10.0.0.2", twice) is None
    assert not Person("group:soc").is_listed(["group:soc"])


@pytest.mark.parametrize(
    ("console", "message"),
    [
        ("{oidc: {issuer: 'https://l.example.org', client_id: a}, viewers: ['*']}", "needs `public_url`"),
        ("{public_url: 'https://c.example.org', oidc: {issuer: 'https://l.example.org', client_id: a}}", "everybody"),
        (
            "{public_url: 'https://c.example.org', viewers: [a], oidc: {issuer: 'http://l.example.org', client_id: a}}",
            "in plain text",
        ),
        ("{proxy: {allow: [10.0.0.1], name_header: 'X User'}}", "not the name of a header"),
        ("{proxy: {name_header: X-User}}", "`proxy` has no `allow`"),
    ],
)
def test_a_config_that_makes_no_sense_is_explained(tmp_path: Path, console: str, message: str) -> None:
    """In one sentence."""
    listed = console.replace("{", "{listen: '127.0.0.1:2804', ", 1)
    found = [each.message for each in errors(tmp_path, f"{GOOD.replace('${TOKEN}', 'A/B/C')}\nconsole: {listed}\n")]
    assert [bool(re.search(message, each)) for each in found] == [True], found
