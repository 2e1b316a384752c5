"""Generates the certificates, keys and pre-shared keys of one TLS recording.

`authority.pem` signs `server.pem` and `client.pem`, whose keys are beside them (`.key`);
`untrusted.pem` is another authority, which signs nothing. `psk` is Mosquitto's list of pre-shared
keys.
"""

import subprocess
from pathlib import Path

PSK_IDENTITY = "sensor-psk-1"
PSK = "0123456789abcdef0123456789abcdef"
SERVER_NAME = "mqtt.greenhouse.example"
_DAYS = "3650"


def make(folder: Path) -> None:
    """Writes all files to `folder`, with openssl."""
    _authority(folder, "authority", "Greenhouse test authority")
    _authority(folder, "untrusted", "Untrusted authority")
    names = f"subjectAltName=DNS:{SERVER_NAME},DNS:localhost,IP:127.0.0.1,IP:::1\n"
    _signed(folder, "server", SERVER_NAME, names)
    _signed(folder, "client", "device-7", "extendedKeyUsage=clientAuth\n")
    (folder / "psk").write_text(f"{PSK_IDENTITY}:{PSK}\n", encoding="ascii")


def _openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def _authority(folder: Path, name: str, subject: str) -> None:
    _openssl(
        folder, "req", "-x509", *_KEY, "-keyout", f"{name}.key", "-out", f"{name}.pem",
        "-days", _DAYS, "-subj", f"/CN={subject}",
    )  # fmt: skip


def _signed(folder: Path, name: str, subject: str, extensions: str) -> None:
    (folder / f"{name}.ext").write_text(extensions, encoding="ascii")
    _openssl(
        folder, "req", *_KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr",
        "-subj", f"/CN={subject}",
    )  # fmt: skip
    _openssl(
        folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "authority.pem",
        "-CAkey", "authority.key", "-CAcreateserial", "-out", f"{name}.pem", "-days", _DAYS,
        "-extfile", f"{name}.ext",
    )  # fmt: skip
