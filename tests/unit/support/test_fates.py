"""
No field is ignored in silence: each works, is refused by the service's own decision, or is said.
"""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
import yaml

from services.notifier.core.hooks import hook_of
from services.notifier.core.match import rule_of
from services.notifier.core.target import idle_settings, target_of
from services.reconciler.core import obstacles
from services.source.core.declaration import refuse_unsupported
from shared.api import KINDS, kind_info
from shared.api.kinds import KUSTOMIZE_GROUP, SOURCE_GROUP
from shared.errors import StalledError
from tests.integration.api.refusals import GOOD
from tests.unit.shared.api.test_pages import fields, rows_of, schema_of
from tests.unit.support.fates import FATES, Idle, Refused, Works

TESTS = Path(__file__).parents[2]
COMPLETE = TESTS / "integration" / "api" / "complete"
SECRET = {"token": b"sesame", "address": b"https://chat.example/hook"}


def schemas(kind):
    """The fields of a kind's spec by path, without the leading ``spec.``."""
    found = fields(schema_of(kind_info(kind), "spec"), "spec")
    return {path.removeprefix("spec."): schema for path, schema, _ in found}


def fate_of(kind, path):
    """The fate of a field; below a refused one all is refused."""
    while path and path not in FATES[kind]:
        path = path.rpartition(".")[0]
        if not isinstance(FATES[kind].get(path.removesuffix("[]")), Refused):
            continue
        path = path.removesuffix("[]")
    return FATES[kind].get(path)


CASES = [(info.kind, path) for info in KINDS for path in schemas(info.kind)]
REFUSED = [case for case in CASES if isinstance(fate_of(*case), Refused)]


def enumerated(kind, path):
    schema = schemas(kind)[path]
    return schema.get("enum") or schema.get("items", {}).get("enum") or ()


def read(kind, spec):
    info = kind_info(kind)
    meta = {"name": "one", "namespace": "team", "uid": "u"}
    return info.model.read(
        {"apiVersion": info.api_version, "kind": kind, "metadata": meta, "spec": spec}
    )


def decide(kind, spec):
    """What the service itself says of a spec; empty if it takes it."""
    try:
        return "; ".join(DECISIONS[kind](read(kind, spec)))
    except StalledError as error:
        return error.message if error.reason == "NotSupported" else f"another reason: {error}"


def source(repo):
    refuse_unsupported(repo)
    return ()


def reconciler(declared):
    found = obstacles.declaration(declared, no_cross_namespace_refs=False)
    if found is not None:
        raise StalledError(found.message, reason=found.reason)
    return ()


def provider(declared):
    target_of(declared, SECRET)
    return ()


DECISIONS = {
    "GitRepository": source,
    "Kustomization": reconciler,
    "Alert": lambda declared: rule_of(declared).faults,
    "Provider": provider,
    "Receiver": lambda declared: hook_of(declared, SECRET).faults,
}


def complete(kind):
    file = COMPLETE / f"{kind_info(kind).plural}.yaml"
    return yaml.safe_load(file.read_text())["spec"]


def grafted(kind, path, value=None):
    """A good spec with the field of this path, and what it cannot be without, in it."""
    name, _, leaf = path.partition(".")
    name = name.removesuffix("[]")
    branch = _copy(complete(kind)[name])
    if value is not None and not leaf:
        branch = [value] if isinstance(branch, list) else value
    elif value is not None:
        _put(branch, leaf.split("."), value)
    spec = {**_copy(GOOD[kind]), name: branch}
    spec |= BESIDE.get((kind, name), {})
    if (kind, name) in WITHOUT:
        spec.pop(WITHOUT[kind, name])
    return spec


# What the API server wants beside a field, or instead of one.
BESIDE = {
    ("GitRepository", "serviceAccountName"): {"provider": "azure"},
    ("Provider", "commitStatusExpr"): {"type": "github"},
    ("Receiver", "oidcProviders"): {"type": "generic-oidc"},
}
WITHOUT = {("Receiver", "oidcProviders"): "secretRef"}


def _put(node, steps, value):
    node = node[0] if isinstance(node, list) else node
    if len(steps) > 1:
        _put(node[steps[0].removesuffix("[]")], steps[1:], value)
        return
    node[steps[0]] = value
    if steps[0] == "kind" and "apiVersion" in node:
        group = KUSTOMIZE_GROUP if value == "Kustomization" else SOURCE_GROUP
        node["apiVersion"] = f"{group}/v1"


def _copy(value):
    return yaml.safe_load(yaml.safe_dump(value))


@cache
def functions(file):
    """The source of each test of a module, decorators too, and the module's own."""
    text = (TESTS / file).read_text()
    lines = text.splitlines()
    found = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            found[node.name] = "\n".join(lines[first - 1 : node.end_lineno])
    return found, text


