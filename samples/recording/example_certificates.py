"""Writes `dissector/rules/tls/certificates.json`: the certificates in the TLS rules' examples.

Small certificates of a test authority for hub.house.example, most with one fault each. Keys are
discarded. Needs `cryptography`; certificates that exist already are kept.
"""

import base64
import datetime
import json
import tempfile
from pathlib import Path

from certificates import Authority
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

TARGET = Path(__file__).parents[2] / "dissector" / "rules" / "tls" / "certificates.json"
SERVER, DEVICE = "hub.house.example", "lamp-1"
GOOD = ("2023-01-01", "2033-01-01")

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def name(text: str) -> x509.Name:
    """Returns a name with only a common name."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def when(text: str) -> datetime.datetime:
    """Returns midnight (UTC) of an ISO date."""
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)


AUTHORITY = ec.generate_private_key(ec.SECP256R1())


def certificate(
    days: tuple[str, str] = GOOD,
    *,
    key: Key | None = None,
    subject: str = SERVER,
    own: bool = False,
) -> bytes:
    """Returns a certificate in DER; `own`: it is self-signed."""
    key = ec.generate_private_key(ec.SECP256R1()) if key is None else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(subject if own else "Example authority"))
        .public_key(key.public_key())
        .serial_number(4711)
        .not_valid_before(when(days[0]))
        .not_valid_after(when(days[1]))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(subject)]), critical=False)
    )
    signed = builder.sign(key if own else AUTHORITY, hashes.SHA256())
    return signed.public_bytes(Encoding.DER)


def signed_with_sha1() -> bytes:
    """Returns a certificate signed with SHA-1, by openssl, since `cryptography` refuses to."""
    with tempfile.TemporaryDirectory() as folder:
        crt, _ = Authority(Path(folder)).server(SERVER, "20230101", "20330101", digest="sha1")
        return x509.load_pem_x509_certificate(crt.read_bytes()).public_bytes(Encoding.DER)


KINDS = {
    "good": certificate,
    "expired": lambda: certificate(("2021-01-01", "2022-01-01")),
    "future": lambda: certificate(("2030-01-01", "2031-01-01")),
    "ends soon": lambda: certificate(("2023-01-01", "2023-12-01")),
    "RSA 1024": lambda: certificate(key=rsa.generate_private_key(65537, 1024)),
    "P-192": lambda: certificate(key=ec.generate_private_key(ec.SECP192R1())),
    "SHA-1": signed_with_sha1,
    "self-signed": lambda: certificate(own=True),
    "device": lambda: certificate(subject=DEVICE),
}


def main() -> None:
    """Creates the certificates that are missing."""
    known = json.loads(TARGET.read_text("utf-8")) if TARGET.exists() else {}
    for kind, make in KINDS.items():
        if kind not in known:
            known[kind] = base64.b64encode(make()).decode("ascii")
    TARGET.write_text(json.dumps(known, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
