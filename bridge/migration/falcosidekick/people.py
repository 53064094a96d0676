"""The outputs that notify people."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from bridge.migration.falcosidekick.channel import Channel, Output, Variable, host_of, secret, whole_url
from bridge.migration.falcosidekick.settings import Settings

_PERCENT = "percent-encoded"


def _mattermost(settings: Settings) -> Channel:
    url = urlsplit(settings.get("mattermost.webhookurl").rstrip("/"))
    before, _, token = url.path.rpartition("/")
    variable = Variable("MATTERMOST_TOKEN", token, "the last part of `mattermost.webhookurl`")
    scheme = "mmosts" if url.scheme == "https" else "mmost"
    return Channel(f"{scheme}://{host_of(url)}{before.removesuffix('/hooks')}/${{MATTERMOST_TOKEN}}", (variable,))


def _rocketchat(settings: Settings) -> Channel:
    url = urlsplit(settings.get("rocketchat.webhookurl"))
    token = url.path.partition("/hooks/")[2]
    variable = Variable(
        "ROCKETCHAT_WEBHOOK", quote(token, safe=""), f"`rocketchat.webhookurl` after /hooks/, {_PERCENT}"
    )
    scheme = "rockets" if url.scheme == "https" else "rocket"
    prefix = url.path.partition("/hooks/")[0]
    notes = (f"the path {prefix} before /hooks/ cannot be set; use a host of its own for it",) if prefix else ()
    return Channel(f"{scheme}://${{ROCKETCHAT_WEBHOOK}}@{host_of(url)}", (variable,), notes)


def _smtp(settings: Settings) -> Channel:
    host, _, port = settings.get("smtp.hostport").partition(":")
    encrypted = settings.is_set("smtp.tls", default=True)
    variables: tuple[Variable, ...] = ()
    login = ""
    if settings.has("smtp.user"):
        variables = tuple(secret(f"smtp.{each}", settings.get(f"smtp.{each}")) for each in ("user", "password"))
        login = f"${{{variables[0].name}}}:${{{variables[1].name}}}@"
    people = ",".join(quote(each.strip(), safe="@") for each in settings.get("smtp.to").split(","))
    sender = quote(settings.get("smtp.from"), safe="@")
    where = f"{host}:{port}" if port else host
    mechanism = settings.get("smtp.authmechanism", "plain").lower()
    notes = () if mechanism in {"plain", "none"} else (f"log in with PLAIN or LOGIN; {mechanism} is not supported",)
    return Channel(f"mailto{'s' * encrypted}://{login}{where}?from={sender}&to={people}", variables, notes)


def _opsgenie(settings: Settings) -> Channel:
    variable = secret("opsgenie.apikey", settings.get("opsgenie.apikey"))
    region = settings.get("opsgenie.region", "us")
    return Channel(f"opsgenie://${{{variable.name}}}?region={quote(region, safe='')}", (variable,))


def _pagerduty(settings: Settings) -> Channel:
    variable = secret("pagerduty.routingkey", settings.get("pagerduty.routingkey"))
    region = "?region=eu" if settings.get("pagerduty.region").lower() == "eu" else ""
    return Channel(f"pagerduty://${{{variable.name}}}@not-used{region}", (variable,))


def _telegram(settings: Settings) -> Channel:
    token, chat = (secret(f"telegram.{each}", settings.get(f"telegram.{each}")) for each in ("token", "chatid"))
    thread = settings.get("telegram.messagethreadid")
    topic = f"?topic={quote(thread, safe='')}" if thread else ""
    host = settings.get("telegram.host")
    notes = (f"the API server {host} cannot be set; api.telegram.org is used",) if host else ()
    return Channel(f"tgram://${{{token.name}}}/${{{chat.name}}}/{topic}", (token, chat), notes)


def _gotify(settings: Settings) -> Channel:
    address = settings.get("gotify.hostport")
    url = urlsplit(address if "://" in address else f"http://{address}")
    token = secret("gotify.token", settings.get("gotify.token"))
    return Channel(
        f"gotify{'s' * (url.scheme == 'https')}://{host_of(url)}{url.path.rstrip('/')}/${{{token.name}}}", (token,)
    )


PEOPLE = (
    Output("slack", ("webhookurl",), whole_url("slack.webhookurl"), others=("channel", "footer", "icon", "username")),
    Output("teams", ("webhookurl",), whole_url("teams.webhookurl"), others=("activityimage",)),
    Output("discord", ("webhookurl",), whole_url("discord.webhookurl"), others=("icon",)),
    Output("googlechat", ("webhookurl",), whole_url("googlechat.webhookurl")),
    Output("webex", ("webhookurl",), whole_url("webex.webhookurl")),
    Output("mattermost", ("webhookurl",), _mattermost, others=("footer", "icon", "username")),
    Output("rocketchat", ("webhookurl",), _rocketchat, others=("icon", "username")),
    Output(
        "smtp",
        ("hostport", "from", "to"),
        _smtp,
        others=(
            "tls",
            "user",
            "password",
            "authmechanism",
            "token",
            "identity",
            "trace",
        ),
    ),
    Output("opsgenie", ("apikey",), _opsgenie, others=("region",)),
    Output("pagerduty", ("routingkey",), _pagerduty, others=("region",)),
    Output("telegram", ("token", "chatid"), _telegram, others=("host", "messagethreadid")),
    Output("gotify", ("hostport", "token"), _gotify, others=("format",)),
    Output(
        "cliq",
        ("webhookurl",),
        instead="Zoho Cliq has no form here. Use another chat, or `webhooks://` with a `body`; mentions stay live.",
    ),
)
"""In the order of the report."""
