"""A real, small DNS server on loopback, as a cluster's is for headless services."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class DnsServer:
    """Answers A questions for one name with ``addresses``; NXDOMAIN without any.

    ``refusing``: ``refusal`` for all questions, or for what is no A.
    """

    def __init__(self, name: str, *addresses: str) -> None:
        self.addresses = list(addresses)
        self.refusing: bool | Literal["all but A"] = False
        self.refusal = dns.rcode.SERVFAIL
        self.asked = 0
        self._name = name
        self._server = socketserver.UDPServer(("127.0.0.1", 0), self._handler())
        self.address = f"127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def serving(self) -> Iterator[DnsServer]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def _handler(self) -> type[socketserver.BaseRequestHandler]:
        server = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                data, socket = self.request
                socket.sendto(server.answer(data), self.client_address)

        return Handler

    def answer(self, data: bytes) -> bytes:
        """To one question."""
        self.asked += 1
        query = dns.message.from_wire(data)
        reply = dns.message.make_response(query)
        question = query.question[0]
        if self.refusing is True or (self.refusing and question.rdtype != dns.rdatatype.A):
            reply.set_rcode(self.refusal)
        elif not self.addresses or question.name.to_text(omit_final_dot=True) != self._name:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        elif question.rdtype == dns.rdatatype.A:
            reply.answer.append(dns.rrset.from_text(question.name, 5, "IN", "A", *self.addresses))
        return reply.to_wire()
