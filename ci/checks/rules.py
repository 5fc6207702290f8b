# SPDX-License-Identifier: MIT
"""Which scenario breaks which rule of the judge: the table of scenarios/README.md, from a real run.

    python3 ci/checks/rules.py --write build/release    renews it
"""

import collections
import json
import os
import re
import subprocess
import sys

from source import ROOT, text

FILE = "harness/session/rule.def"
FOLDER = "scenarios"
README = "scenarios/README.md"
BEGIN, END = "<!-- rules -->", "<!-- /rules -->"
RULE = re.compile(r'^DRILL_RULE\((\w+), \w+, (\w+),\s*"((?:[^"\\]|\\.)*)"', re.MULTILINE)
SECONDS = 60  # all of them take a fraction of one

Rule = collections.namedtuple("Rule", "id severity title")


class Trouble(Exception):
    """The scenarios could not be played."""


def rules():
    return [Rule(*found) for found in RULE.findall(text(FILE))]


def broken(build):
    """{path of a scenario: ids of the rules that one of its sides broke}, played in --sim."""
    command = [os.path.join(ROOT, build, "milterdrill"), "run", "--sim", "--format", "jsonl", FOLDER]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False,
                              timeout=SECONDS)
    except (OSError, subprocess.TimeoutExpired) as why:
        raise Trouble(f"{command[0]}: {why}") from why
    found = {}
    for line in done.stdout.splitlines():
        one = json.loads(line)
        if one["event"] == "result":
            path = os.path.relpath(one["scenario"], FOLDER)
            found.setdefault(path, set()).update(one["rules"])
    if not found:
        raise Trouble(f"{' '.join(command[1:])}: exit code {done.returncode}, no results")
    return found


def examples(found):
    """{id: the scenario that breaks this rule and the fewest others}"""
    best = {}
    for path, ids in sorted(found.items()):
        for rule in ids:
            if rule not in best or len(ids) < len(found[best[rule]]):
                best[rule] = path
    return best


def table(shown):
    lines = ["| rule | severity | what is right | for example |", "|---|---|---|---|"]
    for rule in rules():
        path = shown.get(rule.id)
        link = f"[{path.removesuffix('.drill')}]({path})" if path else ""
        title = rule.title.replace("|", "\\|")
        lines.append(f"| {rule.id} | {rule.severity.lower()} | {title} | {link} |")
    return "\n".join(lines)


def renewed(readme, shown):
    """README.md with the table as it should be; None without the markers."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table(shown)}\n{END}{after}" if begin and end else None


def main(argv):
    if len(argv) != 2 or argv[0] != "--write":
        print("usage: rules.py --write BUILD", file=sys.stderr)
        return 2
    try:
        readme = renewed(text(README), examples(broken(argv[1])))
    except Trouble as why:
        print(why, file=sys.stderr)
        return 2
    if readme is None:
        print(f"{README} needs {BEGIN} and {END}", file=sys.stderr)
        return 2
    with open(os.path.join(ROOT, README), "w", encoding="utf-8") as out:
        out.write(readme)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
