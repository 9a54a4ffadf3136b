"""The tests themselves: nothing that they start or do lasts for ever, wherever they are started from."""

from __future__ import annotations

import ast
import os
import signal
import sys
import time
from pathlib import Path

import processes
import pytest

TESTS = Path(__file__).parent
STARTING = {"subprocess", "multiprocessing", "pexpect", "concurrent.futures.process"}
CALLS = ("os.system", "os.popen", "os.spawn", "os.posix_spawn", "os.fork", "pty.fork", "pty.spawn", "asyncio.create_")


def starts_by_itself(source):
    """Return the lines on which a module imports or calls what starts processes without a limit."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Attribute):
            names = [ast.unparse(node)]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("__import__", "importlib.import_module"):
            names = [getattr(one, "value", "") for one in node.args]
        else:
            continue
        if any(name in STARTING or str(name).startswith(CALLS) for name in names):
            found.append(node.lineno)
    return found


def test_every_process_is_started_with_a_limit():
    sources = sorted(TESTS.rglob("*.py"))
    assert len(sources) > 60
    direct = [
        f"{path.relative_to(TESTS)}:{line}"
        for path in sources
        if path.name not in ("processes.py", "fault_server.py")  # the forks of the latter end by an alarm
        for line in starts_by_itself(path.read_text(encoding="utf-8"))
    ]
    assert direct == [], "start processes with tests/processes.py: it gives them a time limit and default signals"


@pytest.mark.parametrize(
    "source",
    [
        "import subprocess",
        "import os, subprocess as sp",
        "def f():\n    from subprocess import Popen",
        "from os import system",
        "import os\nos.spawnlp(os.P_WAIT, 'true', 'true')",
        "import pty\npty.spawn('sh')",
        "__import__('subprocess').run('true')",
        "from multiprocessing import Process",
    ],
)
def test_what_starts_a_process_without_one_is_seen(source):
    assert starts_by_itself(source)
    assert not starts_by_itself("import os, processes\nprocesses.run(['true'])\nos.path.join('a', 'b')")


HANDLERS = "import signal; print(*(int(signal.getsignal(n)) if n != 2 else signal.getsignal(n).__name__ for n in {}))"


def test_a_process_has_default_signals_where_the_tests_have_not():
    code = HANDLERS.format(tuple(map(int, processes.SIGNALS)))
    before = [signal.signal(one, signal.SIG_IGN) for one in processes.SIGNALS]
    try:
        result = processes.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert [signal.getsignal(one) for one in processes.SIGNALS] == [signal.SIG_IGN] * len(before)
    finally:
        for one, handler in zip(processes.SIGNALS, before, strict=True):
            signal.signal(one, handler)
    assert result.stdout.split() == ["default_int_handler", str(int(signal.SIG_DFL)), str(int(signal.SIG_DFL))]


def test_a_process_has_nothing_to_read():
    result = processes.run(
        [sys.executable, "-c", "print(repr(input.__self__) and open(0).read() == '')"], capture_output=True
    )
    assert result.stdout == b"True\n"


def is_alive(number):
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return (
        Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        if Path("/proc").exists()
        else True
    )


def gone(number):
    """Wait for the end of a process that is killed already."""
    until = time.monotonic() + 20
    while is_alive(number) and time.monotonic() < until:
        time.sleep(0.01)
    return not is_alive(number)


def test_a_process_that_hangs_is_killed_with_its_children_and_shows_what_it_printed():
    start = time.monotonic()
    with pytest.raises(pytest.fail.Exception, match="took more than 1 s and was killed") as caught:
        processes.run(["sh", "-c", "sleep 600 & echo child $!; wait"], timeout=1, capture_output=True, text=True)
    assert time.monotonic() - start < 60
    line = str(caught.value).splitlines()[-1]
    assert gone(int(line.removeprefix("child ")))


def test_a_process_that_nobody_waits_for_is_killed_when_its_time_is_over():
    process = processes.Popen(["sleep", "600"], timeout=0.2)
    while process.poll() is None:
        time.sleep(0.01)
    assert process.returncode == -signal.SIGKILL
    with pytest.raises(pytest.fail.Exception, match="took more than"):
        process.check_time()


def test_a_process_does_not_outlive_a_test_that_fails():
    with pytest.raises(AssertionError, match="wrong"), processes.Popen(["sleep", "600"]) as process:
        raise AssertionError("wrong")
    assert process.returncode == -signal.SIGKILL


def test_a_process_that_fails_shows_why(capsys):
    with pytest.raises(Exception, match="exit status 3"):
        processes.run(["sh", "-c", "echo reason >&2; exit 3"], check=True, capture_output=True)
    assert "reason" in capsys.readouterr().out


HANGING = """
import threading, time

def test_before():
    pass

def test_that_waits():
    threading.Thread(target=time.sleep, args=(600,), daemon=True, name="a thread beside").start()
    threading.Event().wait()

def test_that_does_not_come_back():
    import itertools
    sum(itertools.repeat(0))  # holds the interpreter's lock, and never looks for signals

def test_after():
    pass
"""


def test_a_test_that_hangs_fails_with_its_traceback_and_the_others_run(tmp_path):
    (tmp_path / "test_hanging.py").write_text(HANGING)
    (tmp_path / "conftest.py").write_text((TESTS / "conftest.py").read_text(encoding="utf-8"))
    (tmp_path / "pytest.ini").write_text("[pytest]\ntimeout = 2\n")
    command = [sys.executable, "-m", "pytest", "-n", "1", "-p", "no:cacheprovider"]
    environment = os.environ | {"PYTHONPATH": os.fspath(TESTS)}  # what the configuration imports
    result = processes.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert result.returncode == 1
    assert "2 failed, 2 passed" in result.stdout
    assert "Timeout (>2.0s)" in result.stdout
    assert "threading.Event().wait()" in result.stdout
    assert "Stack of a thread beside" in result.stdout
    assert "in test_that_does_not_come_back" in result.stderr + result.stdout
