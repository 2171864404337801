"""Ctrl-C at any moment of a command's life, from its first import on."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

# Presses Ctrl-C when a module is about to be imported, and runs the command.
PRESSED = """
import os, signal, sys
from importlib.abc import MetaPathFinder

class Finger(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == pressed_at:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

pressed_at = sys.argv.pop(1)
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Finger())
from turnout.cli.main import main
main()
"""


@pytest.mark.parametrize("module", ["click", "turnout.cli.commands", "turnout.cli.check", "yaml", "turnout.rules"])
def test_ctrl_c_while_a_command_is_still_being_imported_ends_it_without_a_traceback(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PRESSED, module, "check"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == 128 + signal.SIGINT


def test_the_public_interface_is_there_when_it_is_asked_for() -> None:
    asked = "import sys, turnout; print('turnout.rules' in sys.modules, callable(turnout.load_rules))"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["False", "True"]
