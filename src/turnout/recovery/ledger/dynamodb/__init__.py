"""The ledger of many workers: one DynamoDB table, with the string keys `pk` and `sk` and TTL on `expires`.

    pk              sk               what
    letter#<id>     record           the record, its version, and who holds the letter until when
    letter#<id>     entry#<identity> one entry of its history
    plan#<id>       plan             the plan; while its items are being `writing`, it only takes the name
    plan#<id>       item#<letter>    one item of it

The global secondary index `shelves` (string `shelf`, number `changed`; all attributes) finds the records of a queue
(`queue#<name>`) and all plans (`plans`). An entry, the record and the item change in one transaction that holds only if
nobody else has changed the record, so that two workers never overwrite each other.
"""

from turnout.recovery.ledger.dynamodb.ledger import DynamoLedger, open_dynamo_ledger
from turnout.recovery.ledger.dynamodb.table import INDEX

__all__ = ["INDEX", "DynamoLedger", "open_dynamo_ledger"]
