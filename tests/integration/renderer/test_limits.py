"""
What is too large, too deep or not what it says is refused before it can do harm.
"""

import gzip
import hashlib
import io
import random
import tarfile
from typing import Any

import pytest

from services.reconciler.adapters.renderer import RendererPool
from services.reconciler.core.overlay import render_request
from services.reconciler.core.rendering import RenderFailed


def entry(name: str, data: bytes = b"", **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data


GOOD = entry("app/a.yaml", b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")


@pytest.mark.parametrize(
    ("bad", "kind", "complaint"),
    [
        (entry("/etc/passwd", b"x"), "refused", "not a relative path"),
        (entry("app/../../x", b"x"), "refused", "leaves the tree"),
        (entry("link", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "refused", "out of the tree"),
        (entry("a/l", type=tarfile.SYMTYPE, linkname="../../x"), "refused", "out of the tree"),
        (entry("hard", type=tarfile.LNKTYPE, linkname="app/a.yaml"), "refused", "neither file"),
        (entry("dev", type=tarfile.CHRTYPE), "refused", "neither file"),
        (entry("pipe", type=tarfile.FIFOTYPE), "refused", "neither file"),
        (entry("d/" * 50 + "x", b"x"), "limit", "nested deeper than 50"),
        (entry("app/a.yaml/below", b"x"), "refused", "both a file and a directory"),
    ],
)
async def test_a_bad_entry_refuses_the_artifact(
    bad: tuple[tarfile.TarInfo, bytes], kind: str, complaint: str, render: Any, pack_raw: Any
) -> None:
    with pytest.raises(RenderFailed, match=complaint) as failed:
        await render(pack_raw([GOOD, bad]))
    assert failed.value.kind == kind


async def test_a_file_over_16_mib_refuses_the_artifact(render: Any, pack_raw: Any) -> None:
    large = random.Random(1).randbytes(16 * 2**20 + 1)
    with pytest.raises(RenderFailed, match="large has 16777217 bytes") as failed:
        await render(pack_raw([GOOD, entry("large", large)]))
    assert failed.value.kind == "limit"


async def test_more_than_50_000_files_refuse_the_artifact(render: Any, pack_raw: Any) -> None:
    noise = random.Random(6)  # so that the artifact is no bomb as well
    small = [entry(f"f/{i}", noise.randbytes(64)) for i in range(50_000)]
    with pytest.raises(RenderFailed, match="more than 50000 files") as failed:
        await render(pack_raw([GOOD, *small]))
    assert failed.value.kind == "limit"


async def test_a_compression_bomb_is_refused(render: Any, pack_raw: Any) -> None:
    zeros = [entry(f"zeros/{i}", bytes(8 * 2**20)) for i in range(4)]
    with pytest.raises(RenderFailed, match="more than 200 times its size") as failed:
        await render(pack_raw([GOOD, *zeros]))
    assert failed.value.kind == "limit"


async def test_an_artifact_over_64_mib_is_refused_and_the_worker_goes_on(
    pool: RendererPool, render: Any, pack_raw: Any
) -> None:
    async def fetch() -> bytes:
        return bytes(64 * 2**20 + 1)

    asked = render_request({"path": "app"}, digest="sha256:" + "0" * 64, variables={})
    with pytest.raises(RenderFailed, match="67108865 bytes packed") as failed:
        await pool.render(asked, fetch)
    assert failed.value.kind == "limit"
    assert len((await render(pack_raw([GOOD]))).objects) == 1
    assert repr(pool) == "RendererPool(idle=1, busy=0)"


@pytest.mark.parametrize("data", [b"", b"no gzip", b"\x1f\x8b\x08" + b"\x00" * 100])
async def test_garbage_is_no_artifact(data: bytes, pool: RendererPool) -> None:
    async def fetch() -> bytes:
        return data

    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    with pytest.raises(RenderFailed) as failed:
        await pool.render(render_request({}, digest=digest, variables={}), fetch)
    assert failed.value.kind == "parse"


async def test_an_archive_cut_short_is_refused(pool: RendererPool, pack_raw: Any) -> None:
    whole = gzip.decompress(pack_raw([GOOD]).data)
    data = gzip.compress(whole[:520])

    async def fetch() -> bytes:
        return data

    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    with pytest.raises(RenderFailed, match="unexpected EOF") as failed:
        await pool.render(render_request({}, digest=digest, variables={}), fetch)
    assert failed.value.kind == "parse"


async def test_other_bytes_than_the_digest_names_are_refused(
    pool: RendererPool, pack_raw: Any
) -> None:
    packed = pack_raw([GOOD])
    asked = render_request({"path": "app"}, digest="sha256:" + "1" * 64, variables={})
    with pytest.raises(RenderFailed, match=f"arrived with digest {packed.digest}") as failed:
        await pool.render(asked, packed.fetch)
    assert failed.value.kind == "refused"


async def test_aliases_that_expand_without_end_are_refused(render: Any, manifest: Any) -> None:
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 10))
    text = manifest("bomb") + "l0: &l0 [x]\n" + levels
    with pytest.raises(RenderFailed, match=r"app/a\.yaml: YAML aliases expand") as failed:
        await render({"app/a.yaml": text})
    assert failed.value.kind == "limit"


async def test_an_alias_that_contains_itself_is_refused(render: Any, manifest: Any) -> None:
    with pytest.raises(RenderFailed, match="contains itself"):
        await render({"app/a.yaml": manifest("loop") + "x: &x [*x]\n"})


async def test_nesting_without_end_is_refused(render: Any, manifest: Any) -> None:
    text = manifest("deep") + "x: " + "[" * 20_000 + "]" * 20_000 + "\n"
    with pytest.raises(RenderFailed, match=r"app/a\.yaml: .*depth") as failed:
        await render({"app/a.yaml": text})
    assert failed.value.kind == "parse"


async def test_an_object_over_1_mib_is_refused(render: Any, manifest: Any) -> None:
    text = manifest("large", data="{x: '" + "y" * 2**20 + "'}")
    with pytest.raises(RenderFailed, match=r"ConfigMap/large has .* limit of an object") as failed:
        await render({"app/a.yaml": text})
    assert failed.value.kind == "limit"


async def test_more_than_32_mib_of_objects_are_refused(render: Any, manifest: Any) -> None:
    rest = "y" * 1_000_000
    files = {f"app/{i}.yaml": manifest(f"large-{i}", data=f"{{x: '{rest}'}}") for i in range(34)}
    noise = random.Random(2).randbytes(2**20)  # so that the artifact itself is no bomb
    with pytest.raises(RenderFailed, match="more than 33554432 bytes together") as failed:
        await render({**files, "noise": noise})
    assert failed.value.kind == "limit"


async def test_links_inside_the_tree_are_followed(render: Any, pack_raw: Any) -> None:
    link = entry("app/link.yaml", type=tarfile.SYMTYPE, linkname="../shared/a.yaml")
    target = entry("shared/a.yaml", GOOD[1])
    rendered = await render(pack_raw([link, target]))
    assert [each["metadata"]["name"] for each in rendered.objects] == ["a"]
    assert {"app/link.yaml", "shared/a.yaml"} <= rendered.looked.files


async def test_links_in_a_circle_lead_nowhere(render: Any, pack_raw: Any) -> None:
    one = entry("app/one.yaml", type=tarfile.SYMTYPE, linkname="two.yaml")
    two = entry("app/two.yaml", type=tarfile.SYMTYPE, linkname="one.yaml")
    with pytest.raises(RenderFailed, match="does not exist"):
        await render(pack_raw([GOOD, one, two]))


def test_the_archives_of_these_tests_are_real(pack_raw: Any) -> None:
    with tarfile.open(fileobj=io.BytesIO(pack_raw([GOOD]).data)) as archive:
        assert archive.getnames() == ["app/a.yaml"]


def nested(depth: int) -> str:
    return "spec: " + "{a: " * depth + "1" + "}" * depth + "\n"


async def test_an_object_that_readers_of_json_give_up_on_is_refused_by_its_file(
    render: Any, manifest: Any
) -> None:
    deep = manifest("deep", kind="Widget") + nested(1100)
    with pytest.raises(RenderFailed, match=r"app/a\.yaml: nested deeper than 200") as failed:
        await render({"app/a.yaml": deep})
    assert failed.value.kind == "limit"
    assert len((await render({"app/a.yaml": manifest("d", kind="Widget") + nested(150)})).objects)


@pytest.mark.parametrize("items", ["hello", "{a: b}", "[null]", "[5, {a: b}]", "[[]]"])
@pytest.mark.parametrize("kind", ["List", "ConfigMapList"])
async def test_a_list_of_something_else_than_objects_is_not_passed_over(
    items: str, kind: str, render: Any, manifest: Any
) -> None:
    text = f"apiVersion: v1\nkind: {kind}\nitems: {items}\n"
    with pytest.raises(RenderFailed, match=rf"app/a\.yaml:3: .*{kind} is no"):
        await render({"app/a.yaml": text, "app/b.yaml": manifest("sibling")})


async def test_a_list_without_items_is_empty(render: Any, manifest: Any) -> None:
    files = {"app/a.yaml": "apiVersion: v1\nkind: List\nitems:\n", "app/b.yaml": manifest("b")}
    assert len((await render(files)).objects) == 1
