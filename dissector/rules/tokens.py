"""Reads the times `iat` and `exp` of a JSON Web Token that is used as a password."""

from __future__ import annotations

from typing import Any

LARGEST = 16_384  # bytes; longer passwords are not decoded


def token_times(password: bytes) -> tuple[float | None, float | None] | None:
    """Returns (`iat`, `exp`) in seconds of Unix time, each None if missing; None if no token."""
    if len(password) > LARGEST:
        return None
    head, claims = (_part(part) for part in password.split(b".")[:2])
    if head is None or claims is None or "alg" not in head:
        return None
    return _number(claims.get("iat")), _number(claims.get("exp"))


def _part(part: bytes) -> dict[str, Any] | None:
    import base64

    import msgspec

    try:
        raw = base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (ValueError, msgspec.DecodeError, RecursionError):  # nested deeply on purpose
        return None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and abs(value) < 1e12 else None
