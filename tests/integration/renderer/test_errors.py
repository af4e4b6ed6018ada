"""
A build that fails says which file, and where it can, which line; what is odd but right passes.
"""

import json
from typing import Any

import pytest

from services.reconciler.core.rendering import RenderFailed

BROKEN = "metadata:\n  name: x\n   bad: y\n"


async def test_malformed_yaml_is_named_by_file_and_line(render: Any) -> None:
    files = {"app/sub/a.yaml": "apiVersion: v1\nkind: ConfigMap\n" + BROKEN}
    with pytest.raises(RenderFailed, match=r"app/sub/a\.yaml: yaml: line 5") as failed:
        await render(files)
    assert failed.value.kind == "parse"


async def test_lines_count_from_the_top_of_the_file(render: Any, manifest: Any) -> None:
    first = manifest("first")
    files = {"app/a.yaml": first + "---\napiVersion: v1\nkind: ConfigMap\n" + BROKEN}
    line = first.count("\n") + 1 + 5
    with pytest.raises(RenderFailed, match=rf"app/a\.yaml: yaml: line {line}"):
        await render(files)


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("apiVersion: v1\nkind: ConfigMap\ndata: {}\n", "metadata.name"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: null}\n", "metadata.name"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: x-}\n", "metadata.name"),
        ("apiVersion: v1\nmetadata: {name: x}\n", "kind"),
        ("kind: ConfigMap\nmetadata: {name: x}\n", "apiVersion"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 5}\n", "metadata.name"),
        ("some: values\n", "metadata"),
        ("- a\n- list\n", "metadata"),
    ],
)
async def test_what_is_no_manifest_is_refused_by_the_name_of_its_file(
    text: str, missing: str, render: Any, manifest: Any
) -> None:
    with pytest.raises(RenderFailed) as failed:
        await render({"app/good.yaml": manifest("good"), "app/odd.yaml": text})
    assert "odd.yaml" in failed.value.message
    assert missing in failed.value.message
    assert failed.value.kind in {"build", "parse"}


async def test_an_object_declared_twice_is_refused_with_both_files(
    render: Any, manifest: Any
) -> None:
    files = {"app/a.yaml": manifest("same"), "app/b.yaml": manifest("same")}
    with pytest.raises(RenderFailed, match=r"ConfigMap/same .*app/a\.yaml and app/b\.yaml"):
        await render(files)


async def test_two_versions_of_one_object_are_the_same_object(render: Any) -> None:
    text = "apiVersion: autoscaling/{}\nkind: HorizontalPodAutoscaler\nmetadata: {{name: x}}\n"
    files = {"app/a.yaml": text.format("v1"), "app/b.yaml": text.format("v2")}
    with pytest.raises(RenderFailed, match=r"declared twice, in app/a\.yaml and app/b\.yaml"):
        await render(files)


async def test_substitution_that_makes_two_objects_one_is_refused(
    render: Any, manifest: Any
) -> None:
    files = {"app/a.yaml": manifest("${x}"), "app/b.yaml": manifest("one")}
    spec = {"path": "app", "postBuild": {"substitute": {}}}
    with pytest.raises(RenderFailed, match=r"declared twice, in app/a\.yaml and app/b\.yaml"):
        await render(files, spec, {"x": "one"})


async def test_a_key_given_twice_is_refused(render: Any, manifest: Any) -> None:
    text = manifest("a", data="{a: '1'}") + "data: {b: '2'}\n"
    with pytest.raises(RenderFailed, match=r'app/a\.yaml: ConfigMap/a: key "data" is given twice'):
        await render({"app/a.yaml": text})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("resourcess: [a.yaml]\n", 'unknown field "resourcess"'),
        ("resources: a.yaml\n", "cannot unmarshal string"),
        ("resources: [nope.yaml]\n", "nope.yaml: file does not exist"),
        ("resources: [../app]\n", "cycle detected"),
        ("namespace: [\n", "yaml: line"),
    ],
)
async def test_a_kustomization_that_cannot_be_built_says_why(
    text: str, complaint: str, render: Any
) -> None:
    with pytest.raises(RenderFailed) as failed:
        await render({"app/kustomization.yaml": text})
    assert complaint in failed.value.message
    assert "app" in failed.value.message
    assert failed.value.kind in {"build", "parse"}


