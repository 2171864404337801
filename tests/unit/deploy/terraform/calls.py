"""Which actions of IAM the code needs, found in its source: every AWS operation that a component can reach.

A component is what one entry point imports, directly or not. In the modules that speak to AWS, every name that is an
operation of their service counts as called. SQS is spoken to through `turnout.sqs.api.Sqs`, so for SQS the calls of
that interface count; of the ledger's table what the called methods of the ledger come to.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import botocore
import botocore.session
from tests.unit.test_architecture import MODULES

SOURCE = Path(__file__).parents[4] / "src" / "turnout"

LEDGER = "recovery.ledger.dynamodb"

SPEAKERS: dict[str, tuple[str, ...]] = {
    "idempotency.dynamodb": ("dynamodb",),
    "recovery.archive.s3": ("s3",),
    LEDGER: ("dynamodb",),
    "targets.aws": ("sns", "events", "stepfunctions", "lambda"),
    "sqs": (),
}
"""The modules (by prefix) that speak to AWS, and to which services. `sqs` is the interface's own implementation."""

_SQS = {
    "receive": "sqs:ReceiveMessage",
    "send": "sqs:SendMessage",
    "delete": "sqs:DeleteMessage",
    "change_visibility": "sqs:ChangeMessageVisibility",
    "queue_attributes": "sqs:GetQueueAttributes",
}

# Where the action is not simply service:Operation.
_PREFIXES = {"stepfunctions": "states"}
_ACTIONS = {
    "lambda:Invoke": {"lambda:InvokeFunction"},
    "sns:PublishBatch": {"sns:Publish"},
    "s3:HeadBucket": {"s3:ListBucket"},
    "s3:HeadObject": {"s3:GetObject"},
    "s3:ListObjectsV2": {"s3:ListBucket"},
}
_IN_TRANSACTIONS = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}


def module_path(module: str) -> Path:
    """The file of a module, named without `turnout.`."""
    base = SOURCE.joinpath(*module.split("."))
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


@cache
def tree(module: str) -> ast.Module:
    """The module's syntax."""
    return ast.parse(module_path(module).read_text())


@cache
def imported(module: str) -> frozenset[str]:
    """Modules of turnout that a module imports, at its top or within functions, not those for type checkers only."""
    skipped = {
        id(inner)
        for node in ast.walk(tree(module))
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    names: list[str] = []
    for node in ast.walk(tree(module)):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    ours = {name.removeprefix("turnout.") for name in names if name.startswith("turnout.")}
    return frozenset(name for name in ours if module_path(name).exists())


@cache
def reach(entry: str) -> frozenset[str]:
    """Everything that is imported with a module, itself included."""
    found: set[str] = set()
    waiting = [entry]
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += imported(module)
            waiting += [module.rpartition(".")[0]] if "." in module else []
    return frozenset(found)


def speaker(module: str) -> str | None:
    """The entry of `SPEAKERS` that a module belongs to."""
    return next((name for name in SPEAKERS if module == name or module.startswith(name + ".")), None)


@cache
def _operations(service: str) -> dict[str, str]:
    names = botocore.session.get_session().get_service_model(service).operation_names
    return {botocore.xform_name(name): name for name in names}


def _words(module: str) -> Iterator[str]:
    """Names of called methods, and all text that is not a docstring."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@cache
def own_actions(module: str) -> frozenset[str]:
    """The actions of a module that speaks to AWS itself."""
    name = speaker(module)
    found: set[str] = set()
    words = set(_words(module))
    for service in SPEAKERS[name] if name else ():
        for method, operation in _operations(service).items():
            if method in words:
                action = f"{_PREFIXES.get(service, service)}:{operation}"
                if operation == "TransactWriteItems":
                    package = [each for each in reach(str(name)) if speaker(each) == name]
                    used = {word for each in package for word in _words(each)} & _IN_TRANSACTIONS.keys()
                    found |= {f"dynamodb:{_IN_TRANSACTIONS[word]}" for word in used}
                else:
                    found |= _ACTIONS.get(action, {action})
    return frozenset(found)


@cache
def _called_on(thing: str, module: str) -> frozenset[str]:
    """Methods called on something that is called so, as in `sqs`, `self._sqs` or `(await services.sqs())`."""
    found = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            on = ast.unparse(node.func.value).removeprefix("(await ").rpartition(".")[2].rstrip("()")
            if on.lstrip("_") == thing:
                found.add(node.func.attr)
    return frozenset(found)


def sqs_actions(module: str) -> set[str]:
    """The actions of calls on SQS."""
    return {_SQS[method] for method in _called_on("sqs", module) & _SQS.keys()}


@cache
def by_ledger_method() -> dict[str, set[str]]:
    """The actions of each method of the ledger in DynamoDB, by way of its other methods and of its table."""
    operations = _operations("dynamodb")
    uses: dict[str, set[str]] = {}
    for module, own in ((f"{LEDGER}.ledger", "ledger."), (f"{LEDGER}.table", "table.")):
        prefixes = {"self": own, "self._table": "table.", "self._client": ""}
        for method in ast.walk(tree(module)):
            if isinstance(method, ast.AsyncFunctionDef):
                named = [each for each in ast.walk(method) if isinstance(each, ast.Attribute)]
                used = [(prefixes.get(ast.unparse(each.value)), each.attr) for each in named]
                uses[own + method.name] = {prefix + name for prefix, name in used if prefix is not None}
    found: dict[str, set[str]] = {}
    for name in uses:
        reached = {name}
        while further := {each for user in reached for each in uses.get(user, ())} - reached:
            reached |= further
        called = {f"dynamodb:{operations[each]}" for each in reached & operations.keys()}
        if "dynamodb:TransactWriteItems" in called:
            called = called - {"dynamodb:TransactWriteItems"} | {"dynamodb:PutItem", "dynamodb:UpdateItem"}
        if name.startswith("ledger."):
            found[name.removeprefix("ledger.")] = called
    return found


def ledger_actions(module: str) -> set[str]:
    """The actions of calls on the ledger, were it in DynamoDB."""
    return set().union(*(by_ledger_method().get(method, ()) for method in _called_on("ledger", module)))


def actions(*entries: str) -> set[str]:
    """Every action that these modules, the modules in them, and what they import can need."""
    found: set[str] = set()
    for entry in entries:
        within = [each for each in MODULES if each == entry or each.startswith(entry + ".")]
        for module in frozenset[str]().union(*map(reach, within)):
            if speaker(module) != LEDGER:
                found |= own_actions(module) | ledger_actions(module)
            if speaker(module) != "sqs":
                found |= sqs_actions(module)
    return found
