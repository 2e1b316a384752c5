"""Thresholds and allow lists of the SEC and TLS rules; each can be set in the configuration."""

from __future__ import annotations

import msgspec


class Thresholds(msgspec.Struct, kw_only=True, frozen=True, rename="kebab"):
    """Counts and durations, with the unit in the name; lists of addresses, networks or names."""

    tunnels: tuple[str, ...] = ()  # networks that are encrypted below TCP
    bridges: tuple[str, ...] = ()  # addresses from which bridges may connect
    gateways: tuple[str, ...] = ()  # addresses that may use the same credentials for many clients
    authorities: tuple[str, ...] = ()  # known issuers, or SHA-256 of known certificates
    oldest_version: str = "3.1.1"
    short_password: int = 8
    derived_length: int = 6
    shared_clients: int = 3
    shared_hosts: int = 3
    shared_by_many: int = 20
    guesses_per_minute: int = 5
    guesses_in_ten_minutes: int = 20
    distinct_guesses: int = 3
    names_tried: int = 10
    names_per_password: int = 5
    unslowed_per_minute: int = 50
    slowed_milliseconds: int = 100
    takeovers_per_minute: int = 3
    takeovers_per_hour: int = 10
    consecutive_ids: int = 5
    idle_minutes: int = 30
    keep_alive_least: int = 5
    keep_alive_most: int = 1200
    connects_per_minute: int = 10
    quick_retries: int = 5
    storm_clients: int = 50
    storm_factor: int = 5
    silent_seconds: int = 30
    silent_at_once: int = 20
    token_hours: int = 24
    session_days: int = 7
    orphan_sessions: int = 5
    malformed_per_minute: int = 5
    learning_days: int = 7
    identity_changes: int = 2
    certificate_days_left: int = 30
    clock_hours: int = 24  # tolerance for the clock of a capture
    shared_certificates: int = 3
    tls_failures: int = 3


DEFAULT = Thresholds()