async def test_bases_that_include_each_other_end(render: Any) -> None:
    files = {
        "app/kustomization.yaml": "resources: [../b]\n",
        "b/kustomization.yaml": "resources: [../app]\n",
    }
    with pytest.raises(RenderFailed, match="cycle detected"):
        await render(files)


async def test_a_path_that_is_not_there_is_the_specs_mistake(render: Any, manifest: Any) -> None:
    with pytest.raises(RenderFailed, match=r"path \./nope is not a directory.*spec\.path"):
        await render({"app/a.yaml": manifest("a")}, {"path": "./nope"})


async def test_a_library_that_panics_costs_the_render_alone(render: Any) -> None:
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{image: a}]}\n"
    files = {
        "app/kustomization.yaml": "resources: [p.yaml]\nimages: [{name: '[', newTag: x}]\n",
        "app/p.yaml": pod,
    }
    with pytest.raises(RenderFailed, match="broke off"):
        await render(files)
    assert len((await render({"app/p.yaml": pod})).objects) == 1


@pytest.mark.parametrize(
    "files",
    [
        {"app/readme.txt": "nothing to apply\n"},
        {"app/empty.yaml": "# only a comment\n"},
        {"app/empty.yaml": ""},
        {"app/kustomization.yaml": "kind: Kustomization\n"},
    ],
)
async def test_nothing_to_build_gives_no_objects(files: dict[str, str], render: Any) -> None:
    assert (await render(files)).objects == ()


async def test_scalars_keep_what_was_written(render: Any) -> None:
    written = (
        "date: 2001-01-01\n  moment: 2001-01-01T10:00:00Z\n  time: 12:30:45\n  yes: yes\n"
        "  big: 9223372036854775807\n  quoted: '5'\n  float: 1.5\n"
    )
    text = "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: a}\nspec:\n  " + written
    rendered = await render({"app/a.yaml": text})
    assert rendered.objects[0]["spec"] == {
        "date": "2001-01-01",
        "moment": "2001-01-01T10:00:00Z",
        "time": "12:30:45",
        "yes": "yes",
        "big": 9223372036854775807,
        "quoted": "5",
        "float": 1.5,
    }


async def test_common_metadata_wins_over_what_is_there(render: Any, manifest: Any) -> None:
    text = manifest("a").replace("  name: a\n", "  name: a\n  labels: {team: old, own: kept}\n")
    common = {"labels": {"team": "new"}, "annotations": {"note": "set"}}
    rendered = await render({"app/a.yaml": text}, {"path": "app", "commonMetadata": common})
    metadata = rendered.objects[0]["metadata"]
    assert metadata["labels"] == {"team": "new", "own": "kept"}
    assert metadata["annotations"] == {"note": "set"}


CANARY = "hunter2-4711"
SECRET = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData: {{a: {CANARY}}}\n"


def _patched(patch: str, **more: str) -> str:
    return json.dumps({"resources": ["a.yaml"], "patches": [{"patch": patch, **more}]})


def _made(**sources: list[str]) -> str:
    return json.dumps({"secretGenerator": [{"name": "s", **sources}]})


@pytest.mark.parametrize(
    ("overlay", "words"),
    [
        (_made(literals=[CANARY]), "literals: expected key=value"),
        (_made(literals=[f"a={CANARY}", f"b]: {CANARY}"]), "literals: expected key=value"),
        (_made(literals=[f"a={CANARY}", f"a={CANARY}"]), "a"),
        (_made(literals=[f"a={CANARY}"], envs=["x.env"]), "invalid utf8 bytes"),
        (_patched(f"a: {CANARY}\n b`: {CANARY}"), "PatchTransformer: unable to parse"),
        (_patched(f"a: {CANARY}", path="a.yaml"), "at the same time"),
        (_patched(f'[{{"op": "x", "path": "/a", "value": "{CANARY}"}}]'), "patch"),
    ],
)
async def test_what_a_repository_holds_is_not_repeated(
    overlay: str, words: str, render: Any
) -> None:
    no_text = f"{CANARY}=".encode() + b"\xff\n"
    files = {"app/kustomization.yaml": overlay, "app/a.yaml": SECRET, "app/x.env": no_text}
    with pytest.raises(RenderFailed, match=words) as failed:
        await render(files)
    assert CANARY not in failed.value.message
