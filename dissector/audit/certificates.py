"""Collects a server's certificates and whether it requests client certificates."""

from __future__ import annotations

from dissector.activity.profile import Profile
from dissector.audit.records import LISTED, CertificateRecord
from dissector.connections import certificate


def shown_certificates(profiles: list[Profile]) -> tuple[CertificateRecord, ...]:
    """Returns the server's own certificates, each once."""
    made: dict[bytes, CertificateRecord] = {}
    for profile in profiles:
        chain = () if profile.tls is None else profile.tls.certificates
        if not chain or chain[0] in made or len(made) >= LISTED:
            continue
        shown = certificate.read(chain[0])
        if shown is None:
            continue
        key = f"{shown.key_type} {shown.curve or shown.key_bits or ''}".strip()
        made[chain[0]] = CertificateRecord(
            subject=shown.subject,
            issuer=shown.issuer,
            names=shown.names,
            not_before_ns=shown.not_before_ns,
            not_after_ns=shown.not_after_ns,
            key=key,
            signature=shown.signature_hash or "no separate hash",
            fingerprint=shown.fingerprint,
        )
    return tuple(made.values())


def asks_for_certificate(profiles: list[Profile]) -> bool | None:
    """Whether a server requested client certificates; None if this was not visible."""
    known = [item.tls.requested for item in profiles if item.tls is not None]
    seen = [asked for asked in known if asked is not None]
    return any(seen) if seen else None
