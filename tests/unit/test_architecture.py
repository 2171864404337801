"""The shape of the code, held by reading its imports: one-way layers, foreign libraries behind one door each."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "turnout"

LAYERS = (
    ("errors",),
    ("failures", "items", "json_text", "queues", "urls", "words"),
    ("message", "wrong_settings"),
    ("account",),
    ("rules", "sqs", "telemetry"),
    ("letter", "targets", "idempotency", "settings"),
    ("pipeline", "recovery", "genesys"),
    ("dlq",),
    ("variables", "roles"),
    ("service", "doctor", "provision"),
    ("app", "recovering"),
    ("fleet", "serverless"),
    ("demo",),
    ("cli",),
    ("__main__",),
)

LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}

# The rooms of turnout.rules, each with those it may use besides what they share.
ROOMS = {
    "condition": (),
    "expression": ("condition",),
    "pattern": ("condition",),
    "engine": ("condition",),
    "files": ("condition", "expression", "pattern"),
    "lint": ("condition", "engine", "files", "pattern"),
    "explain": ("condition",),
    "trials": ("condition", "files", "explain"),
}

# Who alone may import what: the library, then the modules (by prefix) behind which it lives.
DOORS = {
    "aioboto3": (
        "sqs",
        "idempotency.dynamodb",
        "recovery.ledger.dynamodb",
        "recovery.archive.s3",
        "targets.aws",
        "provision.create",
        "demo",
    ),
    "aiobotocore": ("sqs", "idempotency.dynamodb", "recovery.ledger.dynamodb", "recovery.archive.s3", "targets.aws"),
    "botocore": (
        "sqs",
        "idempotency.dynamodb",
        "recovery.ledger.dynamodb",
        "recovery.archive.s3",
        "targets.aws",
        "doctor.asking.answers",
        "provision.create",
        "demo",
    ),
    # What parsers say of answers that are not AWS's: sqs.foreign_answers has that for everybody, targets read more.
    "botocore.parsers": ("sqs", "targets.aws"),
    "opentelemetry.sdk": ("telemetry.setup",),
    "opentelemetry.exporter": ("telemetry.setup",),
    "jsonpath_ng": ("rules",),
    "yaml": ("rules",),
    "re2": ("rules", "recovery.causes"),
    "sqlite3": ("recovery.ledger.sqlite",),
    "click": ("cli",),
    "pydantic": ("settings",),
    "pydantic_settings": ("settings",),
}


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        yield ".".join(part for part in parts if part != "__init__"), path


MODULES = dict(modules())


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            assert node.module is not None
            yield node.module
            if node.module == "turnout":
                yield from (f"turnout.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("module", [name for name in MODULES if name])
def test_imports_go_one_way(module: str) -> None:
    package = module.partition(".")[0]
    for imported in imports(MODULES[module]):
        if not imported.startswith("turnout."):
            continue
        other = imported.split(".")[1]
        if other == package or other not in LEVEL:
            continue
        assert LEVEL[other] < LEVEL[package], f"turnout.{module} imports {imported}, which is not below it"


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for module, path in MODULES.items():
        graph[module] = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith("turnout."):
                package = f"{node.module}.".removeprefix("turnout.")
                # A name is a module of that package, or something in the package's own file.
                graph[module] |= {f"{package}{name.name}" for name in node.names} & MODULES.keys() or {package[:-1]}
    tuple(TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("rules.")])
def test_a_room_of_the_rules_uses_those_below_it(module: str) -> None:
    room = module.split(".")[1]
    for imported in imports(MODULES[module]):
        other = imported.removeprefix("turnout.rules.").partition(".")[0]
        if room in ROOMS and other in ROOMS and other != room:
            assert other in ROOMS[room], f"turnout.{module} imports {imported}, which is not below it"


@pytest.mark.parametrize("module", MODULES)
def test_foreign_libraries_stay_behind_their_doors(module: str) -> None:
    for imported in imports(MODULES[module]):
        for library, doors in DOORS.items():
            if imported == library or imported.startswith(library + "."):
                allowed = any(module == door or module.startswith(door + ".") for door in doors)
                assert allowed, f"turnout.{module} imports {imported}; that is for {', '.join(doors)}"


def test_rules_know_neither_aws_nor_telemetry() -> None:
    for module, path in MODULES.items():
        if module.partition(".")[0] == "rules":
            for imported in imports(path):
                assert not imported.startswith(("turnout.sqs", "turnout.telemetry", "opentelemetry", "aioboto3")), (
                    module
                )


@pytest.mark.parametrize("module", MODULES)
def test_every_module_says_what_lives_in_it(module: str) -> None:
    docstring = ast.get_docstring(ast.parse(MODULES[module].read_text()))
    assert docstring, f"{MODULES[module]} has no docstring"


def test_no_module_is_a_drawer_for_odds_and_ends() -> None:
    for module in MODULES:
        assert not set(module.split(".")) & {"util", "utils", "helper", "helpers", "manager", "common", "misc"}, module


@pytest.mark.parametrize("module", MODULES)
def test_nothing_evaluates_text_as_python(module: str) -> None:
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if module == "rules.engine.source" and node.func.id == "exec":
                continue  # the one door: text made from our own templates, held free of operator text by its tests
            assert node.func.id not in ("eval", "exec", "__import__"), f"turnout.{module} line {node.lineno}"
