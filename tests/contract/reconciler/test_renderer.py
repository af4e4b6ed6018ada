"""The port Renderer: what the service relies on, of the fake and of the real worker."""

import pytest

from services.reconciler.adapters.renderer import RendererPool
from services.reconciler.core.overlay import render_request
from services.reconciler.core.rendering import Index, RenderFailed, reusable
from shared.artifact import File, Tree, index, pack
from shared.errors import TransientError
from shared.model import Digest
from tests.fakes.reconciler.ports import FakeRenderer


@pytest.fixture
def fake():
    return FakeRenderer()


@pytest.fixture
async def real(renderer_program):
    # One worker: what it holds is then held for every render.
    pool = RendererPool(renderer_program, workers=1)
    yield pool
    await pool.close()


@pytest.fixture(params=["fake", "real"])
def renderer(request):
    return request.getfixturevalue(request.param)


class Packed:
    """An artifact that counts how often it is fetched."""

    def __init__(self, files):
        tree = Tree({path: File(data=text.encode()) for path, text in files.items()})
        self.data, self.index = pack(tree), index(tree)
        self.digest = str(Digest.of(self.data))
        self.fetched = 0

    async def fetch(self):
        self.fetched += 1
        return self.data


def manifest(name, value="1"):
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  a: '{value}'\n"


async def ask(renderer, packed, spec=None, variables=None):
    request = render_request(
        spec or {"path": "./app"}, digest=packed.digest, variables=variables or {}
    )
    return await renderer.render(request, packed.fetch)


FILES = {"app/a.yaml": manifest("one"), "app/sub/b.yaml": manifest("two"), "x.yaml": manifest("x")}


async def test_the_manifests_below_a_path_are_rendered(renderer):
    rendered = await ask(renderer, Packed(FILES))
    found = {obj["metadata"]["name"]: obj["data"] for obj in rendered.objects}
    assert found == {"one": {"a": "1"}, "two": {"a": "1"}}


async def test_an_artifact_is_fetched_once(renderer):
    packed = Packed(FILES)
    first = await ask(renderer, packed)
    assert await ask(renderer, packed) == first
    assert packed.fetched == 1


async def test_a_fetch_that_fails_is_the_failure_of_the_render_and_can_be_tried_again(renderer):
    packed = Packed(FILES)

    async def fail():
        raise TransientError("the store is away")

    request = render_request({"path": "app"}, digest=packed.digest, variables={})
    with pytest.raises(TransientError, match="the store is away"):
        await renderer.render(request, fail)
    assert len((await ask(renderer, packed)).objects) == 2


@pytest.mark.parametrize(
    ("path", "same"), [("x.yaml", True), ("app/a.yaml", False), ("app/c.yaml", False)]
)
async def test_what_was_looked_at_tells_whether_another_revision_gives_the_same(
    renderer, path, same
):
    before, after = Packed(FILES), Packed(FILES | {path: manifest("changed", "2")})
    looked = (await ask(renderer, before)).looked
    assert reusable(looked, Index.of(before.index), Index.of(after.index)) is same


async def test_variables_are_filled_in_where_it_is_asked_for(renderer):
    packed = Packed({"app/a.yaml": manifest("one", "${name}")})
    plain = await ask(renderer, packed)
    assert plain.objects[0]["data"] == {"a": "${name}"}
    spec = {"path": "./app", "postBuild": {"substitute": {}}}
    filled = await ask(renderer, packed, spec, {"name": "World"})
    assert filled.objects[0]["data"] == {"a": "World"}


async def test_a_path_that_is_not_there_and_a_broken_file_are_named(renderer):
    with pytest.raises(RenderFailed, match="absent"):
        await ask(renderer, Packed(FILES), {"path": "./absent"})
    with pytest.raises(RenderFailed, match=r"a\.yaml") as caught:
        await ask(renderer, Packed({"app/a.yaml": "kind: {broken"}))
    assert caught.value.reason == "BuildFailed"


async def test_a_directory_without_manifests_renders_nothing(renderer):
    rendered = await ask(renderer, Packed({"app/readme.txt": "nothing here"}))
    assert rendered.objects == ()
