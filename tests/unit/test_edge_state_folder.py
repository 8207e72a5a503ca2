# SPDX-License-Identifier: AGPL-3.0-or-later
"""One node a state folder, and a killed node gives its folder free."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge.errors import ConfigError
from edge.state_folder import take_state_folder

HOLDER = """
import sys, time
from pathlib import Path
from edge.state_folder import take_state_folder
held = take_state_folder(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def test_a_second_process_is_refused_until_the_first_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with pytest.raises(ConfigError, match="another node runs on"):
            take_state_folder(folder)
        first.send_signal(signal.SIGKILL)
        first.wait(10)
    take_state_folder(folder).close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"state_dir: .*file/state cannot be used"):
        take_state_folder(tmp_path / "file" / "state")
