"""From a worker that cannot deliver to an empty dead-letter queue, by the command line alone."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from tests.e2e.turnout import TURNOUT, Queues, run_to_the_end, running, wait_until
from tests.servers.genesys import CLIENT_ID, CLIENT_SECRET, Stub
from tests.servers.genesys import running as running_genesys

COUNT = 6


def event(number: int, priority: str = "urgent") -> str:
    return json.dumps(
        {
            "id": f"event-{number}",
            "detail-type": "v2.users.{id}.activity",
            "source": "aws.partner/genesys.com/x",
            "time": "2026-01-05T10:00:00Z",
            "detail": {"priority": priority, "interactionId": f"c-{number}", "ani": "tel:+14295550100"},
        }
    )


class Desk:
    """A shell at which an operator works: the environment, and what commands print."""

    def __init__(self, queues: Queues, rules: Path, folder: Path) -> None:
        self.queues = queues
        self.environment = queues.environment() | {
            "TURNOUT_RULES": str(rules),
            "TURNOUT_WAIT_SECONDS": "1",
            "TURNOUT_BACKOFF_BASE_SECONDS": "0.01",
            "TURNOUT_DLQ_LEDGER": str(folder / "ledger.sqlite"),
            "TURNOUT_DLQ_BACKOFF_BASE_SECONDS": "0.01",
            "TURNOUT_DLQ_RATE": "500",
        }

    def dlq(self, *arguments: str, code: int = 0) -> str:
        """What `turnout dlq` prints; its exit code must be this."""
        answer = run_to_the_end(self.environment, "dlq", *arguments)
        assert answer.returncode == code, (answer.stdout, answer.stderr)
        return answer.stdout + answer.stderr

    def letters(self, *arguments: str) -> list[dict[str, Any]]:
        answer = run_to_the_end(self.environment, "dlq", "list", "--json", *arguments)
        assert answer.returncode == 0, answer.stderr
        return [json.loads(line) for line in answer.stdout.splitlines()]

    def without(self, name: str) -> None:
        """Take a target's queue away."""
        self.queues.client.delete_queue(QueueUrl=self.queues.urls[name])

    def again(self, name: str) -> None:
        """The target's queue is there again, and empty."""
        url = self.queues.urls[name]
        self.queues.client.create_queue(QueueName=url.rpartition("/")[2])

    def dead_letter(self, count: int = COUNT) -> None:
        """Have a worker write letters: critical has the events, high is owed them."""
        self.without("high")
        with running(self.environment) as worker:
            self.queues.publish([event(number) for number in range(count)])
            wait_until(lambda: self.queues.count("events-dead") == count, "the letters")
            self.queues.wait_until_empty()
            worker.signal(signal.SIGTERM)
            assert worker.wait() == 0
        assert self.queues.event_ids("critical") == each_once(count)


def each_once(count: int = COUNT) -> Counter[str]:
    return Counter({f"event-{number}": 1 for number in range(count)})


@pytest.fixture
def desk(queues: Queues, rules: Path, tmp_path: Path) -> Desk:
    return Desk(queues, rules, tmp_path)


def test_letters_are_looked_at_without_being_consumed_and_retried_to_the_owed_target_alone(desk: Desk) -> None:
    desk.dead_letter()
    letters = desk.letters()
    assert [letter["owed"] for letter in letters] == [["high"]] * COUNT
    assert {letter["receive_count"] for letter in letters} == {1}
    shown = desk.dlq("show", "event-3")
    assert "TARGET_MISSING (needs-fix)" in shown
    assert "+14295550100" not in shown
    assert "+14295550100" in desk.dlq("show", "event-3", "--show-pii")
    assert len(desk.letters("--where", "detail.interactionId == 'c-3' and contains(@owed, 'high')")) == 1

    nothing = desk.dlq("retry", "--target", "high", "--yes")
    assert "not asked for: 6: without --cause, --disposition or --id only transient letters" in nothing
    assert "Nothing to do" in nothing
    desk.again("high")
    plan = desk.dlq("retry", "--disposition", "needs-fix", "--dry-run")
    assert "6 letters" in plan
    assert "dry run" in plan
    assert desk.queues.count("events-dead") == COUNT
    assert "give --yes" in desk.dlq("retry", "--disposition", "needs-fix", code=2)

    assert "6 done" in desk.dlq("retry", "--target", "high", "--disposition", "needs-fix", "--yes")
    assert desk.queues.event_ids("high") == each_once()
    assert desk.queues.count("critical") == 0, "it had its copies already"
    assert desk.queues.count("events-dead") == 0
    assert desk.letters() == []


