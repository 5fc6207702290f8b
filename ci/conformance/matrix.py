# SPDX-License-Identifier: MIT
"""The matrix of ci/matrix.md and ci/matrix.json, and the faults of ci/faults.md and ci/faults.json.

    python3 ci/conformance/matrix.py            plays all of it against all peers, and writes the four
    python3 ci/conformance/matrix.py --check    whether the .md files are what the .json files say

Exit codes: 0 written, or current; 1 a result that no list explains, or not current; 77 a peer that is
not installed, by name. What is in the .json files is held to the peers by ci/tests/test_matrix.py.
"""

import collections
import concurrent.futures
import dataclasses
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from conformance import columns, faults  # noqa: E402
from peers.harness import EXIT_FAILED, EXIT_OK, EXIT_SKIPPED, ROOT, Drill  # noqa: E402

RESULTS = ("pass", "quirk", "fail", "skip")
SIDE_BY_SIDE = 5  # columns at a time
STALWART = "stalwart"
MODEL = "Stalwart 0.16, its model: held to recordings of 0.16.19, and here played alone"

HEAD = """\
# The conformance matrix

Written by `ci/matrix`, and held to the programs by `ci/tests/test_matrix.py`. A cell counts scenarios of
`scenarios/CLASS` that were played by `milterdrill check`: passed / of these with a quirk (a rule that
peers bear each in their own way) / failed / skipped (what it asks does not apply to this peer, by a
`given` line or for want of a setting). Nobody fails without a reason: each failure is a line of the
list that the cell leads to. `withheld`: not played and not counted ([findings](findings.md)).

A milter is asked what asks its family. An MTA is asked all that asks an MTA, but for what is about the
other one; its limits are set to four seconds, and scenarios that take minutes by themselves are left
to simulations. {model}.
"""

FAULTS_HEAD = """\
# What MTAs do with a milter's faults

Written by `ci/matrix`, and held to the programs by `ci/tests/test_matrix.py`. One row is one way in which
the milter (milterdrill) fails, one column the command that it fails at; each cell is a session of its
own with one message. It says what the SMTP client was told, and at which command where that is not the
end of the message (eom); what became of an accepted message; and the seconds it took, if that is one
or more (the limits are 2 s; PROGRESS comes for 2.5 s). Every message that was accepted was delivered
once or is held, and no other: queue and sink were looked at. The line that the MTA logged stands in
`faults.json`, for each.

"Reply twice": one reply too many, and the milter rejects the message at its end. What Postfix makes of that
is partly chance: its cleanup goes on with the milter that its smtpd began, and does not get what was
read already. `withheld`: [findings](findings.md).
"""


def play(drill, chosen=columns.COLUMNS):
    """{name: Played}"""
    with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        parts = pool.map(lambda column: column.play(drill), chosen)
        return {column.name: part for column, part in zip(chosen, parts)}


def problems(column, played):
    """What no list explains, and what a list says and is not so any more."""
    lines = columns.expected(column.name)
    found = [f"{column.name}: {case.scenario} fails: {case.told}" for case in played.cases
             if case.result == "fail" and not case.reason]
    failed = {case.scenario for case in played.cases if case.result == "fail"}
    asked = column.scenarios()
    for line in lines:
        steady = line.result == "fail" and not line.reason.startswith(columns.CHANCE)
        about = failed if steady else asked
        if not any(columns.stands_for(line, scenario) for scenario in about):
            found.append(f"ci/expected/{column.name}.txt:{line.line}: {line.path} is no longer so")
    return found + [f"{column.name}: {line}" for line in played.died]


def model_of_stalwart(drill):
    """Its column: as the MTA under test in a simulation, in what names it. `run`, not `check`: that a
    body has the headers in it would fail nearly all."""
    result = drill("run", "--sim", "--format", "jsonl", columns.SCENARIOS).check_exit(EXIT_OK)
    about = {scenario for scenario, text in columns.asking("mta").items()
             if STALWART in columns.FAMILY.findall(text)}
    cases = [columns.case_of(record) for record in result.of("result")
             if record["mode"] == "sim-mta" and
             os.path.relpath(record["scenario"], columns.SCENARIOS) in about]
    return columns.Played(MODEL, cases, 0, [])


def counted(played, lines):
    """{class: {result: how many}}; what fails by chance has failed."""
    numbers = collections.defaultdict(lambda: dict.fromkeys(RESULTS, 0))
    for case in played.cases:
        result = "fail" if columns.chancy(lines, case.scenario) else case.result
        numbers[case.scenario.partition("/")[0]][result] += 1
    return {name: numbers[name] for name in sorted(numbers)}


