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
    """For 127.0.0.1 and localhost, made by the program openssl."""
    folder = new_folder("tls")
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    command = ["openssl", "req", *kind, *names, "-keyout", str(made.key), "-out", str(made.file)]
    subprocess.run(command, check=True, capture_output=True)
    return made
