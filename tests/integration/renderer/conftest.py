"""
A real renderer, and artifacts made of a few files.
"""

import gzip
import hashlib
import io
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cli.up.programs import RENDERER, build
from services.reconciler.adapters.renderer import RendererPool
from services.reconciler.core.overlay import render_request
from services.reconciler.core.rendering import Rendered

Files = Mapping[str, str | bytes]


@dataclass(frozen=True, slots=True)
class Packed:
    """
    An artifact and its digest.
    """

    data: bytes
    digest: str

    async def fetch(self) -> bytes:
        return self.data


def pack_entries(entries: list[tuple[tarfile.TarInfo, bytes]]) -> Packed:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for info, data in entries:
            archive.addfile(info, io.BytesIO(data))
    data = gzip.compress(plain.getvalue(), compresslevel=1, mtime=0)
    return Packed(data, "sha256:" + hashlib.sha256(data).hexdigest())


def pack_files(files: Files) -> Packed:
    entries = []
    for name, content in files.items():
        data = content if isinstance(content, bytes) else content.encode()
        info = tarfile.TarInfo(name)
        info.size = len(data)
        entries.append((info, data))
    return pack_entries(entries)


@pytest.fixture(scope="session")
def program() -> Path:
    return build(RENDERER, report=print)


@pytest.fixture
async def pool(program: Path) -> AsyncIterator[RendererPool]:
    pool = RendererPool(program)
    yield pool
    await pool.close()


@pytest.fixture
def pack() -> Callable[[Files], Packed]:
    return pack_files


@pytest.fixture
def pack_raw() -> Callable[[list[tuple[tarfile.TarInfo, bytes]]], Packed]:
    return pack_entries


Render = Callable[..., Awaitable[Rendered]]


@pytest.fixture
def render(pool: RendererPool) -> Render:
    async def render(
        files: Files | Packed,
        spec: Mapping[str, object] | None = None,
        variables: Mapping[str, str] | None = None,
        *,
        strict: bool = True,
    ) -> Rendered:
        packed = files if isinstance(files, Packed) else pack_files(files)
        asked = render_request(
            spec or {"path": "./app"},
            digest=packed.digest,
            variables=variables or {},
            strict=strict,
        )
        return await pool.render(asked, packed.fetch)

    return render


@pytest.fixture
def manifest() -> Callable[..., str]:
    def manifest(name: str, kind: str = "ConfigMap", **fields: Any) -> str:
        lines = [f"apiVersion: v1\nkind: {kind}\nmetadata:\n  name: {name}\n"]
        lines += [f"{field}: {value}\n" for field, value in fields.items()]
        return "".join(lines)

    return manifest
