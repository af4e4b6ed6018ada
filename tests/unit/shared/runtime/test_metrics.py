"""What a scrape shows of states that are kept elsewhere."""

from prometheus_client import generate_latest

from shared.runtime.metrics import Metrics


def scraped(metrics):
    lines = generate_latest(metrics.registry).decode().splitlines()
    return dict(line.rsplit(" ", 1) for line in lines if line[0] != "#")


def test_a_watched_state_is_read_at_each_scrape():
    metrics, held = Metrics(), [False]
    metrics.watch("setpoint_lease_held", "Held.", lambda: held[0])
    assert scraped(metrics)["setpoint_lease_held"] == "0.0"
    held[0] = True
    assert scraped(metrics)["setpoint_lease_held"] == "1.0"


def test_a_number_that_grows_elsewhere_is_a_counter():
    metrics, refused = Metrics(), [3]
    metrics.count("setpoint_events_refused_total", "Refused.", lambda: refused[0])
    assert scraped(metrics)["setpoint_events_refused_total"] == "3.0"


def test_events_are_counted_by_reason():
    metrics = Metrics()
    metrics.events.labels("DriftDetected").inc()
    assert scraped(metrics)['setpoint_events_total{reason="DriftDetected"}'] == "1.0"
