"""
Repositories made to explode in the renderer: each costs its own render, and says why.
"""

import os
import random
import textwrap
import time

import pytest

from services.reconciler.adapters.renderer import RendererPool
from services.reconciler.core.overlay import render_request
from services.reconciler.core.rendering import RenderFailed
from tests.faults.attacks.measures import STALL, peak, resident, watched
from tests.integration.renderer.conftest import pack_files

SECONDS = 4.0  # of a render here; the service gives more, and the bomb is one all the same
WORKER = 256 + 128  # MiB: the limit of a render, and what is allocated until it is noticed
SERVICE = 64  # MiB that a refusal may cost the process that asked


def manifest(name, data="{a: b}", kind="ConfigMap"):
    return f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: {name}}}\ndata: {data}\n"


def diamonds(levels):
    """Each level takes the next one twice, under two names."""
    files = {"app/kustomization.yaml": "resources: [../l0a]\n"}
    for level in range(levels):
        for side in "ab":
            text = f"namePrefix: {side}\nresources: [../l{level + 1}a, ../l{level + 1}b]\n"
            files[f"l{level}{side}/kustomization.yaml"] = text
    for side in "ab":
        files[f"l{levels}{side}/kustomization.yaml"] = "resources: [x.yaml]\n"
        files[f"l{levels}{side}/x.yaml"] = manifest(side)
    return files


def copying_patch():
    """A JSON patch that doubles its object with each of forty operations."""
    copies = "".join(f"- {{op: copy, from: /data, path: /data/k{n}}}\n" for n in range(40))
    patch = f"- {{op: add, path: /data/a, value: {'x' * 1000}}}\n{copies}"
    head = "resources: [a.yaml]\npatches:\n- target: {kind: ConfigMap}\n  patch: |\n"
    return {
        "app/kustomization.yaml": head + textwrap.indent(patch, "    "),
        "app/a.yaml": manifest("a"),
    }


def generators():
    many = "".join(f"- {{name: a{n}, files: [big]}}\n" for n in range(400))
    noise = random.Random(1).randbytes(700_000)
    return {"app/kustomization.yaml": "configMapGenerator:\n" + many, "app/big": noise}


def merges():
    lines = "".join(f"x{n}: &x{n} {{<<: [{', '.join([f'*x{n - 1}'] * 8)}]}}\n" for n in range(1, 8))
    return {"app/a.yaml": manifest("a") + "x0: &x0 {a: 1, b: 2}\n" + lines}


def deep(levels):
    text = "spec: " + "{a: " * levels + "1" + "}" * levels + "\n"
    return {"app/a.yaml": manifest("a", kind="Widget") + text}


def replaced():
    return {"app/a.yaml": manifest("a", "{x: '" + "${a}" * 50_000 + "'}")}


BOMBS = {
    "diamonds": (diamonds(16), {"timeout"}, "not rendered within"),
    "a patch that copies": (
        copying_patch(),
        {"crash", "limit", "timeout"},
        "RenderOOM|limit|not rendered within",
    ),
    "generators": (
        generators(),
        {"crash", "limit", "timeout"},
        "RenderOOM|limit|not rendered within",
    ),
    "merge keys": (merges(), {"limit"}, "aliases expand"),
    "nesting of 9,000": (deep(9_000), {"limit"}, "nested deeper than 200"),
    "nesting of 400": (deep(400), {"limit"}, "nested deeper than 200"),
    "30,000 documents": (
        {"app/a.yaml": "---\n".join(manifest(f"a{n}") for n in range(30_000))},
        {"timeout", "limit", "crash"},
        "not rendered within|limit|RenderOOM",
    ),
    "a variable of 100 kB 50,000 times": (
        replaced(),
        {"crash", "limit", "timeout"},
        "RenderOOM|limit|not rendered within",
    ),
}


@pytest.fixture
async def small(program):
    pool = RendererPool(program, workers=1, seconds=SECONDS)
    yield pool
    await pool.close()


async def ask(pool, files, variables=None):
    packed = pack_files(files)
    spec = {"path": "./app", "postBuild": {"substitute": variables or {}}}
    asked = render_request(spec, digest=packed.digest, variables=variables or {})
    return await pool.render(asked, packed.fetch)


@pytest.mark.parametrize("name", BOMBS)
async def test_a_bomb_costs_its_own_render_and_says_why(name, small):
    files, kinds, words = BOMBS[name]
    good = {"app/a.yaml": manifest("good")}
    await ask(small, good)
    [worker] = small._idle
    before = resident(os.getpid())
    began = time.monotonic()
    async with watched() as turns:
        with pytest.raises(RenderFailed, match=words) as failed:
            await ask(small, files, {"a": "x" * 100_000})
        took = time.monotonic() - began
    assert failed.value.kind in kinds
    assert took < 2 * SECONDS
    if worker.alive:
        assert peak(worker.pid) < WORKER
    assert turns.longest < STALL
    assert resident(os.getpid()) - before < SERVICE
    assert len((await ask(small, good)).objects) == 1


TEXT = manifest("a", "{a: b}")
# Files that one reader of YAML takes for something else than another; None where they are refused.
TRAPS = {
    "a tag of Python": (TEXT + "x: !!python/object/apply:os.system [id]\n", {"a": "b"}),
    "a tag for bytes": (manifest("a", "{a: !!binary QQ==}"), {"a": "A"}),
    "a byte order mark": (b"\xef\xbb\xbf" + TEXT.encode(), {"a": "b"}),
    "UTF-16": (TEXT.encode("utf-16"), {"a": "b"}),
    "no UTF-8": (manifest("a", "{a: '\xff'}").encode("latin-1"), None),
    "NUL": (TEXT.replace("b}", "'b\0'}"), None),
    "5,000 digits": (manifest("a", "{a: " + "9" * 5000 + "}"), {"a": "9" * 5000}),
    "a scalar of 900 kB": (manifest("a", "{a: " + "b" * 900_000 + "}"), {"a": "b" * 900_000}),
}


@pytest.mark.parametrize("name", TRAPS)
async def test_a_trap_of_yaml_is_refused_by_its_file_or_read_as_kubernetes_reads_it(name, small):
    text, read = TRAPS[name]
    async with watched() as turns:
        asked = ask(small, {"app/a.yaml": text})
        if read is None:
            with pytest.raises(RenderFailed, match=r"a\.yaml") as failed:
                await asked
            assert failed.value.message.isprintable()
        else:
            [found] = (await asked).objects
            assert found["data"] == read
    assert turns.longest < STALL


OUTSIDE = [
    "configMapGenerator: [{name: a, files: [/etc/hostname]}]",
    "configMapGenerator: [{name: a, files: ['x=../../../../etc/passwd']}]",
    "secretGenerator: [{name: a, envs: [/proc/self/environ]}]",
    "openapi: {path: ../../../etc/hostname}",
    "crds: [/etc/hostname]",
    "resources: [/etc]",
    "patches: [{path: /etc/passwd}]",
    "replacements: [{path: ../../../proc/self/environ}]",
    "transformers: [/etc/passwd]",
    "components: [../../..]",
]


@pytest.mark.parametrize("line", OUTSIDE)
async def test_nothing_outside_the_artifact_is_read_by_any_field(line, small):
    with pytest.raises(RenderFailed) as failed:
        await ask(small, {"app/kustomization.yaml": line + "\n", "app/a.yaml": manifest("a")})
    assert failed.value.kind in {"refused", "build"}
    assert "root:" not in failed.value.message
