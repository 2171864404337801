"""The calls of SQS that the stub knows, from JSON to JSON. Receiving, which may have to wait, ends in `server`.

Records are AWS's request shapes (service model 2012-11-05). What a call does not need is not read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from tests.benchmarks.stub.queues import AttributeValue, Queue, attributes_md5

__all__ = ["CALLS", "BadCall", "Queues", "ReceiveRequest"]

MAX_ENTRIES = 10
MAX_BATCH_BYTES = 1_048_576


class BadCall(Exception):
    """A call that SQS would refuse: the JSON and the query protocol's name for the reason, and a sentence."""

    def __init__(self, shape: str, query_code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.shape = shape
        self.query_code = query_code


class _QueueRequest(msgspec.Struct, rename="pascal"):
    queue_url: str = ""


class _NameRequest(msgspec.Struct, rename="pascal"):
    queue_name: str


class ReceiveRequest(_QueueRequest, rename="pascal"):
    """ReceiveMessageRequest."""

    max_number_of_messages: int = 1
    wait_time_seconds: int = 0
    attribute_names: list[str] = []
    message_system_attribute_names: list[str] = []
    message_attribute_names: list[str] = []


class _SendEntry(msgspec.Struct, rename="pascal"):
    message_body: str
    id: str = ""
    message_attributes: dict[str, AttributeValue] = {}
    message_system_attributes: dict[str, AttributeValue] = {}


class _SendRequest(_SendEntry, rename="pascal"):
    queue_url: str = ""


class _SendBatchRequest(_QueueRequest, rename="pascal"):
    entries: list[_SendEntry] = []


class _HandleEntry(msgspec.Struct, rename="pascal"):
    receipt_handle: str
    id: str = ""
    visibility_timeout: int = 0


class _HandleRequest(_HandleEntry, rename="pascal"):
    queue_url: str = ""


class _HandleBatchRequest(_QueueRequest, rename="pascal"):
    entries: list[_HandleEntry] = []


class Queues(dict[str, Queue]):
    """All queues by name. `origin` is what their URLs begin with."""

    origin = ""

    def at(self, url: str) -> Queue:
        """The queue of this URL; only the path counts, so that one queue is reached by HTTP and by HTTPS."""
        queue = self.get(url.rpartition("/")[2])
        if queue is None:
            raise BadCall(
                "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist."
            )
        return queue

    def open(self, name: str, *, sink: bool = False) -> Queue:
        """The queue of this name, made now if there is none."""
        if name not in self:
            self[name] = Queue(name, sink=sink)
        return self[name]

    def url(self, name: str) -> str:
        """The queue's URL."""
        return f"{self.origin}/000000000000/{name}"


def _create(queues: Queues, request: bytes) -> bytes:
    name = msgspec.json.decode(request, type=_NameRequest).queue_name
    queues.open(name)
    return msgspec.json.encode({"QueueUrl": queues.url(name)})


def _get_url(queues: Queues, request: bytes) -> bytes:
    name = queues.at(msgspec.json.decode(request, type=_NameRequest).queue_name).name
    return msgspec.json.encode({"QueueUrl": queues.url(name)})


def _get_attributes(queues: Queues, request: bytes) -> bytes:
    queue = queues.at(msgspec.json.decode(request, type=_QueueRequest).queue_url)
    attributes = {
        "QueueArn": f"arn:aws:sqs:us-east-1:000000000000:{queue.name}",
        "ApproximateNumberOfMessages": str(queue.sent if queue.sink else len(queue)),
        "ApproximateNumberOfMessagesNotVisible": str(queue.held),
        "ApproximateNumberOfMessagesDelayed": "0",
        "VisibilityTimeout": "43200",
    }
    return msgspec.json.encode({"Attributes": attributes})


def _purge(queues: Queues, request: bytes) -> bytes:
    queues.at(msgspec.json.decode(request, type=_QueueRequest).queue_url).clear()
    return b"{}"


_send_decoder = msgspec.json.Decoder(_SendRequest)
_send_batch_decoder = msgspec.json.Decoder(_SendBatchRequest)
_handle_decoder = msgspec.json.Decoder(_HandleRequest)
_handle_batch_decoder = msgspec.json.Decoder(_HandleBatchRequest)


def _send(queues: Queues, request: bytes) -> bytes:
    entry = _send_decoder.decode(request)
    queue = queues.at(entry.queue_url)
    message_id, md5, extra = _put(queue, entry)
    queue.sends += 1
    queue.arrived()
    return f'{{"MessageId":"{message_id}","MD5OfMessageBody":"{md5}"{extra}}}'.encode()


def _send_batch(queues: Queues, request: bytes) -> bytes:
    batch = _send_batch_decoder.decode(request)
    queue = queues.at(batch.queue_url)
    _check(batch.entries)
    # The JSON around the bodies is a few hundred bytes: near enough to the limit, and nothing has to be measured.
    if len(request) > MAX_BATCH_BYTES + 4_096:
        raise BadCall("BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong", "The batch is too long.")
    done = []
    for entry in batch.entries:
        message_id, md5, extra = _put(queue, entry)
        done.append(f'{{"Id":"{entry.id}","MessageId":"{message_id}","MD5OfMessageBody":"{md5}"{extra}}}')
    queue.sends += 1
    queue.arrived()
    return f'{{"Successful":[{",".join(done)}]}}'.encode()


def _put(queue: Queue, entry: _SendEntry) -> tuple[str, str, str]:
    trace = entry.message_system_attributes.get("AWSTraceHeader")
    header = (trace.string_value or "") if trace else ""
    message_id, md5 = queue.put(entry.message_body, entry.message_attributes, header)
    extra = ""
    if entry.message_attributes:
        extra += f',"MD5OfMessageAttributes":"{attributes_md5(entry.message_attributes)}"'
    if trace:
        extra += f',"MD5OfMessageSystemAttributes":"{attributes_md5({"AWSTraceHeader": trace})}"'
    return message_id, md5, extra


def _delete(queues: Queues, request: bytes) -> bytes:
    entry = _handle_decoder.decode(request)
    queue = queues.at(entry.queue_url)
    if not queue.delete(entry.receipt_handle):
        raise BadCall("ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", "The receipt handle is not valid.")
    queue.deletes += 1
    queue.settled()
    return b"{}"


def _delete_batch(queues: Queues, request: bytes) -> bytes:
    batch = _handle_batch_decoder.decode(request)
    queue = queues.at(batch.queue_url)
    answer = _each(batch.entries, lambda entry: queue.delete(entry.receipt_handle), "ReceiptHandleIsInvalid")
    queue.deletes += 1
    queue.settled()
    return answer


def _change(queues: Queues, request: bytes) -> bytes:
    entry = _handle_decoder.decode(request)
    if not _hide_or_show(queues.at(entry.queue_url), entry):
        raise BadCall("MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight", "The message is not held.")
    return b"{}"


def _change_batch(queues: Queues, request: bytes) -> bytes:
    batch = _handle_batch_decoder.decode(request)
    queue = queues.at(batch.queue_url)
    return _each(batch.entries, lambda entry: _hide_or_show(queue, entry), "MessageNotInflight")


def _hide_or_show(queue: Queue, entry: _HandleEntry) -> bool:
    return queue.holds(entry.receipt_handle) if entry.visibility_timeout else queue.show(entry.receipt_handle)


def _each(entries: list[_HandleEntry], do: Callable[[_HandleEntry], bool], code: str) -> bytes:
    _check(entries)
    done, failed = [], []
    for entry in entries:
        if do(entry):
            done.append(f'{{"Id":"{entry.id}"}}')
        else:
            failed.append(f'{{"Id":"{entry.id}","Code":"{code}","Message":"{code}","SenderFault":true}}')
    return f'{{"Successful":[{",".join(done)}],"Failed":[{",".join(failed)}]}}'.encode()


def _check(entries: list[_SendEntry] | list[_HandleEntry]) -> None:
    prefix = "AWS.SimpleQueueService."
    if not entries:
        raise BadCall("EmptyBatchRequest", f"{prefix}EmptyBatchRequest", "There are no entries in the request.")
    if len(entries) > MAX_ENTRIES:
        raise BadCall("TooManyEntriesInBatchRequest", f"{prefix}TooManyEntriesInBatchRequest", "More than 10 entries.")
    if len({entry.id for entry in entries}) < len(entries):
        raise BadCall("BatchEntryIdsNotDistinct", f"{prefix}BatchEntryIdsNotDistinct", "Two entries have one id.")


CALLS: Mapping[str, Callable[[Queues, bytes], bytes]] = {
    "CreateQueue": _create,
    "GetQueueUrl": _get_url,
    "GetQueueAttributes": _get_attributes,
    "PurgeQueue": _purge,
    "SendMessage": _send,
    "SendMessageBatch": _send_batch,
    "DeleteMessage": _delete,
    "DeleteMessageBatch": _delete_batch,
    "ChangeMessageVisibility": _change,
    "ChangeMessageVisibilityBatch": _change_batch,
}
"""Everything but ReceiveMessage. Each takes the request's JSON and gives the answer's, or raises `BadCall`."""
