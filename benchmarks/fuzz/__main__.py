"""Run every command on mutated files: each ends well, or with one sentence and exit code 2.

python -m benchmarks.fuzz [--count N] [--seed S] [--kind cs|star|mrc] [--keep DIR]

Every file is read in a process of its own with a limit of time and of memory.  What is looked for: a traceback, an exit
code that is neither 0 nor 2 (3 where a stack is truncated), a message of several lines or with control characters,
results beside a refusal, and results that our own readers refuse.  Exit code 1 where anything was found.
"""

from __future__ import annotations

import benchmarks.common  # isort: skip  # noqa: F401  (limits the threads, so before numpy)

import argparse
import gc
import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from click.testing import CliRunner

from benchmarks.fuzz import inputs
from benchmarks.fuzz.mutations import mutated, valid
from centering.cli import _stages
from centering.cli import main as centering
from centering.io.cryosparc import CsFile
from centering.io.formats import read_table
from centering.io.mrc import MrcStack
from centering.io.opening import open_particles
from centering.io.star import StarFile

SECONDS, BYTES = 30, 2**31  # for all commands on one file
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # where flushing files to disk costs nothing
ENDINGS = {"cs": "cs", "star": "star", "mrc": "mrcs"}
LINES = ("Error: ", "warning: ", "note: ")
ESTIMATORS = ["mass", "median", "phase", "self-convolution"]
# what a command says it is at, where that takes a second
STAGES = {_stages.COMPILING, "reading", "centering", "moving", "drawing", "watching .", *ESTIMATORS}

Check = Callable[[], None]
Case = tuple[str, list[str], str | None]


def cases(kind: str, name: str, rng: random.Random) -> Iterator[Case]:
    """Yield the commands that read the file ``name``: what to call it, its arguments, and what it writes."""
    estimator = rng.choice(["mass", "mass", *ESTIMATORS])
    common = ["--estimator", estimator]
    if rng.random() < 0.2:
        common += rng.choice([["--angpix", "2"], ["--invert", "yes"], ["--radius", "4"], ["--diameter", "9"]])
    run = [*common, *(["--write-stack"] if rng.random() < 0.2 else []), "--no-report", "-j", "1", "--out", "ran"]
    yield "run", ["run", name, *run], "ran"
    yield "compare", ["compare", name, "-e", "mass"], None
    if kind == "mrc":
        yield "run of good.star", ["run", "of-mutated.star", *run[:-1], "ran2"], "ran2"
        yield "apply of good.star", ["apply", "of-mutated.star", "--out", "applied"], "applied"
        yield "classes", ["classes", name, "good.star", *common, "--out", "classes"], "classes"
        look = ["--settle", "0.001", "--interval", "0.002", "--until-idle", "0.004", "--pattern", name]
        yield "watch", ["watch", ".", *common, *look, "--out", "watched"], "watched"
        return
    yield "apply", ["apply", name, "--out", "applied", *rng.choice([[], ["--whole-pixels"]])], "applied"
    yield "classes", ["classes", "stack.mrcs", name, "--estimator", "mass", "--out", "classes"], "classes"
    if kind == "cs":
        yield "classes of .cs", ["classes", name, "good.cs", *common, "--out", "classes2"], "classes2"
        yield "convert", ["convert", name, "out.star"], "out.star"
        yield "convert --into", ["convert", "good.star", "out.cs", "--into", name], "out.cs"
    else:
        yield "compare --truth", ["compare", "good.star", "-e", "mass", "--truth", name], None
        yield "convert", ["convert", name, "out.cs", *rng.choice([[], ["--angpix", "2"]])], "out.cs"
        yield "convert --into", ["convert", name, "out2.cs", "--into", "good.cs"], "out2.cs"
        picked = rng.choice([["--mic-angpix", "1.5"], ["--micrographs", "micrographs.star"]])
        yield "extract", ["extract-coordinates", name, *picked, "--out", "picks.star"], "picks.star"


