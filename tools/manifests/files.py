"""
The files of ``deploy/crds`` as text.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from shared.api import KINDS
from shared.api.crd import definition

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "crds"
_HEADER = "# Generated from shared/api by `make manifests`: change the types, not this file.\n"
_WIDTH = 100  # columns


def project_version() -> str:
    """
    Return the version of the project with the ``v`` that clients expect.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return f"v{project['version']}"


def wanted(version: str) -> dict[str, str]:
    """
    Return name → text of all files that the folder should hold.
    """
    files = {
        f"{info.group}_{info.plural}.yaml": _text(definition(info, version=version))
        for info in KINDS
    }
    listing = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": sorted(files),
    }
    return {**files, "kustomization.yaml": _text(listing)}


def differences(folder: Path, files: Mapping[str, str]) -> list[str]:
    """
    Return one line for each file that is missing, out of date or not wanted.
    """
    present = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.yaml")}
    lines = []
    for name in sorted(files.keys() | present.keys()):
        if name not in present:
            lines.append(f"{name} is missing")
        elif name not in files:
            lines.append(f"{name} belongs to no kind")
        elif files[name] != present[name]:
            lines.append(f"{name} is out of date")
    return lines


def write(folder: Path, files: Mapping[str, str]) -> None:
    """
    Make the folder hold just these files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.yaml"):
        if path.name not in files:
            path.unlink()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def _text(document: Mapping[str, Any]) -> str:
    body = yaml.dump(dict(document), Dumper=_Dumper, sort_keys=False, width=_WIDTH)
    return _HEADER + body


class _Dumper(yaml.SafeDumper):
    """
    A dumper without anchors, which nobody wants to read in a manifest.
    """

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  the base class names it
        """
        Write equal parts twice.
        """
        return True
