"""What the import contracts cannot see."""

import ast
import re
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
PRODUCTION = sorted(
    path for folder in ("services", "shared", "cli") for path in (ROOT / folder).rglob("*.py")
)
CORE = [path for path in PRODUCTION if re.search(r"services/[a-z]+/core/", path.as_posix())]
MODULE_LIMIT = 300  # lines; more wants to be two modules


def name_of(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_core_has_no_async_function(path):
    tree = ast.parse(path.read_text())
    assert [n.name for n in ast.walk(tree) if isinstance(n, ast.AsyncFunctionDef)] == []


@pytest.mark.parametrize("path", PRODUCTION, ids=name_of)
def test_no_module_is_longer_than_the_limit(path):
    assert len(path.read_text().splitlines()) <= MODULE_LIMIT


@pytest.mark.parametrize("path", PRODUCTION, ids=name_of)
def test_every_module_says_what_it_is(path):
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_shared_holds_only_what_two_users_share():
    graph = grimp.build_graph("services", "shared", "cli", include_external_packages=False)
    programs = ("services.source", "services.reconciler", "services.notifier", "cli")
    lonely = []
    packages = sorted(graph.find_children("shared"))
    for package in packages:
        members = {package, *graph.find_descendants(package)}
        users = {
            user
            for user in (*programs, *packages)
            if user != package
            for module in {user, *graph.find_descendants(user)}
            if graph.find_modules_directly_imported_by(module) & members
        }
        if len(users) < 2:
            lonely.append((package, users))
    assert lonely == []


def test_the_services_say_in_their_package_what_they_hold():
    for package in ("services", "services/source", "services/reconciler", "services/notifier"):
        text = (ROOT / package / "__init__.py").read_text()
        assert ast.get_docstring(ast.parse(text)), package