def judge(case: Case) -> tuple[str, str]:
    """Run one command; return how it ended, and what is wrong with that."""
    _, arguments, out = case
    result = CliRunner().invoke(centering, arguments)
    # where the machine is slow a stage says how far it has come: "drawing: 25 s so far"
    words = [one for one in result.stderr.split("\n")[:-1] if one.partition(": ")[0] not in STAGES]
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        return "traceback", "".join(traceback.format_exception(result.exception))
    if result.exit_code not in (0, 2, 3):
        return "wrong", f"exit code {result.exit_code}: {result.output!r}"
    if odd := next((one for one in (*words, *result.stdout.split("\n")) if not _printable(one)), None):
        return "wrong", f"control characters: {odd[:300]!r}"
    left = ": left alone: "  # what a watch says of a stack that it cannot use
    if odd := next((one for one in words if not one.startswith(LINES) and left not in one), None):
        return "wrong", f"a line that is no message: {odd[:300]!r}"
    if result.exit_code == 2:
        if [one[:7] for one in words].count("Error: ") != 1 or not words[-1].startswith("Error: "):
            return "wrong", f"not one sentence: {result.stderr[:300]!r}"
        if len(words[-1]) > 1000:
            return "wrong", f"a sentence of {len(words[-1])} characters: {words[-1][:300]!r}"
        # a watch goes on, and the run of a file that changes while it is read keeps what it has
        if out is not None and out != "watched" and (Path(out).is_file() or any(Path(out).rglob("*"))):
            return "wrong", f"results beside a refusal: {result.stderr[:300]!r}"
        return "refused", words[-1]
    try:
        if out is not None:
            look(Path(out))
    except Exception as error:  # whatever a reader of ours says about a result of ours
        return "wrong", f"its results cannot be read: {type(error).__name__}: {error}"
    return "accepted", ""


def _printable(text: str) -> bool:
    # surrogates stand for bytes that are no UTF-8, and are printed as they are
    return all(character.isprintable() or "\udc80" <= character <= "\udcff" for character in text)


def look(out: Path) -> None:
    """Read results with our own readers; raise what they raise."""
    for path in [out] if out.is_file() else out.rglob("*"):
        if path.is_dir():
            continue
        if path.suffix == ".cs":
            CsFile.read(path).displacements() if out.is_dir() else CsFile.read(path)
        elif path.suffix == ".star":
            star = StarFile.read(path)
            names = star.column(star.particles, "rlnImageName")
            if out.is_dir():
                shifts = star.displacements(np.full(len(names), 1.5))
                if not (np.isfinite(shifts).all() and (np.abs(shifts) < 1e9).all()):
                    raise ValueError(f"shifts of {np.abs(shifts).max()} px")
                if path.name == "recentered.star" or out.name.startswith("ran"):
                    open_particles(path, 1.5)
        elif path.suffix == ".mrcs":
            stack = MrcStack.open(path)
            stack.read(np.arange(stack.count))
        elif path.suffix == ".json":
            json.loads(path.read_text(), parse_constant=lambda word: _refuse(word))


def _refuse(word: str) -> None:
    raise ValueError(f"JSON with {word}")


def transfer(name: str) -> tuple[str, str]:
    """Read the contrast transfer functions, which only a learning estimator asks for."""
    try:
        read_table(name).transfer_functions()
    except (ValueError, OSError):
        return "refused", ""
    except Exception:
        return "traceback", traceback.format_exc()
    return "accepted", ""


def one_file(kind: str, content: bytes, seed: str, folder: Path, *, figures: bool) -> dict[str, tuple[str, str]]:
    """Run all commands on a file with this content, in this process."""
    rng = random.Random(seed + "commands")
    os.chdir(folder)
    name = f"mutated.{ENDINGS[kind]}"
    Path(name).write_bytes(content)
    Path("stack.mrcs").write_bytes(inputs.mrc())
    good = inputs.star(random.Random(1))
    Path("good.star").write_bytes(good)
    Path("good.cs").write_bytes(inputs.cs())
    Path("micrographs.star").write_text(inputs.MICROGRAPHS)
    Path("of-mutated.star").write_bytes(good.replace(b"stack.mrcs", b"mutated.mrcs"))
    if not figures:
        import centering.runs.outputs

        centering.runs.outputs._write_figures = lambda *_: None
        centering.runs.outputs.preload = lambda: None
    warnings.simplefilter("error")
    # sums of pixels of 1e38 are for the estimators' own tests
    warnings.simplefilter("ignore", RuntimeWarning)
    # matplotlib 3.8 calls pyparsing 3.3 by names that it has deprecated
    warnings.filterwarnings("ignore", ".* deprecated - use ", DeprecationWarning, "matplotlib")
    found = {case[0]: judge(case) for case in cases(kind, name, rng)}
    if kind != "mrc":
        found["transfer functions"] = transfer(name)
    if Path(name).read_bytes() != content:
        found["input"] = "wrong", "the input was changed"
    return found