def test_letters_are_archived_once_and_brought_back_as_they_were(desk: Desk, tmp_path: Path) -> None:
    desk.dead_letter()
    bucket = f"letters-{tmp_path.name.replace('_', '-')[-20:]}-{os.getpid()}".lower()
    s3: Any = boto3.client(
        "s3",
        endpoint_url=desk.queues.server.url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    s3.create_bucket(Bucket=bucket)
    before = {letter["event_id"]: letter for letter in desk.letters()}
    assert "which bucket? Set TURNOUT_DLQ_ARCHIVE_BUCKET" in desk.dlq("list", "--archived", "dlq/", code=2)
    assert "which bucket?" in desk.dlq("archive", "--yes", code=2)
    refused = desk.dlq("archive", "--bucket", f"{bucket}-not", "--yes", code=1)
    (why,) = [line for line in refused.splitlines() if "NoSuchBucket" in line]
    assert f": s3://{bucket}-not: NoSuchBucket: " in why, "one line for one reason, whatever the keys"
    desk.environment["TURNOUT_DLQ_ARCHIVE_BUCKET"] = bucket
    said = desk.dlq("archive", "--yes")
    assert "6 done" in said
    assert said.count("s3://") == 1, "one row for all of one kind, not one for each key"
    assert desk.queues.count("events-dead") == 0
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert sorted(keys) == [
        f"dlq/archives/v2.users.id.activity/QUEUE_MISSING/event-{n}-20260105T100000Z.json" for n in range(COUNT)
    ]
    assert len(desk.letters("--archived", "dlq/archives/")) == COUNT

    whole = tmp_path / "letters.jsonl"
    assert "whole" in desk.dlq("export", "--archived", "dlq/", "--whole", str(whole))
    assert len(desk.letters("--file", str(whole))) == COUNT

    restored = desk.dlq("archive", "--restore", "dlq/archives/v2.users.id.activity/", "--yes")
    assert "6 done" in restored
    after = {letter["event_id"]: letter for letter in desk.letters()}
    same = ("cause", "owed", "done", "attempts", "rules", "code")
    assert {k: [v[name] for name in same] for k, v in after.items()} == {
        k: [v[name] for name in same] for k, v in before.items()
    }
    twice = desk.dlq("archive", "--restore", "dlq/archives/", "--yes")
    assert "already done: 6: nothing is taken out here; --again acts on them once more" in twice
    assert desk.queues.count("events-dead") == COUNT, "nothing is brought back twice"


def test_a_replay_to_the_source_passes_idempotency_once_and_reaches_the_owed_target_alone(desk: Desk) -> None:
    desk.without("high")
    desk.environment["TURNOUT_IDEMPOTENCY"] = "memory"
    with running(desk.environment) as worker:
        desk.queues.publish([event(number) for number in range(COUNT)])
        wait_until(lambda: desk.queues.count("events-dead") == COUNT, "the letters")
        assert desk.queues.event_ids("critical") == each_once()
        desk.again("high")
        said = desk.dlq("replay", "--to-source", "--yes")
        assert "6 done" in said
        desk.queues.wait_until_empty()
        wait_until(lambda: desk.queues.count("high") == COUNT, "the replays")
        (taken, *_) = copies = desk.queues.drain("high")
        assert Counter(json.loads(message["Body"])["id"] for message in copies) == each_once()
        assert "Turnout.Replay" not in taken.get("MessageAttributes", {}), "targets get the event as it was"
        assert desk.queues.count("critical") == 0

        plan = desk.dlq("show", "event-0", "--queue", desk.queues.urls["events-dead"], code=1)
        assert "no letter" in plan
        # The same replay once more, as a crash between sending and noting would send it: it passes once.
        again = {"Turnout.Replay": {"DataType": "String", "StringValue": "r-1"}}
        for _ in range(2):
            desk.queues.client.send_message(
                QueueUrl=desk.queues.urls["events"], MessageBody=event(99), MessageAttributes=again
            )
            desk.queues.wait_until_empty()
        assert desk.queues.event_ids("high") == {"event-99": 1}
        assert desk.queues.event_ids("critical") == {"event-99": 1}
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0


def test_replays_go_to_a_queue_and_to_a_file(desk: Desk, tmp_path: Path) -> None:
    desk.dead_letter(3)
    out = tmp_path / "events.jsonl"
    assert "1 done" in desk.dlq("replay", "--id", "event-1", "--to-file", str(out), "--yes")
    assert json.loads(out.read_text())["body"] == event(1)
    assert "2 done" in desk.dlq("replay", "--to-queue", desk.queues.urls["standard"], "--yes")
    copies = desk.queues.drain("standard")
    assert {message["Body"] for message in copies} == {event(0), event(2)}
    assert all(message["MessageAttributes"]["Turnout.Replay"]["StringValue"] for message in copies)
    assert desk.queues.count("events-dead") == 0


def interrupted(desk: Desk, by: signal.Signals = signal.SIGINT) -> tuple[str, str]:
    """The id of a plan that Ctrl-C stopped in the middle of 20 letters, and what was said."""
    desk.dead_letter(20)
    desk.again("high")
    command = [TURNOUT, "dlq", "retry", "--disposition", "needs-fix", "--yes", "--rate", "5"]
    process = subprocess.Popen(
        command,
        env=desk.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_until(lambda: desk.queues.count("high") >= 3, "the first letters")
        process.send_signal(by)
        said, _ = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == (-by if by is signal.SIGKILL else 128 + by), said
    plan, _, ledger = said.partition("\nPlan ")[2].partition(", in the ledger ")
    assert ledger.startswith(f"{desk.environment['TURNOUT_DLQ_LEDGER']}.\n")
    return plan, said


def test_ctrl_c_stops_between_letters_and_says_how_to_go_on(desk: Desk) -> None:
    plan, said = interrupted(desk)
    assert "Stopping when the letters under way are done" in said
    done = desk.queues.count("high")
    assert 3 <= done < 20
    assert f"{20 - done} letters of this plan left. To go on: turnout dlq retry --resume retry-" in said
    assert f"{20 - done} done" in desk.dlq("retry", "--resume", plan, "--yes")
    assert desk.queues.event_ids("high") == each_once(20)
    assert "Nothing to do" in desk.dlq("retry", "--resume", plan, "--yes")
    assert f"To go on: turnout dlq retry --resume {plan} --rate 5\n" in said
    unknown = desk.dlq("retry", "--resume", "retry-nonsense", "--yes", code=1)
    assert f"the ledger {desk.environment['TURNOUT_DLQ_LEDGER']} has no plan retry-nonsense" in unknown
    assert "give the ledger of the run that made it" in unknown
    assert "is no plan of turnout dlq replay" in desk.dlq("replay", "--resume", plan, "--yes", code=2)


def test_a_killed_run_has_said_its_plan_and_what_it_holds_is_told_of(desk: Desk) -> None:
    plan, _ = interrupted(desk, signal.SIGKILL)
    held = 20 - desk.queues.count("high")
    told = "more cannot be seen now: somebody has received them"
    assert told in desk.dlq("show", "event-19", code=1)
    assert told in desk.dlq("work", "--dry-run")
    assert told in desk.dlq("work", "--once", code=1)
    assert told in desk.dlq("retry", "--disposition", "needs-fix", "--dry-run")
    fresh = desk.dlq("retry", "--disposition", "needs-fix", "--yes", code=1)
    assert told in fresh
    assert "Nothing to do." in fresh, "which is no success: they are there"
    assert f"not there: {held:,} letters of the plan" in desk.dlq("retry", "--resume", plan, "--yes", code=1)


def test_a_plan_whose_rest_somebody_else_has_done_is_finished(desk: Desk) -> None:
    plan, _ = interrupted(desk)
    left = 20 - desk.queues.count("high")
    assert f"{left} done" in desk.dlq("retry", "--disposition", "needs-fix", "--yes")
    said = desk.dlq("retry", "--resume", plan, "--yes")
    assert f"already done: {left}: they are in" in said
    assert "left. To go on" not in said
    assert said.endswith("Nothing was left of this plan: it is finished.\n")
    assert "Nothing to do" in desk.dlq("retry", "--resume", plan, "--yes")
    assert desk.queues.event_ids("high") == each_once(20)


def at_a_terminal(environment: dict[str, str], answer: str, *arguments: str) -> tuple[int, str]:
    """The exit code of `turnout dlq`, and what it shows to an operator who gives this answer to its question."""
    child, terminal = pty.fork()
    if child == 0:
        os.execve(TURNOUT, [TURNOUT, "dlq", *arguments], environment)
    shown, answered = "", False
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if not select.select([terminal], [], [], 1)[0]:
                continue
            try:
                shown += os.read(terminal, 4096).decode(errors="replace")
            except OSError:  # the other end is closed
                break
            if "[y/N]" in shown and not answered:
                answered = True
                os.write(terminal, answer.encode())
        else:
            os.kill(child, signal.SIGKILL)
    finally:
        os.close(terminal)
        _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), shown


def test_letters_that_were_left_alone_are_no_success(desk: Desk) -> None:
    desk.dead_letter()
    command = ("retry", "--disposition", "needs-fix", "--to-target", "nosuch")
    assert "left alone: 6: " in desk.dlq(*command, "--yes", code=1)
    assert "left alone: 6: " in desk.dlq(*command, "--dry-run")


@pytest.mark.parametrize(("answer", "exit_code"), [("n\n", 1), ("\n", 1), ("\x03", 130)], ids=["no", "enter", "ctrl-c"])
def test_without_a_yes_nothing_is_changed(desk: Desk, answer: str, exit_code: int) -> None:
    desk.queues.publish([event(1)])
    command = ("replay", "--queue", desk.queues.urls["events"], "--to-queue", desk.queues.urls["high"])
    code, shown = at_a_terminal(desk.environment, answer, *command)
    assert code == exit_code, shown
    assert "Nothing was changed." in shown
    assert (desk.queues.count("events"), desk.queues.count("high")) == (1, 0)


def test_a_yes_is_enough_and_the_work_is_seen_to_grow(desk: Desk) -> None:
    desk.queues.publish([event(1)])
    command = ("replay", "--queue", desk.queues.urls["events"], "--to-queue", desk.queues.urls["high"])
    code, shown = at_a_terminal(desk.environment, "y\n", *command)
    assert code == 0, shown
    assert "1/1" in shown
    assert "1 done." in shown
    assert (desk.queues.count("events"), desk.queues.count("high")) == (0, 1)


def test_a_dry_run_leaves_no_trace(desk: Desk) -> None:
    desk.queues.publish([event(1)])
    said = desk.dlq("replay", "--queue", desk.queues.urls["events"], "--to-file", "/nowhere", "--dry-run")
    assert "dry run" in said
    assert not Path(desk.environment["TURNOUT_DLQ_LEDGER"]).exists()


@pytest.fixture
def genesys() -> Iterator[Stub]:
    stub = Stub()
    with running_genesys(stub):
        yield stub


def test_failed_events_of_an_api_are_listed_and_replayed_by_it_once(desk: Desk, genesys: Stub) -> None:
    desk.environment |= {
        "TURNOUT_GENESYS_PROFILE": "tutorial",
        "TURNOUT_GENESYS_API_URL": genesys.url,
        "TURNOUT_GENESYS_LOGIN_URL": genesys.url,
        "TURNOUT_GENESYS_CLIENT_ID": CLIENT_ID,
        "TURNOUT_GENESYS_CLIENT_SECRET": CLIENT_SECRET,
        "TURNOUT_GENESYS_REPLAY_SPACING_SECONDS": "0.1",
    }
    genesys.failed_events["sub-1"] = [
        {
            "id": f"fe-{number}",
            "eventType": "v2.x",
            "failureCode": "503" if number % 2 else "SCHEMA_INVALID",
            "failureReason": "Service Unavailable" if number % 2 else "field missing",
            "payload": event(number),
        }
        for number in range(250)
    ]
    place = ("--failed-events", "sub-1")
    assert len(desk.letters(*place, "--disposition", "transient")) == 125
    assert "125 done" in desk.dlq("replay", *place, "--to-api", "sub-1", "--disposition", "transient", "--yes")
    assert [len(batch) for batch in genesys.replayed] == [100, 25]
    assert "already done: 125" in desk.dlq("replay", *place, "--to-api", "sub-1", "--disposition", "transient", "--yes")
    assert len(genesys.replayed) == 2
    # The API lists an event that failed once more after its replay.
    assert "1 done" in desk.dlq("replay", *place, "--to-api", "sub-1", "--id", "fe-3", "--again", "--yes")
    assert genesys.replayed[2:] == [["fe-3"]]


def test_conversations_are_told_of_their_letters_when_the_settings_want_that(desk: Desk, genesys: Stub) -> None:
    desk.dead_letter(2)
    desk.again("high")
    desk.environment |= {
        "TURNOUT_GENESYS_PROFILE": "tutorial",
        "TURNOUT_GENESYS_API_URL": genesys.url,
        "TURNOUT_GENESYS_LOGIN_URL": genesys.url,
        "TURNOUT_GENESYS_CLIENT_ID": CLIENT_ID,
        "TURNOUT_GENESYS_CLIENT_SECRET": CLIENT_SECRET,
        "TURNOUT_GENESYS_WRITE_BACK": "interaction",
    }
    genesys.interactions = {f"c-{number}": {"id": f"c-{number}"} for number in range(2)}
    assert "2 done" in desk.dlq("retry", "--disposition", "needs-fix", "--yes")
    told = [one.body["attributes"]["system"] for one in genesys.seen if one.method == "PATCH"]
    assert Counter(each["retryStatus"] for each in told) == {"retrying": 2, "replay_successful": 2}
    assert {each["retryAttempt"] for each in told} == {1}


def test_wrong_usage_is_told_in_a_sentence(desk: Desk, tmp_path: Path) -> None:
    redacted = tmp_path / "redacted.jsonl"
    desk.dlq("export", str(redacted))
    for arguments, says in (
        (("retry", "--file", str(redacted), "--yes"), "export with --whole"),
        (("archive", "--file", str(redacted), "--bucket", "any", "--yes"), "export with --whole"),
        (("retry", "--to-target", "a", "--to-url", "http://b"), "give one of the options --to-"),
        (("list", "--queue", "x", "--file", "y"), "give one of --queue"),
        (("retry", "--rate", "0", "--yes"), "--rate: must be"),
        (("retry", "--where", "detail.x = 1"), "--where: character 10"),
        (("archive", "--restore", "dlq/", "--file", "x"), "--restore reads the archive"),
        (("retry", "--instead", "nonsense"), "an ARN, an equals sign and a URL"),
        (("export", str(redacted)), "exists"),
    ):
        assert says in desk.dlq(*arguments, code=2), arguments
    assert "Nothing to do" in desk.dlq("retry", "--yes")
