"""Rules on disk change in every way that editors, mounts and mistakes change them."""

import asyncio
import logging
import os
import shutil
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest

from turnout.errors import Fault, TargetError
from turnout.rules import Ruleset
from turnout.rules.files.signature import signature
from turnout.rules.reload import load_ready_rules, refusal
from turnout.service.reloader import Reloader
from turnout.telemetry.logs import Repeats

RULES = """
targets: {{a: {{queue: a}}}}
unmatched: drop
rules:
  - {{id: {name}, when: detail.x == 1, send: [a], examples: [{{event: {{detail: {{x: {example}}}}}, match: true}}]}}
"""


def rules(name: str, example: int = 1) -> str:
    return RULES.format(name=name, example=example)


class Watched:
    """A reloader at work on a path, and the rules it last put to use."""

    def __init__(self, path: Path, *, look_seconds: float = 0.05, settle_seconds: float = 0.1) -> None:
        self.active: Ruleset = load_ready_rules(path)
        self._change = asyncio.Event()
        self.reloader = Reloader(
            path,
            load=lambda: load_ready_rules(path),
            use=self._use,
            active=self.active.fingerprint,
            seen=signature(path),
            look_seconds=look_seconds,
            settle_seconds=settle_seconds,
        )

    def _use(self, ruleset: Ruleset) -> None:
        self.active = ruleset
        self._change.set()

    @property
    def names(self) -> list[str]:
        return [rule.id for rule in self.active.rules]

    async def change(self) -> None:
        """Wait until other rules are used."""
        await self._change.wait()
        self._change.clear()

    async def attempt(self, number: int) -> None:
        """Wait until there have been so many attempts and the last one is over."""
        while self.reloader.attempts < number or self.reloader.success:
            await asyncio.sleep(0.005)


def watch(
    path: Path,
    scenario: Callable[[Watched], Awaitable[None]],
    *,
    look_seconds: float = 0.05,
    settle_seconds: float = 0.1,
) -> None:
    async def main() -> None:
        watched = Watched(path, look_seconds=look_seconds, settle_seconds=settle_seconds)
        task = asyncio.create_task(watched.reloader.run())
        try:
            async with asyncio.timeout(20):
                await scenario(watched)
        finally:
            task.cancel()
            await asyncio.wait([task])

    asyncio.run(main())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "rules"
    path.mkdir()
    (path / "rules.yaml").write_text(rules("one"))
    return path


def test_a_changed_file_takes_effect(folder: Path) -> None:
    async def scenario(watched: Watched) -> None:
        (folder / "rules.yaml").write_text(rules("two"))
        await watched.change()
        assert watched.names == ["two"]
        assert watched.reloader.fingerprint == watched.active.fingerprint

    watch(folder, scenario)


def test_a_change_is_noticed_at_once_by_inotify_without_waiting_for_the_next_look(folder: Path) -> None:
    async def scenario(watched: Watched) -> None:
        change = asyncio.create_task(watched.change())
        while not change.done():  # the watch is set up by a thread of the library, which tells nobody
            (folder / "rules.yaml").write_text(rules("two"))
            await asyncio.wait({change}, timeout=1)
        assert watched.names == ["two"]

    watch(folder, scenario, look_seconds=3600)


def test_a_file_that_is_written_piece_by_piece_is_read_when_it_is_whole(folder: Path) -> None:
    async def scenario(watched: Watched) -> None:
        whole = rules("two") + "".join(rules(f"more-{n}").partition("rules:\n")[2] for n in range(10))
        with (folder / "rules.yaml").open("w") as file:
            for line in whole.splitlines(keepends=True):
                file.write(line)
                file.flush()  # from the fourth line on, what is there are sound rules
                await asyncio.sleep(0.02)
        await watched.change()
        assert watched.names == ["two", *(f"more-{n}" for n in range(10))]

    watch(folder, scenario, settle_seconds=1.0)


def test_a_new_file_and_a_removed_file_count(folder: Path) -> None:
    async def scenario(watched: Watched) -> None:
        extra = rules("two").partition("rules:")[2]
        (folder / "more.yaml").write_text(f"rules:{extra}")
        await watched.change()
        assert watched.names == ["two", "one"]
        (folder / "more.yaml").unlink()
        await watched.change()
        assert watched.names == ["one"]

    watch(folder, scenario)


