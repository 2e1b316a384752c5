"""Creates a test authority and server certificates with openssl."""

import subprocess
from pathlib import Path

_CA = """\
[ca]
default_ca = house
[house]
dir = {folder}
database = {folder}/index.txt
new_certs_dir = {folder}
serial = {folder}/serial
default_md = sha256
policy = anything
copy_extensions = copy
unique_subject = no
[anything]
commonName = supplied
[req]
distinguished_name = name
prompt = no
[name]
CN = {name}
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
"""


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


class Authority:
    """A certificate authority for the servers of the household."""

    def __init__(self, folder: Path) -> None:
        """Creates the authority's own key and certificate in `folder`."""
        self.folder = folder
        self.certificate = folder / "authority.crt"
        (folder / "index.txt").write_text("")
        (folder / "serial").write_text("1000\n")
        self._write_configuration("Household authority")
        _openssl(
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "7300"),
            *("-config", str(folder / "ca.cnf"), "-extensions", "authority"),
            *("-keyout", str(folder / "authority.key"), "-out", str(self.certificate)),
        )

    def _write_configuration(self, name: str) -> None:
        text = _CA.format(folder=self.folder, name=name)
        (self.folder / "ca.cnf").write_text(text, encoding="utf-8")

    def server(
        self, name: str, first: str, last: str, *, digest: str = "sha256"
    ) -> tuple[Path, Path]:
        """Creates a certificate for a host name, valid from `first` to `last` (YYYYMMDD).

        Returns the paths of the certificate and of its key.
        """
        key, request = self.folder / f"{name}.key", self.folder / f"{name}.csr"
        certificate = self.folder / f"{name}.crt"
        self._write_configuration(name)
        _openssl(
            *("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key)),
            *("-config", str(self.folder / "ca.cnf"), "-out", str(request)),
            *("-addext", f"subjectAltName=DNS:{name}"),
        )
        _openssl(
            *("ca", "-batch", "-notext", "-config", str(self.folder / "ca.cnf")),
            *("-keyfile", str(self.folder / "authority.key"), "-cert", str(self.certificate)),
            *("-startdate", f"{first}000000Z", "-enddate", f"{last}000000Z"),
            *("-md", digest, "-in", str(request), "-out", str(certificate)),
        )
        return certificate, key
