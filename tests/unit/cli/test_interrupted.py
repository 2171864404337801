"""Ctrl-C, and SIGTERM in a container, at any moment of a command's life, from its first import on."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

# Runs a command, to which a signal is sent when a module is about to be imported.
SENT = """
import os, signal, sys
from importlib.abc import MetaPathFinder

class Sender(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == module:
            sys.meta_path.remove(self)
            signal.raise_signal(number)

module, number, pid = sys.argv.pop(1), int(sys.argv.pop(1)), int(sys.argv.pop(1))
if pid:
    os.getpid = lambda: pid
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Sender())
from turnout.cli.main import main
main()
"""


MODULES = ["click", "turnout.cli.commands", "turnout.cli.check", "yaml", "turnout.rules"]


def sent(number: signal.Signals, module: str, pid: int = 0) -> subprocess.CompletedProcess[str]:
    """`turnout check`, and a signal in the middle of its start; `pid` is what it takes for its own."""
    return subprocess.run(
        [sys.executable, "-c", SENT, module, str(int(number)), str(pid), "check"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("module", MODULES)
def test_ctrl_c_while_a_command_is_still_being_imported_ends_it_without_a_traceback(module: str) -> None:
    done = sent(signal.SIGINT, module)
    assert "Traceback" not in done.stderr
    assert done.returncode == 128 + signal.SIGINT


@pytest.mark.parametrize("module", MODULES)
def test_the_first_process_of_a_container_hears_a_sigterm_while_it_starts(module: str) -> None:
    done = sent(signal.SIGTERM, module, pid=1)
    assert done.stderr == ""
    assert done.returncode == 128 + signal.SIGTERM


def test_the_public_interface_is_there_when_it_is_asked_for() -> None:
    asked = "import sys, turnout; print('turnout.rules' in sys.modules, callable(turnout.load_rules))"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["False", "True"]
