import pytest

from shared.errors import StalledError
from shared.runtime.settings import Address, Common, address, secret_file


def test_a_secret_stays_in_the_file_that_is_named(monkeypatch, tmp_path):
    (tmp_path / "password").write_text("hunter2\n")
    monkeypatch.setenv("SETPOINT_NATS_PASSWORD_FILE", str(tmp_path / "password"))
    assert secret_file("NATS_PASSWORD") == tmp_path / "password"
    assert "hunter2" not in repr(Common.from_environment("source"))


def test_an_unreadable_secret_file_is_named_in_the_refusal(monkeypatch, tmp_path):
    monkeypatch.setenv("SETPOINT_NATS_PASSWORD_FILE", str(tmp_path / "absent"))
    with pytest.raises(StalledError, match=r"SETPOINT_NATS_PASSWORD_FILE names .*absent"):
        secret_file("NATS_PASSWORD")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("127.0.0.1:0", Address("127.0.0.1", 0)),
        (":8080", Address("0.0.0.0", 8080)),
        ("[::1]:9", Address("::1", 9)),
    ],
)
def test_an_address_is_host_and_port(given, expected):
    assert address(given) == expected


@pytest.mark.parametrize("given", ["nonsense", "host:", "host:70000", "host:-1"])
def test_an_address_without_a_port_is_refused_by_name_of_the_setting(monkeypatch, given):
    monkeypatch.setenv("SETPOINT_HEALTH_ADDR", given)
    with pytest.raises(StalledError, match="SETPOINT_HEALTH_ADDR is not valid"):
        Common.from_environment("source")


def test_defaults_are_those_of_a_deployment(monkeypatch):
    for name in ("KUBECONFIG", "SETPOINT_CLUSTER", "SETPOINT_NAMESPACE"):
        monkeypatch.delenv(name, raising=False)
    common = Common.from_environment("source")
    assert (common.cluster, common.namespace, common.nats_user) == (
        "local",
        "flux-system",
        "source",
    )
    assert (common.health.port, common.metrics.port) == (9440, 8080)
