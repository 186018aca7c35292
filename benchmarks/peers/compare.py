#!/usr/bin/env python3
"""Runs LayerMesh and its peers in turn on the same shapes and prints ratios as Markdown. Started by run.sh."""
import argparse
import contextlib
import fcntl
import json
import os
import platform
import re
import resource
import shlex
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import NamedTuple

DEPTH = 128  # rows before a verify step


class Cell(NamedTuple):
    """One comparison: the model and the number of threads."""
    shape: str
    format: str
    threads: int


class Result(NamedTuple):
    tokens_per_second: float
    ms_per_step: float
    gb_per_second: float | None = None
    fraction_of_read: float | None = None


class Engine:
    """An engine's command line; every one prints a JSON object per test, in the words of `layermesh bench-engine`."""

    def __init__(self, name: str, options: argparse.Namespace):
        self.name = name
        self.scratch: Path = options.scratch
        self.options = options

    def tests(self, cell: Cell, group: list[str]) -> list[str]:
        """The tests of a group that it can run."""
        return group

    def command(self, cell: Cell, tests: list[str]) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return {}

    def gguf(self, cell: Cell) -> Path:
        return self.scratch / "models" / f"{cell.shape}-{cell.format}.gguf"

    def java(self, *arguments: str) -> list[str]:
        return [f"{self.options.java_home}/bin/java", "--add-modules", "jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow", "-Xmx8g", *arguments]


class LayerMesh(Engine):
    def __init__(self, name: str, options: argparse.Namespace):
        super().__init__(name, options)
        self.backend = name.removeprefix("layermesh-")

    def command(self, cell: Cell, tests: list[str]) -> list[str]:
        return [*shlex.split(self.options.layermesh), "bench-engine", "--model", str(self.gguf(cell)),
                "--threads", str(cell.threads), "--backend", self.backend, "--tests", ",".join(tests),
                "--depth", str(DEPTH), "--repeat", "1", "--json"]


class LlamaCpp(Engine):
    def command(self, cell: Cell, tests: list[str]) -> list[str]:
        return [str(self.scratch / "llama.cpp/llama_bench"), str(self.gguf(cell)), str(cell.threads), ",".join(tests),
                str(DEPTH), "1"]

    def environment(self) -> dict[str, str]:
        return {"GGML_DIR": str(self.scratch / "llama.cpp/node_modules/@node-llama-cpp/linux-x64/bins/linux-x64")}


class Jlama(Engine):
    """Has BF16, and 4-bit blocks of its own: 20 bytes for 32 weights, against 18 of Q4_0."""
    def tests(self, cell: Cell, group: list[str]) -> list[str]:
        return group if cell.format in ("q4_0", "bf16") else []

    def command(self, cell: Cell, tests: list[str]) -> list[str]:
        model, activations = ("jlama-q4", "I8") if cell.format == "q4_0" else ("hf", "BF16")
        return self.java("-cp", f"{self.scratch}/jlama/classes:{self.scratch}/jlama/lib/*",
                         "com.github.tjake.jlama.model.JlamaBench", str(self.scratch / f"models/{cell.shape}-{model}"),
                         str(cell.threads), activations, ",".join(tests), str(DEPTH), "1", str(self.options.warm_up))


class Llama3Java(Engine):
    """Takes Llama 3's vocabulary only, and has no step with the logits of every row."""
    def tests(self, cell: Cell, group: list[str]) -> list[str]:
        return [test for test in group if test[0] != "v"] if cell.shape == "llama1b" else []

    def command(self, cell: Cell, tests: list[str]) -> list[str]:
        # The thread that starts a parallel stream works on it beside those of the common pool.
        return self.java(f"-Djava.util.concurrent.ForkJoinPool.common.parallelism={cell.threads - 1}",
                         "-Djdk.incubator.vector.VECTOR_ACCESS_OOB_CHECK=0", "-cp", f"{self.scratch}/llama3/classes",
                         "com.llama4j.Llama3Bench", str(self.gguf(cell)), ",".join(tests), "1",
                         str(self.options.warm_up))


ENGINES = {"layermesh-native": LayerMesh, "layermesh-vector": LayerMesh, "llama.cpp": LlamaCpp, "jlama": Jlama,
           "llama3.java": Llama3Java}


# ---- running ----

class Turn(NamedTuple):
    """The results of one engine's turn."""
    results: dict[str, Result]
    foreign: float  # the share of the machine's time that others took
    error: str | None


