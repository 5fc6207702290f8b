# SPDX-License-Identifier: MIT
"""The catalogue of scenarios: what each asks, and why, as one table.

    python3 ci/checks/catalogue.py --write    renews the table of scenarios/README.md
"""

import collections
import os
import re
import sys

from source import ROOT, files, text

FOLDER = "scenarios"
RECORDED = "scenarios/recorded/"  # of MTAs, as they come
README = "scenarios/README.md"
BEGIN, END = "<!-- catalogue -->", "<!-- /catalogue -->"
CLASSES = ("reset", "oversized", "negotiation", "timeout", "framing", "state", "content",
           "resource", "security", "actions")

STRING = r'"((?:[^"\\]|\\.)*)"'
FIRST = re.compile(rf"^drill 1 {STRING}(?: tests=(mta|milter))?$")
WHY = re.compile(rf"^why {STRING}$", re.MULTILINE)
# F002 a report, S-1 a known deviation, M12 and F26 rules of the judge (milterdrill explain).
ID = re.compile(r"\b(?:F\d{3}b?|[CDGLMPRS]-\d+|[MF]\d{1,2})\b")
SOURCE = re.compile(r"\b(?:[\w.-]+#\d+|CVE-\d{4}-\d+|RFC \d+|\w+\.(?:c|h|rs))\b|Stalwart, M")

Entry = collections.namedtuple("Entry", "path title asks why ids")


def entry(path):
    """None for a file whose first line is not a scenario's."""
    content = text(path)
    first = FIRST.match(content.partition("\n")[0])
    if not first:
        return None
    why = " ".join(WHY.findall(content))
    ids = list(dict.fromkeys(ID.findall(why)))
    return Entry(os.path.relpath(path, FOLDER), unquoted(first.group(1)), first.group(2), why, ids)


def unquoted(string):
    return re.sub(r"\\(.)", r"\1", string)


def paths():
    found = (path for path in files(FOLDER, ending=".drill") if not path.startswith(RECORDED))
    return sorted(found, key=lambda path: path.split("/"))


def frames(path):
    """The file without what does not cross the wire or come of it: title, reasons, profiles,
    comments, indentation."""
    kept = []
    for line in text(path).splitlines():
        bare = without_comment(line).strip()
        if bare and not re.match(r"(drill|why|mta|milter)\b", bare):
            kept.append(" ".join(bare.split()))
    return "\n".join(kept)


def without_comment(line):
    found = re.match(rf'(?:[^"#]|{STRING})*', line)
    return found.group(0)


def table():
    lines = ["| scenario | what it asks | of | ids |", "|---|---|---|---|"]
    for path in paths():
        found = entry(path)
        if found:
            title = found.title.replace("|", "\\|")
            lines.append(f"| [{found.path}]({found.path}) | {title} | {found.asks or 'either'} | "
                         f"{' '.join(found.ids)} |")
    return "\n".join(lines)


def renewed(readme):
    """README.md with the table as it should be; None without the markers."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        return None
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def main(argv):
    readme = renewed(text(README))
    if argv != ["--write"] or readme is None:
        print(f"usage: catalogue.py --write ({README} needs {BEGIN} and {END})", file=sys.stderr)
        return 2
    with open(os.path.join(ROOT, README), "w", encoding="utf-8") as out:
        out.write(readme)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
