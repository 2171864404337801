"""Several worker processes under one supervisor."""

import json
import os
import re
import signal
import urllib.request
from collections import Counter
from pathlib import Path

import certifi
from tests.e2e.turnout import Process, Queues, running, wait_until

CONSUMED = "messaging_client_consumed_messages_total"


def event(number: int) -> str:
    return json.dumps({"id": f"event-{number}", "detail": {"priority": "rest"}})


def pids(turnout: Process) -> list[int]:
    """Every worker that was started, in order."""
    return [int(pid) for pid in re.findall(r'worker \d+ started","pid":(\d+)', turnout.log)]


def text(turnout: Process, path: str) -> str:
    """What the HTTP port answers."""
    found = re.search(r"http://127\.0\.0\.1:\d+", turnout.log)
    assert found, turnout.log
    with urllib.request.urlopen(f"{found[0]}{path}", timeout=5) as answer:
        read: str = answer.read().decode()
    return read


def metric(turnout: Process, name: str) -> float:
    """A metric's value, summed over its labels."""
    lines = text(turnout, "/metrics").splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def test_two_processes_share_the_work_survive_a_kill_and_answer_as_one(queues: Queues, rules: Path) -> None:
    environment = queues.environment() | {"TURNOUT_VISIBILITY_SECONDS": "6", "TURNOUT_HTTP_PORT": "0"}
    with running(environment, "--rules", str(rules), "--processes", "2") as turnout:
        wait_until(lambda: turnout.log.count("routing from") == 2, "both workers")
        queues.publish([event(number) for number in range(200)])
        wait_until(lambda: metric(turnout, CONSUMED) >= 200, "the common metrics")
        queues.publish([event(number) for number in range(200, 400)])
        wait_until(lambda: queues.count("standard") > 220, "some more events to be delivered")
        os.kill(pids(turnout)[0], signal.SIGKILL)
        queues.publish([event(number) for number in range(400, 500)])
        queues.wait_until_empty()
        wait_until(lambda: turnout.log.count("routing from") == 3, "the killed worker's successor")
        # What it told with its last pulse is kept; what it did since then, less than a second, nobody knows.
        assert metric(turnout, "turnout_worker_restarts_total") == 1
        wait_until(lambda: metric(turnout, "turnout_workers") == 2, "both to have told how they are")
        assert "worker 0 ended with signal SIGKILL" in text(turnout, "/")
        told = metric(turnout, CONSUMED)
        assert told >= 200, "the totals never fall"
        queues.publish([event(number) for number in range(500, 600)])
        wait_until(lambda: metric(turnout, CONSUMED) >= told + 100, "the common metrics to go on")
        queues.wait_until_empty()
        turnout.signal(signal.SIGTERM)
        assert turnout.wait() == 0, turnout.log
    delivered = queues.event_ids("standard")
    assert set(delivered) == {f"event-{number}" for number in range(600)}
    assert sum((delivered - Counter(dict.fromkeys(delivered, 1))).values()) <= 100, "only what the killed worker held"


def test_a_reload_reaches_every_process(queues: Queues, rules: Path) -> None:
    with running(queues.environment(), "--rules", str(rules), "--processes", "2") as turnout:
        wait_until(lambda: turnout.log.count("routing from") == 2, "both workers")
        text = (rules / "rules.yaml").read_text()
        (rules / "rules.yaml").write_text(text.replace("send: [standard]", "send: [critical]"))
        turnout.signal(signal.SIGHUP)
        wait_until(lambda: turnout.log.count("rules reloaded") >= 3, "both workers and their supervisor to reload")
        queues.publish([event(number) for number in range(40)])
        queues.wait_until_empty()
        turnout.signal(signal.SIGINT)
        assert turnout.wait() == 0, turnout.log
        assert len(pids(turnout)) == 2, "nobody had to be restarted"
    assert queues.count("critical") == 40


def test_a_hangup_makes_the_supervisor_read_the_rules_again_as_well_once_what_they_need_is_repaired(
    queues: Queues, rules: Path, tmp_path: Path
) -> None:
    authorities = tmp_path / "authorities.pem"
    authorities.write_text("none yet")
    environment = queues.environment() | {"SSL_CERT_FILE": str(authorities), "TURNOUT_HTTP_PORT": "0"}
    with running(environment, "--rules", str(rules), "--processes", "2") as turnout:
        wait_until(lambda: turnout.log.count("routing from") == 2, "both workers")
        (rules / "more.yaml").write_text(
            "targets: {partner: {url: 'https://partner.example/in', priority: 1}}\n"
            "rules: [{id: to-the-partner, when: detail.priority == 'never', send: [partner]}]\n"
        )
        wait_until(lambda: turnout.log.count("the old ones stay active") == 3, "all to refuse them")
        authorities.write_bytes(Path(certifi.where()).read_bytes())
        turnout.signal(signal.SIGHUP)
        wait_until(lambda: turnout.log.count("rules reloaded") == 3, "both workers and their supervisor to reload")
        assert "to-the-partner" in text(turnout, "/")


def test_ctrl_c_in_a_terminal_is_one_signal_to_every_worker_and_all_finish(queues: Queues, rules: Path) -> None:
    with running(queues.environment(), "--rules", str(rules), "--processes", "2") as turnout:
        wait_until(lambda: turnout.log.count("routing from") == 2, "both workers")
        queues.publish([event(number) for number in range(40)])
        queues.wait_until_empty()
        turnout.ctrl_c()
        assert turnout.wait() == 0, turnout.log
        assert "exiting at once" not in turnout.log
        assert turnout.log.count(" received = ") == 2, "each worker closed its books"


def test_workers_stop_when_their_supervisor_is_killed(queues: Queues, rules: Path) -> None:
    with running(queues.environment(), "--rules", str(rules), "--processes", "2") as turnout:
        wait_until(lambda: turnout.log.count("routing from") == 2, "both workers")
        workers = pids(turnout)
        turnout.signal(signal.SIGKILL)
        turnout.wait()
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), "the workers to end")
