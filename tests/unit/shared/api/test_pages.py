import re
from pathlib import Path

import pytest
import yaml

from shared.api import KINDS
from shared.api.crd import definition

DEFAULTS = {False: "false"}  # YAML's spelling
PAGES = Path(__file__).parents[4] / "docs" / "spec"


def page_of(info):
    return (PAGES / f"{info.kind.lower()}.md").read_text()


def rows_of(info, section):
    lines = re.findall(rf"^\| (`{section}\..*) \|$", page_of(info), re.MULTILINE)
    rows = [re.split(r"(?<!\\)\|", line) for line in lines]
    return {row[0].strip(" `"): [cell.strip() for cell in row[1:]] for row in rows}


def fields(schema, path):
    for name, child in schema.get("properties", {}).items():
        here = f"{path}.{name}"
        yield here, child, name in schema.get("required", ())
        inside = child.get("items", child)
        yield from fields(inside, f"{here}[]" if "items" in child else here)


def schema_of(info, section):
    version = definition(info, version="v1")["spec"]["versions"][0]
    return version["schema"]["openAPIV3Schema"]["properties"][section]


@pytest.mark.parametrize("section", ["spec", "status"])
@pytest.mark.parametrize("info", KINDS, ids=lambda info: info.kind)
def test_a_page_lists_exactly_the_fields_with_their_meaning(info, section):
    expected = {
        path: schema["description"] for path, schema, _ in fields(schema_of(info, section), section)
    }
    meaning = 2 if section == "spec" else 1
    assert {path: cells[meaning] for path, cells in rows_of(info, section).items()} == expected


@pytest.mark.parametrize("info", KINDS, ids=lambda info: info.kind)
def test_a_page_says_what_is_required_filled_in_allowed_and_supported(info):
    rows = rows_of(info, "spec")
    for path, schema, required in fields(schema_of(info, "spec"), "spec"):
        kind, default, _, support = rows[path]
        assert (default == "required") is required, path
        if "default" in schema:
            assert default == f"`{DEFAULTS.get(schema['default'], schema['default'])}`", path
        for choice in schema.get("enum", ()):
            assert f"`{choice}`" in kind, path
        for limit in ("minLength", "maxLength", "maxItems", "minItems"):
            if limit in schema:
                assert re.search(rf"\b{schema[limit]}\b", kind), path
        assert re.search("supported|refused|no effect", support), path


@pytest.mark.parametrize("info", KINDS, ids=lambda info: info.kind)
def test_the_example_of_a_page_is_a_good_object_of_the_kind(info):
    example = re.search(r"```yaml\n(.*?)```", page_of(info), re.DOTALL)
    data = yaml.safe_load(example[1])
    assert info.model.read(data).to_json() == data
