import json

import pytest
import yaml

from cli import tables
from cli.commands.get import table
from cli.tables import Table
from cli.words import kind_named


def test_columns_are_as_wide_as_their_widest_cell_and_end_without_blanks():
    lines = Table(head=("A", "LAST"), rows=(("long cell", ""), ("b", "c"))).lines()
    assert lines == ["A          LAST", "long cell", "b          c"]


def test_commits_and_digests_are_shortened_and_other_words_are_not():
    assert tables.short("main@sha1:" + "5007eeaf" * 5) == "main@sha1:5007eeaf"
    assert tables.short("sha256:" + "ab" * 32) == "sha256:abababab"
    assert tables.short("/hook/" + "ab" * 32) == "/hook/" + "ab" * 32
    assert tables.short("deadbeef cafe") == "deadbeef cafe"


def test_a_message_cannot_command_the_terminal():
    assert tables.one_line("bad\x1b[2J\nline") == "bad [2J line"


def test_objects_are_printed_for_programs(capsys):
    tables.show_objects([{"name": "ä"}], "json")
    assert json.loads(capsys.readouterr().out)["items"] == [{"name": "ä"}]
    tables.show_objects([{"name": "ä"}], "yaml")
    assert yaml.safe_load(capsys.readouterr().out)["items"] == [{"name": "ä"}]


@pytest.mark.parametrize("output", ["json", "yaml"])
def test_what_is_printed_for_programs_cannot_turn_the_text_around(capsys, output):
    text = "\x1b[2J\x9b \u202egnp.exe\u2066 ä \U000e0001"
    tables.show_objects([{"name": text}], output)
    printed = capsys.readouterr().out
    assert printed.replace("\n", "").isprintable()
    assert yaml.safe_load(printed)["items"] == [{"name": text}] or output == "json"
    assert output == "yaml" or json.loads(printed)["items"] == [{"name": text}]


@pytest.mark.parametrize(
    ("kind", "head"),
    [
        ("git", "NAME REVISION SUSPENDED READY MESSAGE"),
        ("alerts", "NAME SUSPENDED READY MESSAGE"),
        ("alert-providers", "NAME READY MESSAGE"),
        ("receivers", "NAME SUSPENDED READY MESSAGE"),
    ],
)
def test_each_kind_has_the_columns_that_flux_shows(kind, head):
    lines = table(kind_named(kind), [{"metadata": {"name": "x"}}], namespaces=False).lines()
    assert lines[0].split() == head.split()
    assert "waiting to be reconciled" in lines[1]


def test_a_wide_table_names_the_source_of_a_kustomization():
    obj = {
        "metadata": {"name": "apps", "namespace": "team"},
        "spec": {"sourceRef": {"kind": "GitRepository", "name": "repo"}},
    }
    assert "GitRepository/team/repo" in table(kind_named("ks"), [obj], namespaces=False, wide=True).lines()[1]  # fmt: skip # noqa: E501
