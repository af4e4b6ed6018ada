"""
Our renderer and `kubectl kustomize` of the same kustomize version give equal objects.
"""

import asyncio
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

# The wheel puts it beside the interpreter; another one is another version of kustomize.
KUBECTL = str(Path(sys.executable).parent / "kubectl")
CASES = Path(__file__).parents[2] / "golden" / "overlays"


class OutputLoader(yaml.CSafeLoader):
    """
    Reads what kustomize prints: YAML 1.2 scalars, so that a time is no number and `on` no truth.
    """


OutputLoader.yaml_implicit_resolvers = {}
for tag, pattern, first in (
    ("bool", r"true|false", "tf"),
    ("null", r"null|~|", ["n", "~", ""]),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?", "-+0123456789"),
):
    OutputLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{tag}", re.compile(rf"^(?:{pattern})$"), list(first)
    )


async def kubectl(directory: Path) -> list[dict[str, Any]]:
    process = await asyncio.create_subprocess_exec(
        KUBECTL,
        *("kustomize", "--load-restrictor", "LoadRestrictionsNone", str(directory)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, complaint = await process.communicate()
    assert process.returncode == 0, complaint.decode()
    # The label of `managedByLabel`: the library alone knows no release, as in the API's controller.
    printed = printed.replace(b"kustomize-v5.8.1", b"kustomize-(devel)")
    return [each for each in yaml.load_all(printed, OutputLoader) if each is not None]


def without_resources(directory: Path) -> bool:
    for name in ("kustomization.yaml", "kustomization.yml", "Kustomization"):
        if (directory / name).is_file():
            read = yaml.safe_load((directory / name).read_text())
            return not (read.get("resources") or read.get("bases"))
    return False


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.iterdir()))
async def test_renders_what_kubectl_renders(case: str, render: Any, tmp_path: Path) -> None:
    copy = shutil.copytree(CASES / case, tmp_path / "case")
    expected_from = copy / ("merged" if (copy / "merged").is_dir() else "app")
    if without_resources(expected_from):
        # What the API's controller adds to a kustomization that has no resources.
        with (expected_from / "kustomization.yaml").open("a") as file:
            file.write("buildMetadata: [originAnnotations]\n")
    spec = {"path": "./app"}
    if (CASES / case / "spec.json").is_file():
        spec |= json.loads((CASES / case / "spec.json").read_text())
    files = {
        path.relative_to(CASES / case).as_posix(): path.read_bytes()
        for path in (CASES / case).rglob("*")
        if path.is_file()
    }

    rendered = await render(files, spec)

    assert list(rendered.objects) == await kubectl(expected_from)


def test_the_corpus_holds_what_people_write() -> None:
    assert len(list(CASES.iterdir())) >= 60


async def test_kubectl_has_the_renderers_kustomize(program: Path) -> None:
    worker = await asyncio.create_subprocess_exec(
        str(program), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    greeting, _ = await worker.communicate(b"")
    # The library v0.21.1 is released as kustomize v5.8.1.
    assert json.loads(greeting[4:])["kustomize"] == "0.21.1"
    process = await asyncio.create_subprocess_exec(
        KUBECTL,
        *("version", "--client"),
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    assert "Kustomize Version: v5.8.1" in printed.decode()
