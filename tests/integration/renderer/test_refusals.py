"""
What a render would have to download, run or read elsewhere is refused, with the way out.
"""

from typing import Any

import pytest

from services.reconciler.core.rendering import RenderFailed

REMOTE = [
    "https://example.com/all.yaml",
    "http://example.com/all.yaml",
    "https://github.com/org/repo//deploy?ref=v1",
    "git@github.com:org/repo.git//deploy",
    "ssh://example.com/org/repo",
    "git::https://example.com/repo",
    "github.com/org/repo//deploy",
    "file:///etc",
]


@pytest.mark.parametrize("reference", REMOTE)
async def test_a_remote_resource_is_to_be_declared_as_a_source(reference: str, render: Any) -> None:
    with pytest.raises(RenderFailed, match="declare it as a source") as refused:
        await render({"app/kustomization.yaml": f"resources: ['{reference}']\n"})
    assert refused.value.kind == "refused"
    assert "app/kustomization.yaml" in refused.value.message
    assert reference in refused.value.message


async def test_a_remote_resource_of_a_base_is_refused_in_its_file(render: Any) -> None:
    files = {
        "app/kustomization.yaml": "resources: [../base]\n",
        "base/kustomization.yaml": "resources: ['https://example.com/x.yaml']\n",
    }
    with pytest.raises(RenderFailed, match=r"base/kustomization\.yaml.*declare it as a source"):
        await render(files)


@pytest.mark.parametrize(
    "line",
    [
        "components: ['https://example.com/c']",
        "crds: ['https://example.com/c.json']",
        "configurations: ['https://example.com/c.yaml']",
        "transformers: ['https://example.com/c.yaml']",
        "openapi: {path: 'https://example.com/c.json'}",
        "patches: [{path: 'https://example.com/p.yaml'}]",
        "patchesStrategicMerge: ['https://example.com/p.yaml']",
        "replacements: [{path: 'https://example.com/p.yaml'}]",
        "configMapGenerator: [{name: a, files: ['x=https://example.com/p.yaml']}]",
        "secretGenerator: [{name: a, envs: ['https://example.com/p.env']}]",
    ],
)
async def test_nothing_else_is_downloaded_either(line: str, render: Any, manifest: Any) -> None:
    files = {
        "app/kustomization.yaml": f"resources: [a.yaml]\n{line}\n",
        "app/a.yaml": manifest("a"),
    }
    with pytest.raises(RenderFailed, match="declare it as a source") as refused:
        await render(files)
    assert refused.value.kind == "refused"


async def test_the_login_of_a_remote_address_is_not_repeated(render: Any) -> None:
    address = "https://robot:hunter2@example.com/x.yaml"
    with pytest.raises(RenderFailed) as refused:
        await render({"app/kustomization.yaml": f"resources: ['{address}']\n"})
    assert "hunter2" not in refused.value.message
    assert "example.com/x.yaml" in refused.value.message


async def test_a_component_of_the_declaration_cannot_be_remote(render: Any, manifest: Any) -> None:
    spec = {"path": "app", "components": ["https://example.com/c"]}
    with pytest.raises(RenderFailed, match="not a relative path"):
        await render({"app/a.yaml": manifest("a")}, spec)


CHART = """
apiVersion: builtin
kind: HelmChartInflationGenerator
metadata: {name: chart}
name: minecraft
repo: https://example.com/charts
"""


@pytest.mark.parametrize(
    "files",
    [
        {"app/kustomization.yaml": "helmCharts: [{name: a, repo: 'https://example.com'}]\n"},
        {"app/kustomization.yaml": "helmChartInflationGenerator: [{chartName: a}]\n"},
        {"app/kustomization.yaml": "generators: [chart.yaml]\n", "app/chart.yaml": CHART},
    ],
)
async def test_charts_are_declared_as_releases(files: dict[str, str], render: Any) -> None:
    with pytest.raises(RenderFailed, match="declare a HelmRelease") as refused:
        await render(files)
    assert refused.value.kind == "refused"


def function(how: str) -> str:
    return (
        "apiVersion: example.com/v1\nkind: Run\nmetadata:\n  name: x\n  annotations:\n"
        f"    config.kubernetes.io/function: |\n      {how}\n"
    )


@pytest.mark.parametrize(
    "how",
    ["exec: {path: ./run.sh}", "container: {image: alpine}", "starlark: {path: x.star}", "{}"],
)
@pytest.mark.parametrize("field", ["generators", "transformers", "validators"])
async def test_no_program_or_container_is_run(
    how: str, field: str, render: Any, manifest: Any
) -> None:
    files = {
        "app/kustomization.yaml": f"resources: [a.yaml]\n{field}: [run.yaml]\n",
        "app/a.yaml": manifest("a"),
        "app/run.yaml": function(how),
    }
    with pytest.raises(RenderFailed, match="not run while rendering") as refused:
        await render(files)
    assert refused.value.kind == "refused"


@pytest.mark.parametrize(
    "line",
    [
        "resources: [../../etc/passwd]",
        "resources: [../../]",
        "resources: [/etc/passwd]",
        "configMapGenerator: [{name: a, files: [../../../etc/passwd]}]",
        "configMapGenerator: [{name: a, envs: [/proc/self/environ]}]",
        "patches: [{path: ../../etc/passwd}]",
        "components: [../../../]",
    ],
)
async def test_files_outside_the_artifact_are_refused(
    line: str, render: Any, manifest: Any
) -> None:
    files = {"app/kustomization.yaml": f"{line}\n", "base/a.yaml": manifest("a")}
    with pytest.raises(RenderFailed, match="leaves the artifact") as refused:
        await render(files)
    assert refused.value.kind == "refused"


async def test_files_beside_the_overlay_may_be_read(render: Any, manifest: Any) -> None:
    files = {
        "app/kustomization.yaml": "resources: [../shared/a.yaml]\n",
        "shared/a.yaml": manifest("a"),
    }
    rendered = await render(files)
    assert [each["metadata"]["name"] for each in rendered.objects] == ["a"]
