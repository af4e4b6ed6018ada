import pytest
from typer.testing import CliRunner

from cli.app import app

COMMANDS = [
    "install",
    "get",
    "reconcile",
    "suspend",
    "resume",
    "pause",
    "unpause",
    "events",
    "drift",
    "deadletters list",
    "deadletters show",
    "deadletters replay",
    "deadletters drop",
]


def run(line):
    return CliRunner().invoke(app, line.split(), env={"COLUMNS": "300", "NO_COLOR": "1"})


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_each_command_has_an_example_and_the_connection(command):
    result = run(f"{command} --help")
    assert result.exit_code == 0
    assert f"setpoint {command}" in result.output
    assert "--kubeconfig" in result.output


@pytest.mark.parametrize(
    ("command", "usage"),
    [
        ("up", ""),
        ("down", ""),
        ("install", ""),
        ("get", " [KIND [NAME]]"),
        ("reconcile", " KIND NAME"),
        ("suspend", " KIND [NAME]"),
        ("resume", " KIND [NAME]"),
        ("pause", " KIND/NAME"),
        ("unpause", " KIND/NAME"),
        ("events", ""),
        ("drift", " [KIND/NAME]"),
        ("deadletters list", ""),
        ("deadletters show", " ID"),
        ("deadletters replay", " [ID...]"),
        ("deadletters drop", " [ID...]"),
    ],
)
def test_help_names_what_is_typed_and_no_types_of_the_language(command, usage):
    text = run(f"{command} --help").output
    assert f"{command} [OPTIONS]{usage}\n" in text
    assert f"setpoint {command}" in text.partition("Example")[2]
    assert "<" not in text
    assert {"STR", "TEXT...", "INTEGER"}.isdisjoint(text.split())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("get nonsense", "no kind is called"),
        ("get ks -o xml", "choose table"),
        ("get ks -w -o json", "choose table"),
        ("reconcile ks", "a kind and a name"),
        ("reconcile alert x", "nothing to reconcile"),
        ("reconcile source git x --with-source", "have no source"),
        ("resume ks x --timeout never", "--timeout never"),
        ("pause Deployment/shop --for 8d --reason x", "at most 7d"),
        ("pause Deployment/shop --for 1h", "--reason"),
        ("pause shop --for 1h --reason x", "KIND/NAME"),
        ("events --for apps", "KIND/NAME"),
        ("events --for Pod/x", "no kind is called"),
        ("drift --since yesterday", "--since"),
        ("drift --since 99999999999d", "--since"),
        ("drift ks/a=b", "is no name"),
        ("events --for ks/*", "is no name"),
        ("get ks -n a/b", "is no name"),
        ("suspend ks", "a kind and a name"),
        ("suspend ks apps --all", "--all: expected a kind alone"),
        ("resume all --all", "--all: expected a kind alone"),
        ("deadletters drop", "--all"),
        ("deadletters replay 1 --all", "--all"),
    ],
)
def test_a_mistake_in_the_words_ends_with_2_and_says_what_was_expected(line, said):
    result = run(line)
    assert result.exit_code == 2, result.output
    assert said in result.output
    assert "Traceback" not in result.output
