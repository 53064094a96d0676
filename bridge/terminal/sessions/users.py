"""Who opened a session: what Kubernetes recorded about a pod just before the session began."""

from __future__ import annotations

import msgspec

BEFORE_NS = 10_000_000_000
"""An exec reaches its pod within seconds."""
AFTER_NS = 2_000_000_000
"""Clocks of the API server and of the node may differ."""
_MAX_PODS = 10_000
_MAX_RECORDS = 20


class Users(msgspec.Struct):
    """The latest exec and attach requests of each pod."""

    pods: dict[str, list[tuple[int, str]]] = {}  # msgspec copies it

    def add(self, namespace: str, pod: str, time_ns: int, user: str) -> None:
        """Kubernetes recorded that a user opened a session in a pod."""
        key = f"{namespace}/{pod}"
        records = self.pods.pop(key, [])
        records.append((time_ns, user))
        self.pods[key] = records[-_MAX_RECORDS:]
        if len(self.pods) > _MAX_PODS:
            del self.pods[next(iter(self.pods))]

    def of(self, namespace: str, pod: str, started_ns: int) -> tuple[str, ...]:
        """The users who may have opened a session that began then. Several if their requests overlap."""
        records = self.pods.get(f"{namespace}/{pod}", ())
        found = [user for time_ns, user in records if -AFTER_NS <= started_ns - time_ns <= BEFORE_NS]
        return tuple(dict.fromkeys(found))
