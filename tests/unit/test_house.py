# SPDX-License-Identifier: AGPL-3.0-or-later
"""The house rules that a reader would otherwise have to trust: licence lines, names, arrows, locks, light imports."""

import ast
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
LICENCE_LINE = "SPDX-License-Identifier: AGPL-3.0-or-later"
COMMENTED_SUFFIXES = {
    ".py",
    ".conf",
    ".acl",
    ".service",
    ".yaml",
    ".yml",
    ".Containerfile",
    ".example",
    ".js",
    ".css",
    ".ts",
}

# Put together here so that this file does not hold what it looks for.
PACKAGE_HOSTS = ["py" + "pi.org", "python" + "hosted.org", "npm" + "js.org", "npm" + "js.com", "yarn" + "pkg.com"]
MACHINE_PATHS = ["/" + "work/", "/" + "root/", "/" + "opt/py" + "pi"]


@cache
def tracked_files() -> list[Path]:
    """Every file that is in the repository or about to be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=60).stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    paths = [REPOSITORY / name for name in listed.split("\0") if name]
    return [path for path in paths if path.is_file()]


@pytest.fixture(autouse=True)
def _needs_git() -> None:
    if not tracked_files():
        pytest.skip("not a git checkout")


def named(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def text_of(path: Path) -> str | None:
    """The file as text, None for pictures and weights."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def test_every_source_file_names_its_licence() -> None:
    missing = []
    for path in tracked_files():
        text = text_of(path)
        if text is None or not (path.suffix in COMMENTED_SUFFIXES or path.name == "Makefile" or text.startswith("#!")):
            continue
        first_lines = text.splitlines()[:2]
        if text and not any(LICENCE_LINE in line for line in first_lines):
            missing.append(named(path))
    assert not missing


def test_no_module_has_a_name_that_says_nothing() -> None:
    empty_words = {"utils", "util", "helpers", "helper", "common", "misc", "models"}
    assert [named(path) for path in tracked_files() if path.suffix == ".py" and path.stem in empty_words] == []


def test_no_file_knows_where_packages_came_from_or_whose_machine_this_was() -> None:
    forbidden = re.compile("|".join(re.escape(word) for word in (*PACKAGE_HOSTS, *MACHINE_PATHS)), re.IGNORECASE)
    found = []
    for path in tracked_files():
        for number, line in enumerate((text_of(path) or "").splitlines(), 1):
            if hit := forbidden.search(line):
                found.append(f"{named(path)}:{number}: {hit[0]}")
    assert not found


def test_every_locked_package_carries_hashes() -> None:
    locks = [path for path in tracked_files() if path.parent.name == "lock" and path.suffix == ".txt"]
    assert len(locks) >= 4
    for lock in locks:
        text = lock.read_text(encoding="utf-8").replace("\\\n", " ")
        requirements = [line for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
        assert requirements, named(lock)
        for requirement in requirements:
            assert re.match(r"^[\w.\[\]-]+==[^\s]+ .*--hash=sha256:[0-9a-f]{64}", requirement), (
                f"{named(lock)}: {requirement}"
            )


def test_no_two_test_files_share_a_name() -> None:
    tests = Counter(path.name for path in tracked_files() if path.name.startswith("test_") and path.suffix == ".py")
    assert [name for name, count in tests.items() if count > 1] == []


def test_a_test_may_be_left_out_only_for_a_listed_reason() -> None:
    """Reads `pytest.skip("...")` and the list in tests/conftest.py from the source."""
    tests = [path for path in tracked_files() if path.suffix == ".py" and named(path).startswith("tests/")]
    given: dict[str, str] = {}
    for path in tests:
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.skip" and call.args:
                reason = call.args[0]
                if isinstance(reason, ast.Constant):
                    given[str(reason.value)] = named(path)
    conftest = ast.parse((REPOSITORY / "tests/conftest.py").read_text(encoding="utf-8"))
    lists = [
        ast.literal_eval(step.value)
        for step in conftest.body
        if isinstance(step, ast.Assign) and ast.unparse(step.targets[0]) == "EXPECTED_SKIPS"
    ]
    assert len(lists) == 1
    unlisted = {reason: where for reason, where in given.items() if not any(known in reason for known in lists[0])}
    assert not unlisted


def test_the_arrows_between_the_rooms_hold() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    answer = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=120)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def modules_loaded_by(module: str) -> set[str]:
    """Top-level packages in memory after `module` was imported in a process of its own."""
    program = f"import sys, {module}; print('\\n'.join({{name.split('.')[0] for name in sys.modules}}))"
    command = [sys.executable, "-c", program]
    answer = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=120)
    assert answer.returncode == 0, answer.stderr
    return set(answer.stdout.split())


WORKSHOP = {"torch", "ultralytics", "simulator", "models", "PIL"}
HUB = {"server", "sqlalchemy", "alembic", "fastapi", "starlette", "amqtt", "apprise", "uvicorn"}
NODE = {"edge", "cv2", "onnxruntime"}


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("facings", WORKSHOP | HUB | NODE | {"numpy", "paho"}),
        ("contract.schemas", WORKSHOP | HUB | NODE | {"numpy", "calibration", "paho"}),
        ("calibration.files", WORKSHOP | HUB | NODE | {"paho"}),
        ("edge.node", WORKSHOP | HUB),
        ("edge.cli", WORKSHOP | HUB),
        ("server.pipeline", WORKSHOP | NODE),
        ("server.cli", WORKSHOP | NODE),
    ],
)
def test_a_program_loads_only_its_own_part(module: str, unwanted: set[str]) -> None:
    assert find_spec(module) is not None
    assert modules_loaded_by(module) & unwanted == set()


def test_decisions_are_numbered_once_and_follow_each_other() -> None:
    numbers = sorted(int(path.name[:4]) for path in tracked_files() if named(path).startswith("docs/decisions/0"))
    assert numbers == list(range(1, len(numbers) + 1))


def test_every_link_in_our_pages_leads_somewhere() -> None:
    link = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)")
    pages = [path for path in tracked_files() if path.suffix == ".md"]
    links = [(page, target) for page in pages for target in link.findall(page.read_text(encoding="utf-8"))]
    broken = [f"{named(page)}: {target}" for page, target in links if not (page.parent / target).exists()]
    assert not broken
