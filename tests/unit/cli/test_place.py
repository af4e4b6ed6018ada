import os
from pathlib import Path

import pytest

from cli import place

NOTED = "KUBECONFIG='/noted/kube config'\nNATS_URL='nats://admin:pass@127.0.0.1:4222'\n"


def note(folder, text=NOTED):
    (folder / ".setpoint").mkdir(parents=True)
    path = folder / ".setpoint" / "env"
    path.touch(mode=0o600)
    path.write_text(text)
    return path


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


NO_NOTE = {
    "bytes": b"KUBECONFIG='\xff'\n",
    "an open quote": b"KUBECONFIG='\n",
    "too much": b"KUBECONFIG=x\n" * 1_000_000,
    "nothing": b"",
}


@pytest.mark.parametrize("data", NO_NOTE)
def test_a_note_that_somebody_changed_is_like_none(tmp_path, data):
    note(tmp_path).write_bytes(NO_NOTE[data])
    assert place.noted_values({}, tmp_path) == {}


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_not_waited_for(tmp_path, make):
    path = note(tmp_path)
    path.unlink()
    make(path, 0o600)
    assert place.noted_values({}, tmp_path) == {}


@pytest.mark.parametrize("mode", [0o644, 0o620, 0o606])
def test_a_note_in_a_folder_that_came_from_elsewhere_names_no_cluster(tmp_path, mode, capsys):
    outside = tmp_path / "clone"
    note(tmp_path)
    note(outside, "KUBECONFIG=evil\n").chmod(mode)
    assert place.noted_values({}, outside) == place.noted_values({}, tmp_path)
    assert f"{outside}/.setpoint/env" in capsys.readouterr().err
    # Whoever names the folder has looked at it.
    home = {"SETPOINT_HOME": str(outside)}
    assert place.noted_values(home)["KUBECONFIG"] == "evil"


def test_a_note_of_another_user_names_no_cluster(tmp_path, monkeypatch):
    owner = note(tmp_path).stat().st_uid
    assert place.noted_values({}, tmp_path)
    monkeypatch.setattr("cli.place.os.geteuid", lambda: owner + 1)
    assert place.noted_values({}, tmp_path) == {}


def test_a_link_is_no_note(tmp_path):
    path = note(tmp_path)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert place.noted_values({}, tmp_path) == {}


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
