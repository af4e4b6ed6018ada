"""
A render says what it looked at, and that decides whether it can be used at another digest.
"""

import hashlib
from typing import Any

import pytest

from services.reconciler.core.rendering import Index, reusable


def index(files: dict[str, str]) -> dict[str, str]:
    return {path: hashlib.sha256(text.encode()).hexdigest() for path, text in files.items()}


def overlay(manifest: Any) -> dict[str, str]:
    return {
        "app/kustomization.yaml": "resources: [../base, own.yaml]\npatches: [{path: p.yaml}]\n",
        "app/own.yaml": manifest("own"),
        "app/p.yaml": manifest("own", data="{a: b}"),
        "base/kustomization.yaml": (
            "resources: [a.yaml]\nconfigMapGenerator: [{name: c, files: [c.txt]}]\n"
        ),
        "base/a.yaml": manifest("a"),
        "base/c.txt": "text\n",
        "other/x.yaml": manifest("x"),
        "base/unused.yaml": manifest("unused"),
    }


async def test_all_files_that_were_read_are_named(render: Any, manifest: Any) -> None:
    looked = (await render(overlay(manifest))).looked
    assert looked.files == {
        "app/kustomization.yaml", "app/own.yaml", "app/p.yaml",
        "base/kustomization.yaml", "base/a.yaml", "base/c.txt",
    }  # fmt: skip
    assert looked.directories == frozenset()
    assert {"app/kustomization.yml", "base/Kustomization"} <= looked.absent


@pytest.mark.parametrize(
    ("path", "same"),
    [
        ("other/x.yaml", True),
        ("other/new.yaml", True),
        ("base/unused.yaml", True),
        ("base/new.yaml", True),
        ("app/new.txt", True),
        ("base/c.txt", False),
        ("base/a.yaml", False),
        ("app/p.yaml", False),
        ("app/kustomization.yml", False),
        ("base/Kustomization", False),
        ("base/Kustomization/inside", False),
    ],
)
async def test_with_a_kustomization_only_what_it_names_matters(
    path: str, render: Any, manifest: Any, *, same: bool
) -> None:
    files = overlay(manifest)
    looked = (await render(files)).looked
    changed = {**files, path: "changed\n"}
    assert reusable(looked, Index.of(index(files)), Index.of(index(changed))) is same


@pytest.mark.parametrize(
    ("path", "same"),
    [
        ("other/x.yaml", True),
        ("app/sub/z.yaml", False),
        ("app/new.yaml", False),
        ("app/sub/deeper/new.yaml", False),
        ("app/a.yaml", False),
        ("app/part/kustomization.yaml", False),
        ("app/part/unlisted.yaml", True),
        ("app/notes.txt", True),
    ],
)
async def test_without_one_every_new_manifest_below_matters(
    path: str, render: Any, manifest: Any, *, same: bool
) -> None:
    files = {
        "app/a.yaml": manifest("a"),
        "app/notes.txt": "not read\n",
        "app/sub/b.yaml": manifest("b"),
        "app/part/kustomization.yaml": "resources: [c.yaml]\n",
        "app/part/c.yaml": manifest("c"),
        "other/x.yaml": manifest("x"),
    }
    looked = (await render(files)).looked
    assert looked.directories == {"app", "app/sub"}
    changed = {**files, path: "changed\n"}
    assert reusable(looked, Index.of(index(files)), Index.of(index(changed))) is same


async def test_a_component_that_appears_is_not_missed(render: Any, manifest: Any) -> None:
    files = {"app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": manifest("a")}
    spec = {"path": "app", "components": ["../extra"], "ignoreMissingComponents": True}
    looked = (await render(files, spec)).looked
    assert "extra" in looked.absent
    changed = {**files, "extra/kustomization.yaml": "kind: Component\n"}
    assert not reusable(looked, Index.of(index(files)), Index.of(index(changed)))
