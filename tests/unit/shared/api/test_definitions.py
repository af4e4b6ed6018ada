import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field

from shared.api import KINDS
from shared.api.base import SERVED, ApiModel, Rule, has
from shared.api.crd import definition
from shared.api.duration import Interval
from shared.api.schema import inline, structural
from tools.manifests.__main__ import main
from tools.manifests.files import FOLDER, differences, project_version, wanted, write

GOLDEN = Path(__file__).parents[3] / "golden" / "api" / "structural.json"
BY_KIND = {info.kind: info for info in KINDS}


class Part(ApiModel):
    """
    A part that is used twice.
    """

    title: str = Field(description="A field with the name of a keyword.")
    count: int = Field(default=1, ge=0, description="Read as 1, but not filled in.")


class Whole(ApiModel):
    """
    Each form of a field once.
    """

    first: Part = Field(description="Described by its field.")
    second: Part | None = None
    parts: tuple[Part, ...] = Field(default=(), max_length=3)
    labels: Mapping[str, str] = Field(default_factory=dict)
    mode: Literal["a", "b"] | None = Field(default=None, description="One of two, or absent.")
    only: Literal["one"] = "one"
    every: Interval = Field(default="5m", json_schema_extra=SERVED)
    issuer_url: str = Field(default="", alias="issuerURL", min_length=1)

    rules = (Rule(cel="has(self.mode)", message="no mode", holds=lambda w: has(w, "mode")),)


def schema_of(kind, section):
    document = definition(BY_KIND[kind], version="v1")
    return document["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][section]


def nodes(schema, path):
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from nodes(schema[key], f"{path}[]")


def test_references_are_inlined_nulls_dropped_and_only_served_defaults_stay():
    assert structural(Whole) == json.loads(GOLDEN.read_text())


def test_a_union_that_no_structural_schema_can_say_is_refused():
    with pytest.raises(ValueError, match="no union"):
        inline({"anyOf": [{"type": "string"}, {"type": "integer"}]}, {})


@pytest.mark.parametrize("info", KINDS, ids=lambda info: info.kind)
def test_every_field_has_a_type_and_a_description(info):
    for section in ("spec", "status"):
        for path, node in nodes(schema_of(info.kind, section), section):
            assert node.get("type"), path
            assert path.endswith("[]") or node.get("description"), path


def test_exactly_the_defaults_of_the_reference_are_filled_in():
    found = {
        f"{info.kind}.{path}": node["default"]
        for info in KINDS
        for section in ("spec", "status")
        for path, node in nodes(schema_of(info.kind, section), section)
        if "default" in node
    }
    assert found == {
        "GitRepository.spec.timeout": "60s",
        "GitRepository.spec.verify.mode": "HEAD",
        "GitRepository.status": {"observedGeneration": -1},
        "Kustomization.spec.force": False,
        "Kustomization.spec.postBuild.substituteFrom[].optional": False,
        "Kustomization.status": {"observedGeneration": -1},
        "Alert.spec.eventSeverity": "info",
        "Receiver.spec.interval": "10m",
        "Receiver.status": {"observedGeneration": -1},
    }


def test_the_keys_of_a_list_map_are_declared():
    issuers = schema_of("Receiver", "spec")["properties"]["oidcProviders"]
    assert issuers["x-kubernetes-list-type"] == "map"
    assert issuers["x-kubernetes-list-map-keys"] == ["issuerURL"]


@pytest.mark.parametrize("info", KINDS, ids=lambda info: info.kind)
def test_a_definition_is_marked_so_that_clients_find_it_and_substitution_leaves_it_alone(info):
    metadata = definition(info, version="v9.9.9")["metadata"]
    assert metadata["annotations"] == {"kustomize.toolkit.fluxcd.io/substitute": "disabled"}
    assert metadata["labels"]["app.kubernetes.io/part-of"] == "flux"
    assert metadata["labels"]["app.kubernetes.io/version"] == "v9.9.9"


def test_the_definitions_in_deploy_are_current():
    assert differences(FOLDER, wanted(project_version())) == []


def test_a_definition_that_is_missing_stale_or_left_over_is_named(tmp_path):
    files = wanted("v0.0.1")
    write(tmp_path, files)
    assert differences(tmp_path, files) == []
    stale, missing = sorted(files)[:2]
    (tmp_path / stale).write_text("old")
    (tmp_path / missing).unlink()
    (tmp_path / "zebras.yaml").write_text("x")
    assert differences(tmp_path, files) == [
        f"{stale} is out of date",
        f"{missing} is missing",
        "zebras.yaml belongs to no kind",
    ]
    write(tmp_path, files)
    assert differences(tmp_path, files) == []


def test_the_check_says_with_its_exit_code_whether_the_files_are_current(capsys, tmp_path):
    assert main(["--check"]) == 0
    assert main(["--check"], tmp_path) == 1
    assert "kustomization.yaml is missing: run `make manifests`" in capsys.readouterr().err
    assert main([], tmp_path) == 0
    assert main(["--check"], tmp_path) == 0