def entry(name, played):
    """One peer of ci/matrix.json."""
    lines = [] if name == STALWART else columns.expected(name)
    return {"peer": name, "version": played.version, "withheld": played.withheld,
            "classes": counted(played, lines)}


def as_json(all_played):
    """What ci/matrix.json holds."""
    return {"schema": 1, "peers": [entry(*one) for one in all_played.items()]}


def cell(peer, name):
    counts = peer["classes"].get(name)
    if not counts:
        return ""
    passed = counts["pass"] + counts["quirk"]
    words = f"{passed} / {counts['quirk']} / {counts['fail']} / {counts['skip']}"
    folder = "../scenarios/expected" if peer["peer"] == STALWART else "expected"
    return f"[{words}]({folder}/{peer['peer']}.txt)"


def render(matrix):
    """ci/matrix.md. Milters and MTAs are asked different things: two tables."""
    kinds = {column.name: column.side for column in columns.COLUMNS}
    out = [HEAD.format(model=MODEL)]
    for side, title in (("milter", "Milters"), ("mta", "MTAs")):
        peers = [p for p in matrix["peers"] if kinds.get(p["peer"], "mta") == side]
        names = sorted({name for peer in peers for name in peer["classes"]})
        out.append(f"## {title}\n\n" + table(
            ["class", *[p["version"].partition(", its")[0] for p in peers]],
            [[name, *[cell(p, name) for p in peers]] for name in names] +
            [["withheld", *[str(p["withheld"] or "") for p in peers]]]))
    return "\n".join(out)


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def faults_json(seen):
    return {"schema": 1, "sessions": [dataclasses.asdict(one) for one in seen]}


def fault_cell(one):
    """451 at mail; 250 delivered; with the seconds where it took any."""
    at = "eom" if one["at"] == "bodyeob" else one["at"]
    words = one["smtp"][:3] if one["smtp"][:3].isdigit() else "no reply"
    words += "" if at == "eom" else f" {at}"
    words += "" if one["fate"] == "none" else f" {one['fate']}"
    halves = round(one["seconds"] * 2) / 2
    return words + (f", {halves:g} s" if halves >= 1 else "")


def render_faults(data):
    found = {(s["mta"], s["action"], s["fault"], s["stage"]): s for s in data["sessions"]}
    out = [FAULTS_HEAD]
    for mta, action in faults.SETTINGS:
        words = faults.WORDS.get((mta, action), f"milter_default_action = {action}")
        rows = []
        for fault in faults.FAULTS:
            ones = [found.get((mta, action, fault, stage)) for stage in faults.STAGES]
            blank = "withheld" if (mta, fault) in faults.WITHHELD else ""
            rows.append([fault, *[fault_cell(one) if one else blank for one in ones]])
        out.append(f"## {mta.capitalize()}, {words}\n\n" + table(["", *faults.STAGES], rows))
    return "\n".join(out)


FILES = (("matrix", render), ("faults", render_faults))


def path_of(name):
    return os.path.join(ROOT, "ci", name)


def load(name):
    with open(path_of(name + ".json"), encoding="utf-8") as source:
        return json.load(source)


def write(name, text):
    with open(path_of(name), "w", encoding="utf-8") as out:
        out.write(text)


def check():
    """The .md files that are not current."""
    stale = []
    for name, rendered in FILES:
        with open(path_of(name + ".md"), encoding="utf-8") as source:
            if source.read() != rendered(load(name)):
                stale.append(f"ci/{name}.md is not what ci/{name}.json says: ci/matrix writes both")
    return stale


def dumped(data, key):
    """One line an entry, so that a change is one line of a diff."""
    lines = ",\n".join(json.dumps(entry, sort_keys=False) for entry in data[key])
    return f'{{"schema": 1, "{key}": [\n{lines}\n]}}\n'


def renew():
    """Plays everything; what no list explains."""
    drill = Drill.release()
    played = play(drill)
    wrong = [line for column in columns.COLUMNS for line in problems(column, played[column.name])]
    played[STALWART] = model_of_stalwart(drill)
    found = {"matrix": (as_json(played), "peers"),
             "faults": (faults_json(faults.play(drill)), "sessions")}
    for name, rendered in FILES:
        data, key = found[name]
        write(name + ".json", dumped(data, key))
        write(name + ".md", rendered(data))
    return wrong


def main(argv):
    if argv not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    missing = [] if argv else [c.missing() for c in columns.COLUMNS if c.missing()]
    lines = missing or (check() if argv else renew())
    for line in lines:
        print(line, file=sys.stderr)
    return EXIT_SKIPPED if missing else EXIT_FAILED if lines else EXIT_OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
