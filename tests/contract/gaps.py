"""What the servers are known to do differently from SQS, by test, each with its reason."""

from __future__ import annotations

# server -> test function -> reason
GAPS: dict[str, dict[str, str]] = {
    "ministack": {
        "test_a_message_of_one_mebibyte_is_accepted": "has the old limit of 256 KiB",
        "test_a_message_may_have_ten_attributes_and_not_eleven": "accepts any number of attributes",
        "test_the_trace_header_travels_as_a_system_attribute": "forgets AWSTraceHeader",
        "test_deleting_twice_succeeds": "the handle of a deleted message is an error",
        "test_a_visibility_timeout_above_twelve_hours_is_refused": "accepts any visibility timeout",
        "test_a_delay_above_a_quarter_of_an_hour_is_refused": "accepts any delay",
        "test_a_redriven_message_names_the_queue_it_came_from": "has no DeadLetterQueueSourceArn",
        "test_a_fifo_queue_refuses_a_message_without_a_group": "accepts a FIFO message without a group",
    },
    "moto": {
        "test_a_message_may_have_ten_attributes_and_not_eleven": "accepts any number of attributes",
        "test_the_trace_header_travels_as_a_system_attribute": "forgets AWSTraceHeader",
        "test_a_forbidden_character_is_refused": "accepts every character",
        "test_only_the_bad_entry_of_a_batch_fails": "refuses the whole batch for one oversized entry",
        "test_a_redriven_message_names_the_queue_it_came_from": "has no DeadLetterQueueSourceArn",
        "test_fifo_sequence_numbers_grow": "makes sequence numbers at random",
    },
    "roto": {
        "test_a_message_may_have_ten_attributes_and_not_eleven": "accepts any number of attributes",
        "test_a_group_id_travels_on_a_standard_queue": "knows no groups on standard queues",
        "test_a_message_of_one_mebibyte_is_accepted": "has the old limit of 256 KiB",
        "test_a_forbidden_character_is_refused": "accepts every character",
        "test_only_the_bad_entry_of_a_batch_fails": "refuses the whole batch for one oversized entry",
        "test_a_redriven_message_names_the_queue_it_came_from": "has no DeadLetterQueueSourceArn",
    },
}

# The same, where the difference shows on some runs only.
RACES: dict[str, dict[str, str]] = {
    "moto": {
        "test_concurrent_receivers_get_different_messages": "hands a message to two receivers when its threads collide",
    },
}


def gap(server: str, test: str) -> str | None:
    """Why `test` is expected to fail on this server, or None."""
    return GAPS.get(server, {}).get(test)


def race(server: str, test: str) -> str | None:
    """Why `test` may fail on this server, or None."""
    return RACES.get(server, {}).get(test)
