"""How long a peer may take, where the standard names no time: nanoseconds, one place for all."""

from __future__ import annotations

CLOSE_GRACE_NS = 5_000_000_000  # to close after a refusal, a DISCONNECT or a violation
HANDSHAKE_TIMEOUT_NS = 30_000_000_000  # to answer a CONNECT