def busy_seconds() -> float:
    with open("/proc/stat") as file:
        user, nice, system, _, _, irq, softirq, steal = map(int, file.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def own_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class TimeIsUp(Exception):
    """The time limit of the run was reached before an engine's turn."""


@contextlib.contextmanager
def locked(path: Path | None, deadline: float):
    """Holds the lock; waits for it until the deadline."""
    def give_up(*_):
        raise TimeIsUp

    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeIsUp
    if path is None:
        yield
        return
    with open(path, "a") as file:
        before = signal.signal(signal.SIGALRM, give_up)
        signal.setitimer(signal.ITIMER_REAL, left)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        yield


def run(engine: Engine, cell: Cell, tests: list[str], options: argparse.Namespace, deadline: float) -> Turn:
    command = engine.command(cell, tests)
    with locked(options.lock, deadline):
        started, busy, own = time.monotonic(), busy_seconds(), own_seconds()
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                       text=True, env={**os.environ, **engine.environment()}, start_new_session=True)
        except OSError as error:
            return Turn({}, 0, f"{command[0]}: {error.strerror}")
        if options.urgent:  # a session is a scheduling group, in which nice counts for nothing outside: sched(7), autogroup
            Path(f"/proc/{process.pid}/autogroup").write_text("-20")
        error = None
        try:
            output, errors = process.communicate(timeout=options.slice_limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, errors = process.communicate()
            error = f"stopped after {options.slice_limit} s"
        except BaseException:  # an interrupt too: leave nothing running
            os.killpg(process.pid, signal.SIGKILL)
            raise
        wall = time.monotonic() - started
        foreign = (busy_seconds() - busy - (own_seconds() - own)) / (wall * os.cpu_count())
    if error is None and process.returncode != 0:
        error = f"status {process.returncode}: {last_line(errors)}"
    results = {}
    try:
        results = parse(output)
    except (ValueError, KeyError) as reason:
        error = error or f"unreadable output: {reason!r}"
    missing = [test for test in tests if test not in results]
    if error is None and missing:
        error = f"no result for {', '.join(missing)}"
    return Turn(results, max(0.0, foreign), error)


def last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no message"


def parse(output: str) -> dict[str, Result]:
    results = {}
    for line in output.splitlines():
        if not line.startswith("{"):
            continue  # libraries that log to stdout
        fields = json.loads(line)
        results[fields["test"]] = Result(fields["tokens_per_second"], fields["ms_per_step"],
                                         fields.get("gb_per_second"), fields.get("fraction_of_read"))
    return results


# ---- the report ----

def first(path: str, pattern: str) -> str:
    """A value from a file of the operating system's kernel, or a question mark."""
    with contextlib.suppress(OSError):
        if match := re.search(pattern, Path(path).read_text(), re.MULTILINE):
            return match[1].strip()
    return "?"


def output_of(*command: str) -> str:
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        return last_line(result.stdout or result.stderr)
    return "?"


def machine(options: argparse.Namespace) -> list[str]:
    def cpu(key: str) -> str:
        return first("/proc/cpuinfo", rf"^{key}[ \t]*:(.*)$")

    simd = [name for name in ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8")
            if name in cpu("flags").split()]
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    huge = first("/sys/kernel/mm/transparent_hugepage/enabled", r"\[(\w+)\]")
    versions = {
        **json.loads((options.scratch / "versions.json").read_text()),
        "JDK of Jlama and llama3.java": first(f"{options.java_home}/release", r'^JAVA_RUNTIME_VERSION="(.*)"'),
        "LayerMesh": output_of("git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"),
        "its command": f"`{options.layermesh}`",
    }
    return [f"{os.cpu_count()} × {cpu('model name')} (family {cpu('cpu family')}, model {cpu('model')}; {' '.join(simd)}), "
            f"{gib:.0f} GiB, Linux {platform.release()}, huge pages {huge}.", "",
            *table(["", ""], [[name, version] for name, version in versions.items()])]


def ratio_text(ratios: list[float]) -> str:
    """The median, and the rounds it comes from."""
    return f"**{median(ratios):.2f}** ({' '.join(f'{ratio:.2f}' for ratio in ratios)})" if ratios else "–"


def table(header: list[str], rows: list[list[str]]) -> list[str]:
    return ["| " + " | ".join(row) + " |" for row in [header, ["---"] * len(header), *rows]]


def report(cell: Cell, rounds: list[dict[str, dict[str, Result]]], tests: list[str]) -> list[str]:
    """One cell's tables. rounds: per round engine -> test -> result."""
    engines = [engine for engine in ENGINES if any(engine in one for one in rounds)]
    ours = [engine for engine in engines if engine.startswith("layermesh")]
    pairs = [(mine, peer) for mine in ours for peer in engines if peer not in ours]

    def of(engine: str, test: str) -> list[Result]:
        return [one[engine][test] for one in rounds if test in one.get(engine, {})]

    def ratios(mine: str, peer: str, test: str) -> list[float]:
        return [one[mine][test].tokens_per_second / one[peer][test].tokens_per_second
                for one in rounds if test in one.get(mine, {}) and test in one.get(peer, {})]

    def speed(engine: str, test: str) -> str:
        results = of(engine, test)
        return f"{median(result.tokens_per_second for result in results):.1f}" if results else "–"

    pairs = [(mine, peer) for mine, peer in pairs if any(ratios(mine, peer, test) for test in tests)]
    lines = [f"### {cell.shape}, {cell.format}, {cell.threads} thread{'s' if cell.threads > 1 else ''}", ""]
    lines += table(["tokens/s", *engines, *(f"{mine} ÷ {peer}" for mine, peer in pairs)],
                   [[test, *(speed(engine, test) for engine in engines),
                     *(ratio_text(ratios(mine, peer, test)) for mine, peer in pairs)] for test in tests])

    decode = next((test for test in tests if test.startswith("tg")), None)
    verifies = [test for test in tests if test.startswith("v")]
    if decode and verifies:
        def steps(engine: str, test: str) -> list[float]:
            return [one[engine][test].ms_per_step / one[engine][decode].ms_per_step
                    for one in rounds if test in one.get(engine, {}) and decode in one.get(engine, {})]

        rows = [[engine, *(ratio_text(steps(engine, test)) for test in verifies)] for engine in engines
                if any(steps(engine, test) for test in verifies)]
        lines += ["", *table([f"time ÷ a step of {decode}", *verifies], rows)]
    if decode:
        for engine in ours:
            read = [result for result in of(engine, decode) if result.fraction_of_read is not None]
            if read:
                lines += ["", f"{engine} reads {median(result.gb_per_second or 0 for result in read):.1f} GB/s in {decode}; "
                          f"÷ a read loop in the same process: {ratio_text([result.fraction_of_read for result in read])}."]
    return [*lines, ""]


# ---- the command ----

def options_of(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--java-home", required=True)
    parser.add_argument("--layermesh", required=True)
    parser.add_argument("--engines", required=True)
    parser.add_argument("--shapes", required=True)
    parser.add_argument("--formats", required=True)
    parser.add_argument("--threads", required=True)
    parser.add_argument("--tests", required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--warm-up", type=float, required=True)
    parser.add_argument("--slice-limit", type=int, required=True)
    parser.add_argument("--limit", type=float, required=True)
    parser.add_argument("--lock", type=Path)
    parser.add_argument("--urgent", action="store_true")
    parser.add_argument("--out", type=Path)
    return parser.parse_args(arguments)


def main() -> int:
    options = options_of(sys.argv[1:])
    deadline = time.monotonic() + 60 * options.limit
    groups = [group.split(",") for group in options.tests.split("/")]
    engines = [ENGINES[name](name, options) for name in options.engines.split(",")]
    cells = [Cell(shape, format_name, int(threads)) for shape in options.shapes.split(",")
             for format_name in options.formats.split(",") for threads in options.threads.split(",")]
    rounds: dict[Cell, list[dict[str, dict[str, Result]]]] = defaultdict(list)
    foreign: list[float] = []
    errors: dict[tuple[str, Cell], str] = {}
    turns = sum(bool(engine.tests(cell, group)) for cell in cells for group in groups for engine in engines)
    done, complete = 0, True

    try:
        for number in range(1, options.rounds + 1):
            for cell in cells:
                rounds[cell].append(defaultdict(dict))
                for group in groups:
                    for engine in engines:
                        tests = engine.tests(cell, group)
                        if not tests or (engine.name, cell) in errors:
                            continue
                        done += 1
                        print(f"round {number}/{options.rounds}, turn {done}/{turns * options.rounds}: {engine.name} "
                              f"{cell.shape} {cell.format} {cell.threads}t {','.join(tests)}", file=sys.stderr, flush=True)
                        one = run(engine, cell, tests, options, deadline)
                        rounds[cell][-1][engine.name].update(one.results)
                        foreign.append(one.foreign)
                        if one.error:
                            errors[engine.name, cell] = one.error
                            print(f"  {engine.name}: {one.error}", file=sys.stderr)
    except TimeIsUp:
        complete = False

    lines = machine(options)
    lines += ["", f"{time.strftime('%Y-%m-%d')}, {options.rounds} rounds, in each every engine in turn; ratios are within a "
              "round: **median** (rounds). tgN: N steps of one token; "
              f"vN: a step of N rows at position {DEPTH}, logits of every row; ppN: N rows at once, logits of the last."]
    if foreign:
        lines += [f"Other processes took {100 * median(foreign):.0f} % of the machine in the median turn, "
                  f"{100 * max(foreign):.0f} % at most."]
    if not complete:
        lines += [f"Stopped at the limit of {options.limit:g} minutes: what came after is missing."]
    lines += [""]
    for cell in filter(rounds.get, cells):
        lines += report(cell, rounds[cell], [test for group in groups for test in group])
    lines += [f"{name} failed on {cell.shape}, {cell.format}, {cell.threads} threads: {error}."
              for (name, cell), error in errors.items()]
    text = "\n".join(lines).rstrip() + "\n"
    print(text)
    if options.out:
        options.out.write_text(text)
    return 1 if errors else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
