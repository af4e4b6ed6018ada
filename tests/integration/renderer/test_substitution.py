"""
Post-build substitution: the operators, the strictness, the ways out.
"""

from typing import Any

import pytest

from services.reconciler.core.rendering import RenderFailed

SPEC: dict[str, object] = {"path": "app", "postBuild": {"substitute": {}}}
VARIABLES = {
    "name": "World",
    "empty": "",
    "number": "3",
    "path": "a/b/c.txt",
    "quote": '"',
    "truth": "true",
}


def thing(value: str, metadata: str = "{name: a}") -> dict[str, str]:
    text = f"apiVersion: example.com/v1\nkind: Thing\nmetadata: {metadata}\nspec:\n  v: {value}\n"
    return {"app/a.yaml": text}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("'${name}'", "World"),
        ("'x${name}y'", "xWorldy"),
        ("'${missing:=fallback}'", "fallback"),
        ("'${missing:-fallback}'", "fallback"),
        ("'${missing=fallback}'", "fallback"),
        ("'${empty:-fallback}'", "fallback"),
        ("'x${missing:=}'", "x"),
        ("'${missing:=${name}}'", "World"),
        ("'${#name}'", 5),
        ("'${name^^}'", "WORLD"),
        ("'${name,}'", "world"),
        ("'${name,,}'", "world"),
        ("'${name:1}'", "orld"),
        ("'${name:1:3}'", "orl"),
        ("'${path#*/}'", "b/c.txt"),
        ("'${path##*/}'", "c.txt"),
        ("'${path%.*}'", "a/b/c"),
        ("'${path%%/*}'", "a"),
        ("'${name/o/0}'", "W0rld"),
        ("'${path//\\//-}'", "a-b-c.txt"),
        ("'$name'", "$name"),
        ("'$(name)'", "$(name)"),
        ("'$${name}'", "${name}"),
        ("'a$$b'", "a$b"),
        ("'${number}'", 3),
        ("${number}", 3),
        ("'${truth}'", True),
        ("'${quote}${number}${quote}'", "3"),
        ("'2001-01-01 ${name}'", "2001-01-01 World"),
    ],
)
async def test_templates_become(template: str, expected: object, render: Any) -> None:
    rendered = await render(thing(template), SPEC, VARIABLES)
    value = rendered.objects[0]["spec"]["v"]
    assert value == expected
    assert type(value) is type(expected)


async def test_names_and_keys_are_substituted_as_well(render: Any, manifest: Any) -> None:
    files = {"app/a.yaml": manifest("app-${number}", data='{"${name}": x}')}
    rendered = await render(files, SPEC, VARIABLES)
    assert rendered.objects[0]["metadata"]["name"] == "app-3"
    assert rendered.objects[0]["data"] == {"World": "x"}


async def test_newlines_of_a_value_are_dropped(render: Any) -> None:
    rendered = await render(thing("'${text}'"), SPEC, {"text": "one\ntwo\n"})
    assert rendered.objects[0]["spec"]["v"] == "onetwo"


@pytest.mark.parametrize("template", ["${missing}", "${#missing}", "${missing^^}", "${1}"])
async def test_strict_refuses_a_variable_that_is_not_set(template: str, render: Any) -> None:
    with pytest.raises(RenderFailed, match=r"app/a\.yaml: Thing/a: .*not set") as failed:
        await render(thing(f"'{template}'"), SPEC, VARIABLES)
    assert failed.value.kind == "substitute"


async def test_without_strictness_it_is_empty(render: Any) -> None:
    rendered = await render(thing("'x${missing}'"), SPEC, VARIABLES, strict=False)
    assert rendered.objects[0]["spec"]["v"] == "x"


@pytest.mark.parametrize("template", ["${name", "${a-b}", "${a.b}", "${ name }", "${!name}"])
async def test_what_cannot_be_parsed_fails_with_the_file(template: str, render: Any) -> None:
    with pytest.raises(RenderFailed, match=r"app/a\.yaml: Thing/a: post-build") as failed:
        await render(thing(f"'{template}'"), SPEC, VARIABLES, strict=False)
    assert failed.value.kind == "substitute"


async def test_a_value_that_breaks_the_yaml_fails_without_being_shown(render: Any) -> None:
    with pytest.raises(RenderFailed, match=r"app/a\.yaml: Thing/a: after post-build") as failed:
        await render(thing("'${bad}'"), SPEC, {"bad": "[hunter2: {"})
    assert failed.value.kind == "substitute"
    assert "hunter2" not in failed.value.message


@pytest.mark.parametrize("name", ["my-key", "app.yaml", "1a", ""])
async def test_a_variable_with_an_impossible_name_fails(name: str, render: Any) -> None:
    with pytest.raises(RenderFailed, match="variable name") as failed:
        await render(thing("x"), SPEC, {name: "x"})
    assert failed.value.kind == "substitute"


@pytest.mark.parametrize("field", ["labels", "annotations"])
async def test_an_object_may_opt_out(field: str, render: Any) -> None:
    metadata = "{name: a, %s: {kustomize.toolkit.fluxcd.io/substitute: disabled}}" % field  # noqa: UP031
    rendered = await render(thing("'${missing} $$'", metadata), SPEC, VARIABLES)
    assert rendered.objects[0]["spec"]["v"] == "${missing} $$"


async def test_the_opt_out_is_compared_with_case(render: Any) -> None:
    metadata = "{name: a, labels: {kustomize.toolkit.fluxcd.io/substitute: Disabled}}"
    rendered = await render(thing("'${name}'", metadata), SPEC, VARIABLES)
    assert rendered.objects[0]["spec"]["v"] == "World"


async def test_without_post_build_nothing_is_touched(render: Any) -> None:
    rendered = await render(thing("'${name} $$'"), {"path": "app"}, VARIABLES)
    assert rendered.objects[0]["spec"]["v"] == "${name} $$"


async def test_without_variables_nothing_is_touched(render: Any) -> None:
    rendered = await render(thing("'${name:=x} $$'"), SPEC, {})
    assert rendered.objects[0]["spec"]["v"] == "${name:=x} $$"


async def test_the_strategy_always_substitutes_without_variables(render: Any) -> None:
    spec = {"path": "app", "postBuild": {"substituteStrategy": "Always"}}
    rendered = await render(thing("'${name:=x} $$'"), spec, {})
    assert rendered.objects[0]["spec"]["v"] == "x $"
