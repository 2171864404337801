"""Amazon SQS as Turnout uses it: one small interface and its implementations. No rules, deliveries or accounts here.

api          the interface, and the records it passes
clients      the clients of the real service, by name
aio          the reference client, over aioboto3
wire         the fast client, which speaks the protocol itself
memory       the queue in memory, for tests, shipped; memory_queue is the life of its messages
answers      what SQS's answers mean, for both clients of the real service
codes        what SQS's error codes mean
limits       what SQS refuses, judged locally
batching     cutting batches by count and by bytes
peek         looking at messages without consuming them
deadline     the bound of one call
digests      MD5 of bodies and attributes
session      aioboto3: sessions, endpoints, credentials, foreign errors
foreign_answers  answers that are not AWS's
credentials  keeping credentials fresh
place        region and endpoint of a queue, by its URL
aws_settings AWS's own settings that no worker can start with
"""
