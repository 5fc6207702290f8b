# SPDX-License-Identifier: MIT
"""Runs every check_*.py of this folder: run.py BUILD [NAME...]. Exit 1 when one finds something.

A check is a module with check(build), which yields one line a problem; its docstring is what must
hold. With NOTES_ONLY its lines are shown and do not fail.
"""

import glob
import importlib
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)


def names():
    found = glob.glob(os.path.join(glob.escape(HERE), "check_*.py"))
    return sorted(os.path.basename(path)[len("check_"):-len(".py")] for path in found)


def run(name, build):
    """The number of problems that count."""
    module = importlib.import_module("check_" + name)
    problems = list(module.check(build))
    notes_only = getattr(module, "NOTES_ONLY", False)
    state = "ok  " if not problems else "note" if notes_only else "FAIL"
    print(f"{state} {name}: {module.__doc__.strip()}", flush=True)
    for problem in problems:
        print(f"     {problem}")
    return 0 if notes_only else len(problems)


def main(argv):
    if not argv:
        print("usage: run.py BUILD [NAME...]", file=sys.stderr)
        return 2
    chosen = argv[1:] or names()
    failed = sum(run(name, argv[0]) > 0 for name in chosen)
    print(f"{len(chosen)} checks, {failed} failed")
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
