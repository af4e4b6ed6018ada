"""
An authority for a server's certificates, good ones and others.
"""

import ssl
import subprocess
from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


class Authority:
    """
    An issuer; ``certificate`` is what has to be trusted.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._key, self._file = folder / "ca.key", folder / "ca.crt"
        _openssl(
            *("req", "-x509", *_KEY, "-days", "2", "-subj", f"/CN={folder.name}"),
            *("-addext", "keyUsage=critical,keyCertSign"),
            *("-keyout", str(self._key), "-out", str(self._file)),
        )
        self.certificate = self._file.read_text()

    def issue(self, host: str, *, days: int = 2) -> tuple[Path, Path]:
        """
        Return the files of a certificate and its key; with negative ``days`` it has expired.
        """
        stem = self._folder / f"{host}{days}"
        key, request, made = (stem.with_name(f"{stem.name}.{end}") for end in ("key", "csr", "crt"))
        alternative = f"subjectAltName=DNS:{host}"
        _openssl(
            *("req", "-new", *_KEY, "-subj", "/CN=git", "-addext", alternative),
            *("-keyout", str(key), "-out", str(request)),
        )
        _openssl(
            *("x509", "-req", "-in", str(request), "-copy_extensions", "copy"),
            *("-CA", str(self._file), "-CAkey", str(self._key), "-CAcreateserial"),
            *("-days", str(days), "-out", str(made)),
        )
        return made, key


def server_context(files: tuple[Path, Path]) -> ssl.SSLContext:
    """
    Make a server's context; ``load_cert_chain`` of it changes what next clients are shown.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*files)
    return context


def _openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True, timeout=30)
