#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Can every scenario fail? Breaks the models and the judge, one line at a time, and plays them all.

    ci/mutants/run.py            0: every mutant is caught, and every scenario fails under one
    ci/mutants/run.py --write    also renews the table of scenarios/README.md
    ci/mutants/run.py --only ID  that mutant alone, with all scenarios that notice it

1: a mutant that nobody notices, or a scenario that fails under no mutant of the side that it asks;
2: no answer (a text of mutants.txt that does not stand exactly once in its file, no build, a mutant
that crashes). A scenario notices when it passes no longer, or when it was expected to fail and
passes, or fails otherwise. What no scenario notices of the judge, or of how recordings are made and compared, unit tests may. Works on a
copy of the sources as they lie here; the form of a mutant: mutants.txt.
"""

import argparse
import collections
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
LIST = os.path.join(HERE, "mutants.txt")
README = os.path.join(ROOT, "scenarios", "README.md")
BEGIN, END = "<!-- mutants -->", "<!-- /mutants -->"
COPIED = ("CMakeLists.txt", "README.md", "harness", "fuzz", "corpus", "scenarios", "ci")
MILTERS = re.compile(r"harness/session/(libmilter|rspamd|pmilter|v2only|negotiate|milter)\b")
MTAS = re.compile(r"harness/session/(stalwart|postfix|sendmail|mta|several|apply)")
# What no scenario can show (of recordings; finer points of the judge), unit tests may.
TESTED = re.compile(r"harness/(session/(judge|rule|milter\b)|record/tap|scenario/(shape|tolerate|match|"
                    r"run_tolerate|recorded|implied|transcript|import_|scrub))")
TESTS = ("test_session_judge", "test_session_judge_mta", "test_session_judge_milter",
         "test_session_judge_text", "test_scenario_shape", "test_scenario_match",
         "test_scenario_run_tolerate", "test_scenario_recorded", "test_scenario_implied",
         "test_scenario_transcript", "test_scenario_import_log", "test_scenario_import_tcp",
         "test_scenario_import_write", "test_scenario_scrub", "test_scenario_scrub_text",
         "test_record_tap")
SECONDS = 60  # for one run of all scenarios, which takes a tenth of one
EXAMPLES = 3

Mutant = collections.namedtuple("Mutant", "id file what old new")
Caught = collections.namedtuple("Caught", "mutant scenarios by_tests")


class Trouble(Exception):
    """No answer can be given: exit code 2."""


# ---- the list ----

def mutants():
    with open(LIST, encoding="utf-8") as source:
        blocks = re.split(r"\n\s*\n", source.read())
    found = [parsed(lines) for lines in map(stated, blocks) if lines]
    twice = [i for i, n in collections.Counter(m.id for m in found).items() if n > 1]
    if twice:
        raise Trouble(f"{LIST}: more than one mutant is called {', '.join(twice)}")
    return found


def stated(block):
    return [line for line in block.splitlines() if line and not line.startswith("#")]


def parsed(lines):
    fields = dict(re.findall(r"^(id|file|what): (.*)$", "\n".join(lines), re.MULTILINE))
    old = "\n".join(line[2:] for line in lines if line.startswith("-"))
    new = "\n".join(line[2:] for line in lines if line.startswith("+"))
    if len(fields) != 3 or not old or old == new:
        raise Trouble(f"{LIST}: a mutant needs id, file, what, - and + lines: {lines[0]}")
    return Mutant(fields["id"], fields["file"], fields["what"], old, new)


# ---- the copy ----

class Copy:
    """The sources in a folder of their own, built there."""

    def __init__(self, folder):
        self.folder = folder
        self.build = os.path.join(folder, "build")
        for name in COPIED:
            self.take(name)
        self.checked("cmake", "-G", "Ninja", "-S", folder, "-B", self.build, "-DDRILL_TESTS=ON",
                     "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_C_FLAGS_DEBUG=-O1")
        self.checked("ninja", "-C", self.build, "milterdrill", *TESTS)
        self.before = self.play("the sources as they are")

    def take(self, name):
        source, target = os.path.join(ROOT, name), os.path.join(self.folder, name)
        if os.path.isdir(source):
            shutil.copytree(source, target, symlinks=True,
                            ignore=shutil.ignore_patterns("__pycache__", "build", "findings"))
        elif os.path.exists(source):
            shutil.copy2(source, target)

    def checked(self, *command):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Trouble(f"{' '.join(command[:4])} ...:\n{done.stdout[-3000:]}{done.stderr}")

    def text(self, file):
        with open(os.path.join(self.folder, file), encoding="utf-8", newline="") as source:
            return source.read()

    def put(self, file, text):
        with open(os.path.join(self.folder, file), "w", encoding="utf-8", newline="") as out:
            out.write(text)

    def play(self, what):
        """What each scenario came to: its path -> {how it was played: result}."""
        lists = sorted(glob.glob(os.path.join(glob.escape(self.folder), "scenarios/expected/*.txt")))
        expect = [word for path in lists for word in ("--expect", path)]
        command = [os.path.join(self.build, "milterdrill"), "run", "--sim", "--format", "jsonl",
                   *expect, "scenarios"]
        try:
            done = subprocess.run(command, cwd=self.folder, capture_output=True, check=False,
                                  timeout=SECONDS)
        except subprocess.TimeoutExpired as late:
            raise Trouble(f"{what}: not done in {SECONDS} s") from late
        if done.returncode not in (0, 1):
            raise Trouble(f"{what}: exit code {done.returncode}\n{done.stderr.decode()[-1000:]}")
        return results(done.stdout.decode(errors="replace"))

    def tests_fail(self, what):
        self.checked("ninja", "-C", self.build, *TESTS)
        for test in TESTS:
            try:
                done = subprocess.run([os.path.join(self.build, test)], capture_output=True,
                                      check=False, timeout=SECONDS)
            except subprocess.TimeoutExpired as late:
                raise Trouble(f"{what}: {test} is not done in {SECONDS} s") from late
            if done.returncode:
                return True
        return False


def results(text):
    found = {}
    for line in text.splitlines():
        one = json.loads(line)
        if one.get("event") == "result":
            path = one["scenario"].removeprefix("scenarios/")
            found.setdefault(path, {})[one["mode"]] = outcome(one)
    return found


def outcome(one):
    """Of a pass and a skip that alone; of a failure also which."""
    if one["result"] in ("pass", "skip"):
        return (one["result"],)
    return (one["result"],) + tuple(one.get(key) for key in ("line", "what", "actual", "why", "judge"))


# ---- one mutant ----

def applied(mutant, text):
    count = text.count(mutant.old)
    if count != 1:
        raise Trouble(f"{mutant.id}: its old text stands {count} times in {mutant.file}")
    return text.replace(mutant.old, mutant.new)


def check_texts(copy, chosen):
    """All drifted texts at once."""
    drifted = []
    for mutant in chosen:
        try:
            applied(mutant, copy.text(mutant.file))
        except (Trouble, OSError) as why:
            drifted.append(str(why))
    if drifted:
        raise Trouble("\n".join(drifted))


def tried(copy, mutant):
    """Which scenarios notice it, and do the unit tests."""
    text = copy.text(mutant.file)
    copy.put(mutant.file, applied(mutant, text))
    try:
        copy.checked("ninja", "-C", copy.build, "milterdrill")
        after = copy.play(mutant.id)
        noticed = sorted(path for path in copy.before if copy.before[path] != after.get(path))
        by_tests = bool(not noticed and TESTED.match(mutant.file) and copy.tests_fail(mutant.id))
    finally:
        copy.put(mutant.file, text)
    return Caught(mutant, noticed, by_tests)


# ---- all of them ----

def is_played(modes):
    return any(outcome[0] != "skip" for outcome in modes.values())


def breaks_one_asked(mutant, modes):
    """A scenario about MTAs also fails with the milter that it is played with; that is not enough."""
    other = "sim-mta" if MILTERS.match(mutant.file) else "sim-milter"
    neutral = not MILTERS.match(mutant.file) and not MTAS.match(mutant.file)
    return neutral or set(modes) != {other}


def never_failing(copy, caught):
    failing = {path for one in caught for path in one.scenarios
               if breaks_one_asked(one.mutant, copy.before[path])}
    return sorted(path for path in copy.before
                  if is_played(copy.before[path]) and path not in failing)


def table(caught):
    lines = ["| mutant | what is broken | noticed by | for example |", "|---|---|---|---|"]
    for one in caught:
        shown = examples(one.scenarios, caught)
        count = str(len(one.scenarios)) if one.scenarios else "unit tests"
        what = one.mutant.what.replace("|", "\\|")
        links = ", ".join(f"[{path.removesuffix('.drill')}]({path})" for path in shown)
        lines.append(f"| `{one.mutant.id}` | {what} | {count} | {links} |")
    return "\n".join(lines)


def examples(paths, caught):
    """Those that the fewest mutants make fail: they say most about this one."""
    often = collections.Counter(path for one in caught for path in one.scenarios)
    return sorted(sorted(paths, key=lambda path: (often[path], path))[:EXAMPLES])


def write_table(caught):
    with open(README, encoding="utf-8") as source:
        text = source.read()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise Trouble(f"{README} needs {BEGIN} and {END}")
    with open(README, "w", encoding="utf-8") as out:
        out.write(f"{before}{BEGIN}\n{table(caught)}\n{END}{after}")


def told(caught):
    how = f"{len(caught.scenarios)} scenarios" if caught.scenarios else "NOBODY notices"
    how = "the unit tests" if caught.by_tests else how
    print(f"{caught.mutant.id}: {how}", flush=True)


def summed_up(copy, caught):
    """Prints what is missing; how many things that are."""
    missed = [one.mutant.id for one in caught if not one.scenarios and not one.by_tests]
    never = never_failing(copy, caught)
    skipped = sorted(path for path in copy.before if not is_played(copy.before[path]))
    for title, names in (("no scenario and no test notices", missed),
                         ("fails under no mutant", never), ("not played", skipped)):
        for name in names:
            print(f"{title}: {name}")
    print(f"{len(caught)} mutants, {len(missed)} not caught; {len(copy.before)} scenarios, "
          f"{len(never)} never fail, {len(skipped)} not played")
    return len(missed) + len(never)


def all_tried(copy, chosen):
    caught, troubles = [], []
    for mutant in chosen:
        try:
            caught.append(tried(copy, mutant))
            told(caught[-1])
        except Trouble as why:
            troubles.append(str(why))
            print(f"{mutant.id}: {why}", flush=True)
    return caught, troubles


def run(options):
    chosen = [m for m in mutants() if options.only in (None, m.id)]
    if not chosen:
        raise Trouble(f"no mutant is called {options.only}" if options.only else f"{LIST}: none")
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = Copy(folder)
        check_texts(copy, chosen)
        caught, troubles = all_tried(copy, chosen)
        if options.only and caught:
            print("\n".join(caught[0].scenarios))
            return 0 if caught[0].scenarios or caught[0].by_tests else 1
        faults = summed_up(copy, caught)
    if troubles:
        raise Trouble(f"no answer from {len(troubles)} mutants")
    if options.write and not faults:
        write_table(caught)
    return 1 if faults else 0


def main(argv):
    parser = argparse.ArgumentParser(description="Can every scenario fail?")
    parser.add_argument("--write", action="store_true", help="renew the table of the README")
    parser.add_argument("--only", metavar="ID", help="this mutant alone")
    try:
        return run(parser.parse_args(argv))
    except Trouble as why:
        print(why, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