@pytest.mark.parametrize(
    "broken",
    ["rules: [", rules("two", example=2), rules("two").replace("detail.x ==", "detail.x ="), "", "\0"],
    ids=["not YAML", "failing example", "wrong expression", "empty", "binary"],
)
def test_a_broken_file_leaves_the_old_rules_and_the_repaired_one_takes_effect(folder: Path, broken: str) -> None:
    async def scenario(watched: Watched) -> None:
        (folder / "rules.yaml").write_text(broken)
        await watched.attempt(1)
        assert watched.names == ["one"]
        assert not watched.reloader.success
        assert "rules.yaml" in watched.reloader.error
        (folder / "rules.yaml").write_text(rules("three"))
        await watched.change()
        assert watched.names == ["three"]
        assert (watched.reloader.success, watched.reloader.error) == (True, "")

    watch(folder, scenario)


def test_a_deleted_directory_leaves_the_old_rules_until_it_is_back(folder: Path) -> None:
    async def scenario(watched: Watched) -> None:
        shutil.rmtree(folder)
        await watched.attempt(1)
        assert watched.names == ["one"]
        folder.mkdir()
        (folder / "rules.yaml").write_text(rules("two"))
        await watched.change()
        assert watched.names == ["two"]

    watch(folder, scenario)


def test_a_configmap_is_swapped_by_its_link(tmp_path: Path) -> None:
    mount = tmp_path / "mount"

    def version(number: int, name: str) -> None:
        data = mount / f"..version-{number}"
        data.mkdir(parents=True)
        (data / "rules.yaml").write_text(rules(name))
        (mount / "..data_tmp").symlink_to(data.name)
        os.replace(mount / "..data_tmp", mount / "..data")

    version(1, "one")
    (mount / "rules.yaml").symlink_to("..data/rules.yaml")

    async def scenario(watched: Watched) -> None:
        version(2, "two")
        shutil.rmtree(mount / "..version-1")
        await watched.change()
        assert watched.names == ["two"]

    watch(mount, scenario)


