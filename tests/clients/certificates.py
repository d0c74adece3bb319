"""Certificates for tests, made by openssl(1)."""
import pathlib
import subprocess
from typing import NamedTuple


class Certificate(NamedTuple):
    """Files in PEM form."""
    path: pathlib.Path
    key: pathlib.Path


def make(folder, name, *options, subject="test"):
    """A new certificate of 127.0.0.1; without an authority in the options it is its own."""
    made = Certificate(pathlib.Path(folder, f"{name}.crt"), pathlib.Path(folder, f"{name}.key"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", f"/CN={subject}", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", made.key, "-out", made.path, *options], check=True, capture_output=True)
    return made


def sign(authority, folder, name):
    """A new certificate of 127.0.0.1 that the authority has signed."""
    return make(folder, name, "-CA", authority.path, "-CAkey", authority.key, subject=name)
