"""A certificate for servers on this machine."""

from __future__ import annotations

import functools
import shutil
import subprocess
from pathlib import Path

from attrs import frozen

from tests.services.scratch import new_folder


@frozen
class Certificate:
    """Signed by itself: whoever trusts the file trusts the server."""

    file: Path
    key: Path


def can_certify() -> bool:
    return shutil.which("openssl") is not None


@functools.cache
def certificate() -> Certificate:
    """For localhost and the addresses of servers, made by the program openssl."""
    folder = new_folder("tls")
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    addresses = ",".join(f"IP:127.0.0.{number}" for number in (1, 2, 3))
    names = ["-subj", "/CN=localhost", "-addext", f"subjectAltName=DNS:localhost,{addresses}"]
    command = ["openssl", "req", *kind, *names, "-keyout", str(made.key), "-out", str(made.file)]
    subprocess.run(command, check=True, capture_output=True)
    return made


@functools.cache
def keystore(of: Certificate) -> tuple[Path, str]:
    """The same as Java reads it, and its password."""
    made, password = of.file.with_name("keystore.p12"), "streamfw"
    command = ["openssl", "pkcs12", "-export", "-in", str(of.file), "-inkey", str(of.key), "-out", str(made)]
    subprocess.run([*command, "-passout", f"pass:{password}"], check=True, capture_output=True)
    return made, password
