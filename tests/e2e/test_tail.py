"""`turnout tail` at a running worker, and how it ends."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.e2e.turnout import Queues, running, running_command, wait_until


def test_ctrl_c_ends_it_quietly_while_it_waits_for_the_next_message(queues: Queues, rules: Path) -> None:
    environment = queues.environment()
    with running(environment, "--rules", str(rules), "--http-port", "0") as worker:
        worker.wait_for_log("at http://")
        found = re.search(r"at (http://127\.0\.0\.1:\d+)", worker.log)
        assert found is not None, worker.log
        with running_command(environment, "tail", found[1]) as tail:

            def shown() -> bool:
                # What is settled before it listens it does not see, so there is another one each time.
                queues.publish([json.dumps({"id": "seen", "detail": {"priority": "rest"}})])
                queues.wait_until_empty()
                return "seen" in tail.log or not tail.running

            wait_until(shown, "a message to be shown")
            assert tail.running, tail.log
            tail.ctrl_c()
            assert tail.wait(10) == 0
            assert "Traceback" not in tail.log
            assert "Aborted" not in tail.log
            assert all(" delivered " in line for line in tail.log.splitlines()), tail.log
        assert worker.running, "who watches does not stop it"