def rehearse() -> None:
    """Run all commands on files that are as they should be: every module is loaded once, and every command accepts."""
    here, soon = Path.cwd(), _stages._SOON
    _stages._SOON = 0.0  # a command says at once what it is at, as it does where the machine is slow
    for kind in ENDINGS:
        with tempfile.TemporaryDirectory() as folder:
            found = one_file(kind, valid(kind, random.Random(1)), "1", Path(folder), figures=True)
            os.chdir(here)
        refused = {command: end for command, end in found.items() if end[0] != "accepted"}
        if refused:
            raise AssertionError(f"a valid file is not accepted: {refused}")
    _stages._SOON = soon


def in_a_child(kind: str, seed: str, *, figures: bool) -> dict[str, tuple[str, str]]:
    """Do `one_file` in a process that has little time and memory."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            try:
                os.close(reader)
                used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
                resource.setrlimit(resource.RLIMIT_AS, (used + BYTES, used + BYTES))
                signal.alarm(SECONDS)
                content, _ = mutated(kind, seed)
                answer = json.dumps(one_file(kind, content, seed, Path(folder), figures=figures)).encode()
                signal.alarm(0)
                while answer:
                    answer = answer[os.write(writer, answer) :]
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            answer = pipe.read()
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status or not answer:
        what = "hang" if -status == signal.SIGALRM else "crash"
        return {"the process": (what, f"ended with {status}")}
    return {name: (verdict, words) for name, (verdict, words) in json.loads(answer).items()}


def main() -> int:
    """Parse the arguments, run, print the table."""
    words = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    words.add_argument("--count", type=int, default=10_000, help="number of files")
    words.add_argument("--seed", default="1", help="what the random numbers begin with; drawn for 'random'")
    words.add_argument("--kind", choices=list(ENDINGS), help="one kind of file alone")
    words.add_argument("--keep", type=Path, help="folder for the files with which something went wrong")
    words.add_argument("--figures", type=float, default=0.02, help="share of the files with which runs draw figures")
    options = words.parse_args()
    start = options.seed if options.seed != "random" else str(random.SystemRandom().randrange(10**9))
    print(f"seed {start}")
    started = time.process_time(), os.times()
    rehearse()
    gc.collect()
    gc.freeze()  # the children share what was loaded
    verdicts: Counter[tuple[str, str]] = Counter()
    bad: Counter[str] = Counter()
    kinds = [options.kind] if options.kind else list(ENDINGS)
    for k in range(options.count):
        kind, seed = kinds[k % len(kinds)], f"{start}-{k}"
        if k and not k % 1000:
            print(f"{k} files", flush=True)
        figures = random.Random(seed + "figures").random() < options.figures
        for command, (verdict, message) in in_a_child(kind, seed, figures=figures).items():
            verdicts[kind, verdict] += 1
            if verdict in ("accepted", "refused"):
                continue
            last = message.strip().split("\n")[-1][:200]
            bad[f"{kind}: {command}: {verdict}"] += 1
            if bad[f"{kind}: {command}: {verdict}"] <= 8:
                print(f"{kind} {seed} {mutated(kind, seed)[1]}: {command}: {verdict}: {last}", flush=True)
            if options.keep is not None:
                options.keep.mkdir(parents=True, exist_ok=True)
                (options.keep / f"{seed}.{ENDINGS[kind]}").write_bytes(mutated(kind, seed)[0])
                with (options.keep / f"{seed}.txt").open("a", encoding="utf-8", errors="surrogateescape") as file:
                    file.write(f"{command}: {verdict}\n{message}\n")
    for (kind, verdict), count in sorted(verdicts.items()):
        print(f"{kind:<6}{verdict:<12}{count}")
    now = os.times()
    print(f"{options.count} files, {now.children_user + now.user - started[1].user:.0f} s of CPU")
    for what, count in bad.most_common():
        print(f"{count:>6}  {what}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
