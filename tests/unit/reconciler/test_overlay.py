"""
From the spec of a Kustomization to the question that the renderer is asked.
"""

import pytest

from services.reconciler.core.overlay import artifact_path, overlay_of, render_request
from services.reconciler.core.rendering import RenderFailed


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        ("", ""),
        ("./", ""),
        (".", ""),
        ("/", ""),
        ("./deploy", "deploy"),
        ("/deploy/", "deploy"),
        ("deploy//prod/.", "deploy/prod"),
        ("deploy/../prod", "prod"),
        ("..data/x..y", "..data/x..y"),
    ],
)
def test_paths_come_to_their_plain_form(path: str, plain: str) -> None:
    assert artifact_path(path) == plain


@pytest.mark.parametrize("path", ["..", "../x", "a/../../x", "/../x", "./.."])
def test_a_path_that_leaves_the_artifact_is_refused(path: str) -> None:
    with pytest.raises(RenderFailed, match="leaves the artifact") as refused:
        artifact_path(path)
    assert refused.value.kind == "refused"


def test_fields_of_the_build_are_taken_and_others_are_not() -> None:
    spec = {
        "interval": "1m",
        "prune": True,
        "targetNamespace": "shop",
        "namePrefix": "a-",
        "nameSuffix": "-z",
        "patches": [{"patch": "x"}],
        "images": [{"name": "n", "newTag": "1"}],
        "components": ["../c"],
        "ignoreMissingComponents": True,
        "commonMetadata": {"labels": {"a": "b"}},
        "buildMetadata": ["originAnnotations"],
    }
    assert overlay_of(spec) == {
        "namespace": "shop",
        "namePrefix": "a-",
        "nameSuffix": "-z",
        "patches": [{"patch": "x"}],
        "images": [{"name": "n", "newTag": "1"}],
        "components": ["../c"],
        "ignoreMissingComponents": True,
        "commonMetadata": {"labels": {"a": "b"}},
        "buildMetadata": ["originAnnotations"],
    }


def test_absent_and_empty_fields_leave_the_tree_as_it_is() -> None:
    spec: dict[str, object] = {
        "targetNamespace": "",
        "patches": [],
        "images": None,
        "ignoreMissingComponents": False,
    }
    assert overlay_of(spec) == {}


def test_build_metadata_that_is_empty_still_replaces() -> None:
    assert overlay_of({"buildMetadata": []}) == {"buildMetadata": []}


def test_without_post_build_nothing_is_substituted() -> None:
    request = render_request({"path": "./x"}, digest="sha256:1", variables={"a": "b"})
    assert (request.path, request.substitute, request.strategy) == ("x", False, "WithVariables")
    assert request.strict


def test_post_build_brings_variables_and_strategy() -> None:
    spec = {"postBuild": {"substituteStrategy": "Always"}}
    request = render_request(spec, digest="sha256:1", variables={"a": "b"}, strict=False)
    assert (request.substitute, request.strategy, request.strict) == (True, "Always", False)
    assert request.variables == {"a": "b"}
