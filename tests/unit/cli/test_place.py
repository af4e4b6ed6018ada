from pathlib import Path

import pytest

from cli import place

NOTED = "KUBECONFIG='/noted/kube config'\nNATS_URL='nats://admin:pass@127.0.0.1:4222'\n"


def note(folder, text=NOTED):
    (folder / ".setpoint").mkdir(parents=True)
    (folder / ".setpoint" / "env").write_text(text)


def test_a_running_system_is_found_from_a_folder_inside(tmp_path):
    note(tmp_path)
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    assert place.noted_values({}, inside)["KUBECONFIG"] == "/noted/kube config"


def test_the_folder_that_setpoint_home_names_counts_alone(tmp_path):
    note(tmp_path / "here")
    note(tmp_path / "home", "NATS_URL='nats://other'\n")
    values = place.noted_values({"SETPOINT_HOME": str(tmp_path / "home")}, tmp_path / "here")
    assert values == {"NATS_URL": "nats://other"}


def test_a_damaged_note_is_passed_over(tmp_path):
    note(tmp_path, "KUBECONFIG='never closed\n")
    assert "KUBECONFIG" not in place.noted_values({"SETPOINT_HOME": str(tmp_path)})


def test_the_environment_comes_before_the_note(tmp_path):
    note(tmp_path)
    home = {"SETPOINT_HOME": str(tmp_path)}
    assert place.kubeconfig(home) == Path("/noted/kube config")
    assert place.kubeconfig({**home, "KUBECONFIG": "/mine"}) is None
    assert place.nats_url(home).endswith("127.0.0.1:4222")
    assert place.nats_url({**home, "NATS_URL": "nats://mine"}) == "nats://mine"


@pytest.mark.parametrize("flag", ["kubeconfig", "context", "nats"])
def test_a_flag_comes_before_everything(flag):
    seen = {}

    def command() -> None:
        environment = {"KUBECONFIG": "/other", "NATS_URL": "nats://other"}
        seen["kubeconfig"] = str(place.kubeconfig(environment))
        seen["context"] = place.context()
        seen["nats"] = place.nats_url(environment)

    flags = {"kubeconfig": "", "context": "", "nats": ""}
    place.connects(command, bus=True)(**{**flags, flag: "wanted"})
    assert seen[flag] == "wanted"
