"""What the servers are said to do differently is said of tests and servers that there are."""

from __future__ import annotations

import pytest
from tests.contract import test_sqs_calls, test_sqs_queues
from tests.contract.benches import BENCHES
from tests.contract.gaps import GAPS, RACES


@pytest.mark.parametrize("said", [GAPS, RACES], ids=["gaps", "races"])
def test_every_difference_is_one_of_a_server_and_of_a_test_that_there_are(said: dict[str, dict[str, str]]) -> None:
    assert said.keys() <= {server for _, server in BENCHES.values()}
    named = {test for tests in said.values() for test in tests}
    assert named <= vars(test_sqs_calls).keys() | vars(test_sqs_queues).keys()


def test_no_test_is_said_to_fail_always_and_only_sometimes_on_one_server() -> None:
    assert not [(server, test) for server, tests in RACES.items() for test in tests if test in GAPS.get(server, {})]
