"""Deadlines that the standard requires but does not quantify, in nanoseconds."""

from __future__ import annotations

CLOSE_GRACE_NS = 5_000_000_000  # to close after a refusal, a DISCONNECT or a violation
HANDSHAKE_TIMEOUT_NS = 30_000_000_000  # to answer a CONNECT
