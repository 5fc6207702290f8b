# SPDX-License-Identifier: MIT
"""each rule of the judge is broken in a scenario, and scenarios/README.md names one that is"""

import rules
from source import text


def check(build):
    try:
        shown = rules.examples(rules.broken(build))
    except rules.Trouble as why:
        yield str(why)
        return
    known = rules.rules()
    if not known:
        yield f"{rules.FILE}: no rules found"
    for rule in known:
        if rule.id not in shown:
            yield f"{rules.FILE}: no scenario breaks {rule.id}: {rule.title}"
    readme = text(rules.README)
    if rules.renewed(readme, shown) != readme:
        yield f"{rules.README}: not current: python3 ci/checks/rules.py --write {build}"
