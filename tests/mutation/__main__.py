"""`make mutate`: whether the unit tests of a module notice every small change to that module.

A mutant is never written to disk: a child process gets the changed source in
place of the module and runs the unit tests of that module until one fails. So
no interrupted run can leave changed firmware behind. survivors.toml lists the
mutants that may survive, each with its reason; any other survivor is a failure, and
so is an entry of the list that has no survivor.
"""

import argparse
import gc
import importlib.abc
import importlib.machinery
import importlib.util
import os
import resource
import sys
import time
import tomllib
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from tests.mutation.mutants import Mutant, mutants
from tests.vcu_tests import files_of

ROOT = Path(__file__).resolve().parents[2]
MODULES = (
    "pedal",
    "speed",
    "plausibility",
    "governor",
    "guard",
    "guard_torque",
    "guard_power",
    "guard_wheel",
    "faults",
    "judge",
    "shutoff",
    "modes",
    "contactor",
    "supervisor",
)
LISTED = Path(__file__).with_name("survivors.toml")
# An endless loop is one that takes so many times the processor time of the unchanged module.
PATIENCE = 4
RUNNING_TIME = "all fourteen modules take about half an hour on two idle cores"

# The quickest way to a first failure: no plugins, no rewritten asserts, nothing kept.
OPTIONS = [
    "-x",
    "-q",
    "--tb=no",
    "--assert=plain",
    "-o",
    "addopts=",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:unraisableexception",
    "-p",
    "no:threadexception",
]

# How a child ends; any other status is the tests' own failure to run, which notices too.
SURVIVED = 0


class Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives one module of vcu another source."""

    def __init__(self, module: str, source: str) -> None:
        self.name = f"vcu.{module}"
        self.path = str(source_path(module))
        self.source = source

    def find_spec(
        self, fullname: str, path: object, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.name:
            return None
        return importlib.util.spec_from_loader(fullname, self, origin=self.path)

    def exec_module(self, module: object) -> None:
        exec(compile(self.source, self.path, "exec"), vars(module))


@dataclass
class Tally:
    """What became of the mutants of one module."""

    mutants: int = 0
    killed: int = 0
    listed: int = 0
    surviving: list[Mutant] = field(default_factory=list)


def source_path(module: str) -> Path:
    return ROOT / "firmware" / "vcu" / f"{module}.py"


def run_tests(module: str, source: str, limit_s: int) -> None:
    """In a child process: run the unit tests of a module with this source in its place."""
    sys.meta_path.insert(0, Changed(module, source))
    resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.chdir(ROOT)
    gc.disable()
    status = pytest.main([*OPTIONS, *files_of(module)])
    os._exit(int(status))


def start(module: str, source: str, limit_s: int) -> BaseProcess:
    child = get_context("fork").Process(target=run_tests, args=(module, source, limit_s))
    child.start()
    return child


def time_tests(module: str) -> float | None:
    """Return the processor seconds of the unchanged module's tests; None if one fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    child = start(module, source_path(module).read_text(encoding="utf-8"), 600)
    child.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if child.exitcode != SURVIVED:
        return None
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def survivors(found: list[Mutant], limit_s: int) -> list[Mutant]:
    """Run every mutant, as many at once as there are cores; return those that no test noticed."""
    cores = os.cpu_count() or 1
    left = list(reversed(found))
    running: dict[int, tuple[BaseProcess, Mutant]] = {}
    survived: list[Mutant] = []
    while left or running:
        while left and len(running) < cores:
            mutant = left.pop()
            child = start(mutant.module, mutant.source, limit_s)
            running[child.sentinel] = (child, mutant)
        for sentinel in wait(list(running)):
            assert isinstance(sentinel, int)
            child, mutant = running.pop(sentinel)
            child.join()
            if child.exitcode == SURVIVED:
                survived.append(mutant)
        done = len(found) - len(left) - len(running)
        if sys.stdout.isatty() or done % 100 == 0:
            end = "\r" if sys.stdout.isatty() else "\n"
            print(f"  {found[0].module:<12} {done:>5} of {len(found)}", end=end, flush=True)
    return sorted(survived, key=lambda mutant: mutant.line)


def read_listed(modules: list[str]) -> Counter[tuple[str, str, str, str]]:
    """Return how many mutants each entry of survivors.toml stands for."""
    listed: Counter[tuple[str, str, str, str]] = Counter()
    tables = tomllib.loads(LISTED.read_text(encoding="utf-8"))
    for module in modules:
        for entry in tables.get(module, ()):
            assert entry["because"].strip(), entry
            for becomes in entry["becomes"]:
                key = (module, entry["in"], entry["was"], becomes)
                listed[key] += entry.get("times", 1)
    return listed


def judge(module: str, listed: Counter[tuple[str, str, str, str]]) -> Tally | None:
    """Run the mutants of one module; None when its own tests do not pass."""
    cpu_s = time_tests(module)
    if cpu_s is None:
        return None
    found = mutants(module, source_path(module).read_text(encoding="utf-8"))
    tally = Tally(mutants=len(found))
    for mutant in survivors(found, int(cpu_s * PATIENCE) + 2):
        if listed[mutant.key]:
            listed[mutant.key] -= 1
            tally.listed += 1
        else:
            tally.surviving.append(mutant)
    tally.killed = tally.mutants - tally.listed - len(tally.surviving)
    return tally


def show(module: str, tally: Tally) -> None:
    print(
        f"  {module:<12} {tally.mutants:>5} mutants {tally.killed:>5} killed"
        f" {tally.listed:>4} listed {len(tally.surviving):>4} surviving"
    )
    for mutant in tally.surviving:
        print(f"    firmware/vcu/{module}.py:{mutant.line} in {mutant.place or 'the module'}")
        print(f"      - {mutant.was}")
        print(f"      + {mutant.becomes}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", default=MODULES, metavar="MODULE")
    modules = list(parser.parse_args().modules)
    unknown = [module for module in modules if module not in MODULES]
    if unknown:
        parser.error(f"no such module: {unknown[0]}; there are {', '.join(MODULES)}")
    listed = read_listed(modules)
    total = Tally()
    failing: list[str] = []
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    gc.freeze()
    started = time.monotonic()
    print(f"{len(modules)} modules, {os.cpu_count()} mutants at once; {RUNNING_TIME}")
    for module in modules:
        tally = judge(module, listed)
        if tally is None:
            failing.append(module)
            files = ", ".join(files_of(module))
            print(f"  {module:<12} skipped: its tests fail without a mutant: {files}")
            continue
        show(module, tally)
        total.mutants += tally.mutants
        total.killed += tally.killed
        total.listed += tally.listed
        total.surviving += tally.surviving
    minutes = (time.monotonic() - started) / 60
    print(
        f"{total.mutants} mutants: {total.killed} killed, {total.listed} listed,"
        f" {len(total.surviving)} surviving; {minutes:.0f} minutes"
    )
    stale = [key for key, times in listed.items() if times and key[0] not in failing]
    for key in stale:
        print("listed in survivors.toml, but gone or killed; remove it:", *key, sep="\n  ")
    if total.surviving:
        print("write a test that fails with the mutant, or list it in survivors.toml with why not")
    return 1 if total.surviving or failing or stale else 0


if __name__ == "__main__":
    sys.exit(main())