def test_a_swapped_folder_counts_though_its_files_have_the_same_sizes_and_times(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rules.yaml").write_text(rules(name))
        os.utime(tmp_path / name / "rules.yaml", (1, 1))
    current = tmp_path / "current"
    current.symlink_to("one")

    async def scenario(watched: Watched) -> None:
        (tmp_path / "next").symlink_to("two")
        (tmp_path / "next").replace(current)
        await watched.change()
        assert watched.names == ["two"]

    watch(current, scenario)


def test_a_single_file_is_watched_through_replacement(tmp_path: Path) -> None:
    file = tmp_path / "only.yaml"
    file.write_text(rules("one"))

    async def scenario(watched: Watched) -> None:
        (tmp_path / "new").write_text(rules("two"))
        os.replace(tmp_path / "new", file)
        await watched.change()
        assert watched.names == ["two"]

    watch(file, scenario)


@pytest.mark.parametrize("half", [rules("half"), rules("half").replace("==", "=")], ids=["sound", "broken"])
def test_what_was_read_while_it_was_written_is_not_used_and_not_told_but_read_again(
    folder: Path, half: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = folder / "rules.yaml"
    moments = iter([half, rules("whole")])
    used: list[str] = []

    def load() -> Ruleset:
        file.write_text(next(moments, rules("whole")))
        try:
            return load_ready_rules(folder)
        finally:
            file.write_text(rules("whole"))

    async def main() -> None:
        done = asyncio.Event()

        def use(ruleset: Ruleset) -> None:
            used.extend(rule.id for rule in ruleset.rules)
            done.set()

        reloader = Reloader(folder, load=load, use=use, active="old", seen=signature(folder), settle_seconds=0.01)
        running = asyncio.create_task(reloader.run())
        reloader.ask()
        async with asyncio.timeout(20):
            await done.wait()
        running.cancel()
        assert (reloader.success, reloader.error) == (True, "")

    asyncio.run(main())
    assert used == ["whole"]
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


def test_a_file_beside_the_rules_that_changes_all_the_time_does_not_put_a_reload_off(folder: Path) -> None:
    def load() -> Ruleset:
        with (folder / "notes.txt").open("a") as notes:
            notes.write("read again")
        return load_ready_rules(folder)

    async def main() -> None:
        used: list[Ruleset] = []
        reloader = Reloader(folder, load=load, use=used.append, active="old", seen=signature(folder))
        assert [await reloader.reload(), await reloader.reload()] == [False, True]
        assert len(used) == 1

    asyncio.run(main())


def test_asking_reloads_and_unchanged_rules_are_not_swapped(folder: Path) -> None:
    async def scenario(watched: Watched) -> None:
        before = watched.active
        watched.reloader.ask()
        while not watched.reloader.attempts:
            await asyncio.sleep(0.005)
        assert await watched.reloader.reload()
        assert watched.active is before
        assert watched.reloader.success

    watch(folder, scenario, look_seconds=3600)


def test_a_bug_in_loading_keeps_the_old_rules(folder: Path) -> None:
    async def main() -> None:
        def load() -> Ruleset:
            raise ZeroDivisionError

        reloader = Reloader(folder, load=load, use=lambda _: None, active="x", seen=signature(folder))
        assert not await reloader.reload()
        assert not reloader.success

    asyncio.run(main())


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            TargetError("the certificate is gone", code="NoWay", fault=Fault.CONFIG, retryable=False),
            "NoWay: the certificate is gone",
        ),
        (ZeroDivisionError(), "an error of Turnout's own, see the log"),
    ],
    ids=["a target has no way", "a bug"],
)
def test_new_rules_that_cannot_be_put_to_work_leave_the_old_ones_until_the_next_attempt(
    folder: Path, error: Exception, told: str
) -> None:
    async def main() -> None:
        active = []
        errors = [error]

        def use(ruleset: Ruleset) -> None:
            if errors:
                raise errors.pop()
            active.append(ruleset)

        load = partial(load_ready_rules, folder)
        reloader = Reloader(folder, load=load, use=use, active="old", seen=signature(folder))
        assert not await reloader.reload()
        assert (reloader.success, reloader.error, reloader.fingerprint) == (False, told, "old")
        assert await reloader.reload()
        assert (reloader.success, reloader.error) == (True, "")
        assert [ruleset.fingerprint for ruleset in active] == [reloader.fingerprint]

    asyncio.run(main())


@pytest.mark.parametrize("broken", [2, 12])
def test_the_first_refusal_says_how_many_problems_there_are_and_what_shows_them(
    folder: Path, broken: int, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "rules.yaml").write_text(
        "targets: {a: {queue: a}}\nunmatched: drop\nrules:\n"
        + "".join(f"  - {{id: r{number}, when: detail.x = 1, send: [a]}}\n" for number in range(broken))
    )

    async def main() -> None:
        reloader = Reloader(
            folder, load=lambda: load_ready_rules(folder), use=lambda _: None, active="x", seen=signature(folder)
        )
        assert not await reloader.reload()

    asyncio.run(main())
    repeats = Repeats()
    *told, last = [record.getMessage() for record in caplog.records if repeats.filter(record)]
    assert len(told) == min(broken, 10)
    assert all("TR201" in line for line in told)
    assert last == (
        f"rules not reloaded, the old ones stay active: {broken} problems in all, "
        f"which `turnout check --rules {folder}` shows"
    )
    assert len(caplog.records) == len(told) + 1, "nothing is left to be held back"


def test_a_refusal_for_one_problem_names_no_command(folder: Path) -> None:
    assert refusal(["one"], folder) == (["one"], "")


def test_a_change_is_asked_for_once_however_often_it_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else every look would put the reload off, which waits until nothing has been asked for a moment."""
    monkeypatch.setattr("turnout.service.reloader._LONGEST_SETTLE_SECONDS", 60.0)
    path = tmp_path / "rules.yaml"
    path.write_text(rules("first"))

    async def scenario(watched: Watched) -> None:
        path.write_text(rules("second"))
        await watched.change()
        assert watched.names == ["second"]

    watch(path, scenario, look_seconds=0.02, settle_seconds=0.5)