@pytest.mark.parametrize("kind", FATES)
def test_every_field_has_a_fate_and_every_fate_a_field(kind):
    paths = schemas(kind)
    assert [path for path in paths if fate_of(kind, path) is None] == []
    assert [path for path in FATES[kind] if path not in paths] == []


@pytest.mark.parametrize(
    ("kind", "path"), [case for case in CASES if isinstance(fate_of(*case), Works)]
)
def test_a_field_that_works_is_proved_by_a_test_that_speaks_of_it(kind, path):
    file, _, name = fate_of(kind, path).proof.partition("::")
    found, text = functions(file)
    assert name.rpartition(".")[2] in found, f"{file} has no {name}"
    leaf = path.rpartition(".")[2].removesuffix("[]")
    snake = re.sub(r"([A-Z])", lambda letter: f"_{letter[1].lower()}", leaf)
    assert re.search(rf"\b({leaf}|{snake})\b", text), f"{file} does not speak of {leaf}"


@pytest.mark.parametrize(("kind", "path"), REFUSED)
def test_the_service_refuses_the_field_by_its_name_and_says_what_to_do(kind, path):
    said = decide(kind, grafted(kind, path))
    top = path.partition(".")[0].removesuffix("[]")
    named = re.search(rf"spec\.(\S*\b)?{re.escape(path.split('.')[-1])}\b", said)
    assert named or re.search(rf"spec\.{top}\b", said), said
    for part in re.split(r"; (?=spec\.)", said):
        what, _, remedy = part.partition(": ")
        assert what.startswith("spec."), part
        assert "not supported" in what, part
        assert len(remedy.split()) > 1, f"no remedy: {part}"


@pytest.mark.parametrize("kind", FATES)
def test_the_service_takes_a_spec_with_every_field_that_works(kind):
    spec = _copy(GOOD[kind]) | {
        name: value
        for name, value in complete(kind).items()
        if isinstance(fate_of(kind, name), Works) and name != "type"
    }
    for path in [path for path in schemas(kind) if isinstance(fate_of(kind, path), Refused)]:
        _drop(spec, path.split("."))
    for path, fate in FATES[kind].items():
        if isinstance(fate, Works) and fate.values and path in spec:
            spec[path] = fate.values[0]
    assert decide(kind, spec) == ""


def _drop(node, steps):
    name = steps[0].removesuffix("[]")
    if len(steps) == 1:
        node.pop(name, None)
        return
    inside = node.get(name, [])
    for one in inside if isinstance(inside, list) else [inside]:
        _drop(one, steps[1:])


VALUES = [
    (kind, path, value)
    for kind, path in CASES
    if isinstance(fate_of(kind, path), Works)
    for value in enumerated(kind, path)
]


@pytest.mark.parametrize(("kind", "path", "value"), VALUES)
def test_each_value_works_or_is_refused_by_the_name_of_its_field(kind, path, value):
    spec = grafted(kind, path, value)
    for other in [one for one in schemas(kind) if isinstance(fate_of(kind, one), Refused)]:
        _drop(spec, other.split("."))
    if (kind, path, value) == ("Receiver", "type", "generic-oidc"):
        spec = grafted(kind, "oidcProviders")
    said = decide(kind, spec)
    working = fate_of(kind, path).values
    if not working or value in working:
        assert said == ""
        return
    first = path.partition("[")[0]
    assert re.search(rf"spec\.{first}\b", said), said
    assert kind == "GitRepository" or value in said, said
    assert len(said.partition("not supported")[2].partition(": ")[2].split()) > 1, said


@pytest.mark.parametrize("kind", FATES)
def test_the_page_says_of_each_field_what_becomes_of_it(kind):
    rows = rows_of(kind_info(kind), "spec")
    said = {path.removeprefix("spec."): cells[3] for path, cells in rows.items()}
    assert said == {path: support(fate_of(kind, path)) for path in schemas(kind)}


def support(fate):
    match fate:
        case Refused():
            return "refused"
        case Idle():
            return "no effect; `Ready` says so"
        case Works(values=()):
            return "supported"
        case Works(values=values):
            return f"{', '.join(f'`{value}`' for value in values)}; others refused"


def test_what_has_no_effect_is_said():
    spec = {**GOOD["Provider"], "type": "generic", "interval": "5m", "channel": "c"}
    said = " ".join(idle_settings(read("Provider", spec | {"username": "u"})))
    for name in ("interval", "channel", "username"):
        assert f"spec.{name} has no effect: " in said
    slack = spec | {"type": "slack", "username": "u"}
    del slack["interval"]
    assert idle_settings(read("Provider", slack)) == ()
