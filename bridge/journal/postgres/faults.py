"""Turns PostgreSQL's errors into journal errors that say what to do next."""

from __future__ import annotations

import psycopg

from bridge.journal.errors import JournalBusyError, JournalError, NoJournalError

BUSY_SECONDS = 30.0
"""How long a call waits for the database to be back before it reports that the journal is busy."""
_PASSING = ("08", "25P03", "25P04", "40", "53", "55", "57", "58")
"""Beginnings of SQLSTATE after which the same call may work later: connection, a transaction that took too long,
conflict, resources, lock, shutdown."""

_CHECK = "check its address, the role's password and pg_hba.conf"
_REMEDIES = (
    (
        "certificate verify failed",
        "give the url sslrootcert=FILE with the certificate authority that signed the server's certificate",
    ),
    (
        "does not match host name",
        "connect by a name of the server's certificate, or issue one with this name in subjectAltName",
    ),
    (
        "root certificate file",
        "give the url sslrootcert=FILE with the certificate authority that signed the server's certificate",
    ),
    ("server does not support SSL", "turn `ssl` on in postgresql.conf, with a certificate and its key"),
    ("connection requires a valid client certificate", "give the url sslcert=FILE and sslkey=FILE"),
    ("certificate required", "give the url sslcert=FILE and sslkey=FILE"),
    ("certificate authentication failed", "its common name must be the role, or pg_ident.conf must map it"),
    ("private key file", "the bridge's user must own it, and no other may read it (chmod 600)"),
    ("password authentication failed", "check the role's password, and the file that contains it"),
    ("no password supplied", "set journal.password, such as ${file:/run/secrets/database-password}"),
    ("no pg_hba.conf entry", "allow the role from this address in pg_hba.conf; hostssl lines need sslmode=require"),
)
"""What libpq or the server says, and what to do."""


def explain(error: psycopg.Error, name: str, *, then: str = "the bridge continues") -> JournalError:
    """The journal error for an error of psycopg; ``then`` is what follows once the cause is fixed."""
    state, text = error.sqlstate or "", one_line(error)
    if state == "53100":
        return JournalBusyError(f"the disk of the journal's database {name} is full; free some space, and {then}")
    if state == "25006":
        return JournalBusyError(
            f"the journal's database {name} does not accept writes ({text}); make a server primary, and {then}"
        )
    if state.startswith(_PASSING) or (not state and isinstance(error, psycopg.OperationalError)):
        return JournalBusyError(f"the journal's database {name} cannot be used now ({text}); once it can, {then}")
    if state == "42501":
        return JournalError(
            f"the bridge's role may not use the journal's database {name} ({text}); grant what docs/postgresql.md lists"
        )
    return JournalError(f"the journal's database {name} cannot be used: {text}")


def cannot_connect(error: psycopg.Error, name: str) -> JournalError:
    """The error for a database that did not accept the first connection."""
    text = one_line(error)
    remedy = next((remedy for part, remedy in _REMEDIES if part in text), _CHECK)
    return JournalError(f"cannot connect to the journal's database {name}: {text}; {remedy}")


def no_journal(name: str) -> NoJournalError:
    """The error for a reader where no journal is."""
    return NoJournalError(f"there is no journal in the database {name}: no bridge has run with it yet")


def one_line(error: psycopg.Error) -> str:
    """The message of the server or of libpq."""
    text = " ".join((error.diag.message_primary or str(error) or type(error).__name__).split())
    return text.removeprefix("connection is bad: ").removeprefix("connection failed: ")
