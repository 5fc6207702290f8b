# SPDX-License-Identifier: MIT
"""The models of milters against the real programs: the same scenarios and the same faults, and each has the
same result, the same replies and the same ending. What a model does otherwise, and why, stands in
ci/peers/models.txt; a line there that is no longer true fails."""

import fnmatch
import functools
import glob
import os
import re
import shutil

import pytest

from peers.faults import all_faults
from peers.harness import ROOT
from peers.libmilter import Libmilter
from peers.pmilter import PlainPmilter
from peers.rspamd import Rspamd

SCENARIOS = os.path.join(ROOT, "scenarios")
DEVIATIONS = os.path.join(ROOT, "ci", "peers", "models.txt")
# For one line of a real program. rspamd answers little, and is quick where it does.
PATIENCE = {"libmilter": "2s", "pmilter": "2s", "rspamd": "700ms"}
# The settings of a scenario's `milter` line, in the words of the plain filter. A scenario says nothing
# of SMFIP_SKIP (0x400), which libmilter presets where a filter negotiates.
WORDS = {
    "": ("bodyeob=accept",),
    "mail=reject": ("bodyeob=accept", "mail=reject"),
    "protocol=nr_mail mail=reject": ("bodyeob=accept", "steps=0x4400", "mail=reject"),
    "protocol=nr_hdr": ("bodyeob=accept", "steps=0x480"),
    "eom=continue": (),
    "body=skip": ("bodyeob=accept", "body=skip"),
    "actions=addhdrs protocol=nohelo": ("bodyeob=accept", "actions=1", "no=helo"),
}
PEERS = {"libmilter": lambda: Libmilter(words=WORDS[""]), "pmilter": PlainPmilter, "rspamd": Rspamd}
MODELS = ("libmilter", "pmilter", "rspamd")
WITHHELD = {"rspamd": ("reset/", "state/", "resource/")}  # whole groups: ci/findings.md


@functools.lru_cache(maxsize=None)
def scenarios():
    """{name: (profile, settings)} of those that ask a milter."""
    found = {}
    for path in sorted(glob.glob(os.path.join(glob.escape(SCENARIOS), "*", "*.drill"))):
        with open(path, encoding="utf-8") as text:
            lines = text.read()
        if "tests=mta" not in lines.partition("\n")[0]:
            profile = re.search(r"^milter (\S+) ?(.*)$", lines, re.MULTILINE)
            found[os.path.relpath(path, SCENARIOS)] = profile.groups() if profile else \
                ("libmilter", "")
    return found


def outcomes(drill, address, paths, root, patience="2s"):
    """{path: (result, replies, ending)} as the harness saw them."""
    played = drill("run", "--milter", address, "--root", root, "--format", "jsonl", "-v", "--timeout",
                   patience, *paths)
    found, replies, ending = {}, [], "none"
    for record in played.records:
        if record["event"] == "result":
            if "concurrently" in read(record["scenario"]):  # a model plays one copy only
                replies, ending = [], "none"
            found[record["scenario"]] = (record["result"], "\n".join(replies), ending)
            replies, ending = [], "none"
        elif record.get("dir") == "<" and record["event"] == "end":
            ending = record["end"]
        elif record.get("dir") == "<" and "text" in record:
            replies.append(record["text"].rstrip('"'))
    return found


def read(path):
    with open(path, encoding="utf-8") as text:
        return text.read()


def same(real, model):
    """An RST may overtake the last bytes of what was said before it; and where both fail, the last reply
    may not have been there as a whole when the first of its bytes was one too many."""
    if real is None or model is None or real[0] != model[0] or real[2] != model[2]:
        return False
    said = real[1]
    if real[0] == "fail":
        said = re.sub(r"(^|\n)< raw data=[^\n]*$", "", said)
    cut = real[2] == "rst" or said != real[1]
    return model[1].startswith(said) if cut else real[1] == model[1]


def deviations(model):
    with open(DEVIATIONS, encoding="utf-8") as lines:
        rows = [[word.strip() for word in line.split("|")] for line in lines if line[0] != "#"]
    return [row[1] for row in rows if row[0] == model]


def check(model, names, real, modelled):
    differ = {name for name in names if not same(real.get(name), modelled.get(name))}
    known = {name for name in names for glob_ in deviations(model) if fnmatch.fnmatch(name, glob_)}
    shown = "\n".join(f"{name}\n  real  {real.get(name)}\n  model {modelled.get(name)}"
                      for name in sorted(differ - known)[:20])
    assert not differ - known, shown
    return {glob_ for glob_ in deviations(model) if fnmatch.filter(differ, glob_)}


def start(model, words=None):
    peer = Libmilter(words=words) if words is not None else PEERS[model]()
    if peer.missing():
        pytest.skip(peer.missing())
    return peer


def play_both(drill, peer, model, paths, root):
    with peer:
        real = outcomes(drill, peer.address, paths, root, PATIENCE[model])
        assert peer.alive() and "Assertion" not in peer.log(), \
            f"{peer.name} died (ci/findings.md says what is to be done then)"
    return real, outcomes(drill, f"sim:{model}", paths, root)


def asked_of(model, settings):
    """The scenarios that both can be asked: settings are in the words of their own profile."""
    return [name for name, (profile, more) in scenarios().items()
            if more == settings and (profile == model or (model != "libmilter" and not more))
            and not name.startswith(WITHHELD.get(model, "\n"))]


def copied(name, folder):
    """The scenario without the line that says whose it is, so that any model plays it."""
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as out:
        out.write(re.sub(r"^milter .*\n", "", read(os.path.join(SCENARIOS, name)), flags=re.MULTILINE)
                  if not scenarios()[name][1] else read(os.path.join(SCENARIOS, name)))
    return path


@pytest.mark.parametrize("model, settings", [
    *(("libmilter", settings) for settings in WORDS), ("pmilter", ""), ("rspamd", "")])
def test_scenarios_end_alike(drill, work, model, settings):
    shutil.copytree(os.path.join(SCENARIOS, "messages"), os.path.join(work, "messages"))
    paths = {copied(name, work): name for name in asked_of(model, settings)}
    assert paths
    peer = start(model, WORDS[settings] if model == "libmilter" else None)
    real, modelled = ({paths[path]: what for path, what in found.items()}
                      for found in play_both(drill, peer, model, list(paths), work))
    check(model, paths.values(), real, modelled)


def write_faults(folder, model):
    names = {}
    for number, (name, lines) in enumerate(all_faults(model != "rspamd")):
        path = os.path.join(folder, f"{number:04d}.drill")
        names[path] = f"fault/{name}"
        with open(path, "w", encoding="utf-8") as out:
            out.write("\n".join([f'drill 1 "{name}" tests=milter', *lines, ""]))
    return names


@pytest.mark.parametrize("model", MODELS)
def test_faults_end_alike(drill, work, model):
    names = write_faults(work, model)
    assert len(names) > 400
    real, modelled = ({names[path]: what for path, what in found.items()}
                      for found in play_both(drill, start(model), model, [work], work))
    used = check(model, names.values(), real, modelled)
    assert used == {line for line in deviations(model) if line.startswith("fault/")}, \
        "a line of models.txt is no longer true"


def test_every_milter_line_of_a_scenario_is_known():
    assert {settings for profile, settings in scenarios().values() if profile == "libmilter"} == \
        set(WORDS)
