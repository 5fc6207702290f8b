# SPDX-License-Identifier: MIT
"""Results that a CI reads, held against their consumers: TAP by Perl's prove and TAP::Parser,
JUnit XML by a schema, GitHub's annotations by the rules of its toolkit."""

import json
import os
import re
import signal
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from fakes import Fake, read_frame, reply_to
from peers.base import find_program, free_port
from peers.harness import ROOT, execute

XSD = os.path.join(ROOT, "ci", "tests", "junit.xsd")
FORMATS = ("text", "jsonl", "tap", "junit")
ON_GITHUB = {"GITHUB_ACTIONS": "true"}
NASTY_NAME = b"q\"'&<>]]>#1,%:\\ \xff\x1b.drill"
NASTY_REPLY = b"y550 5.7.1 \x1b[31m \xff\xc3( ]]> <&> \"'# \\ \r\n::warning::no\0"
PASS = 'drill 1 "passes" tests=milter\n...\n'
FAIL = 'drill 1 "fails" tests=milter\nwhy "# ]]> <&> \\"q\\" \\\\"\n...\n> mail\n< reject\n'
BAD = 'drill 1 "bad"\n> helo nmae="x"\n'
ASKS_MTA = 'drill 1 "asks the MTA" tests=mta\n...\n'
# TAP::Parser says all that it read, YAML included, as JSON.
READ_TAP = """
use TAP::Parser; use JSON::PP;
local $/; my $parser = TAP::Parser->new({tap => <STDIN>});
my (@points, $bail);
while (my $r = $parser->next) {
    if ($r->is_test) { push @points, {name => $r->description, ok => $r->is_ok ? 1 : 0,
                                      skip => $r->has_skip ? $r->explanation : undef}; }
    $points[-1]{yaml} = $r->data if $r->is_yaml;
    $bail = $r->explanation if $r->is_bailout;
    die "not TAP: " . $r->as_string if $r->is_unknown;
}
print JSON::PP->new->utf8(0)->ascii->encode({points => \\@points, bail => $bail,
    errors => [$parser->parse_errors], plan => $parser->plan, version => $parser->version});
"""


def need(program):
    found = find_program(program)
    if not found:
        pytest.skip(f"{program} is not installed")
    return found


@pytest.fixture
def mixed(work):
    """One file for each way that it can end, and one with a name that nothing may break on."""
    for name, text in ((b"pass.drill", PASS), (b"fail.drill", FAIL), (b"bad.drill", BAD),
                       (b"skip.drill", ASKS_MTA), (NASTY_NAME, FAIL)):
        with open(os.path.join(os.fsencode(work), name), "w", encoding="utf-8") as out:
            out.write(text)
    return work


def run(drill, form, *args, **env):
    return drill("run", "--format", form, *args,
                 env={"GITHUB_ACTIONS": "", "TAP_VERSION": "", **env})


def run_mixed(drill, form, folder, *args, **env):
    return run(drill, form, "--milter", "sim:libmilter", *args, folder, **env).check_exit(2)


def read_tap(text):
    done = execute([need("perl"), "-e", READ_TAP], text.encode("utf-8"))
    assert done.exit_code == 0, done.dump("TAP::Parser")
    told = json.loads(done.out)
    assert told["errors"] == [], told
    return told


def read_junit(text, folder):
    """Held against the schema; the suite."""
    path = os.path.join(folder, "junit.xml")
    with open(path, "w", encoding="utf-8", newline="") as out:
        out.write(text)
    done = execute([need("xmllint"), "--noout", "--nonet", "--schema", XSD, path])
    assert done.exit_code == 0, done.dump("not valid")
    suites = ElementTree.fromstring(text.encode("utf-8"))
    suite, = suites
    for elements, total in (("testcase", "tests"), ("failure", "failures"), ("error", "errors"),
                            ("skipped", "skipped")):
        count = len(list(suite.iter(elements)))
        assert suite.get(total) == suites.get(total) == str(count), (total, count)
    return suite


def cases(suite):
    found = {case.get("name"): case for case in suite.iter("testcase")}
    assert len(found) == len(list(suite.iter("testcase"))), "two cases of one name"
    return found


def talks_nastily(connection):
    """A milter that rejects the sender with all that a format could break on."""
    while True:
        code, _ = read_frame(connection)
        reply = len(NASTY_REPLY).to_bytes(4, "big") + NASTY_REPLY
        connection.sendall(reply if code == b"M" else reply_to(code))


# ---- TAP


def test_tap_is_version_14_and_the_plan_comes_first(drill, mixed):
    lines = run_mixed(drill, "tap", mixed).out.splitlines()
    assert lines[:2] == ["TAP version 14", "1..5"]
    assert all(re.match(r"(not )?ok |  |Bail out!", line) for line in lines[2:]), lines


def test_tap_version_follows_the_harness(drill, mixed):
    new, old = (run_mixed(drill, "tap", mixed, TAP_VERSION=v).out for v in ("14", "13"))
    assert old.startswith("TAP version 13\n") and new.startswith("TAP version 14\n")
    assert old.split("\n")[1:] == new.split("\n")[1:]


def test_tap_parser_reads_every_result(drill, mixed):
    told = read_tap(run_mixed(drill, "tap", mixed, TAP_VERSION="13").out)
    points = {os.path.basename(point["name"]).split(" ")[0]: point for point in told["points"]}
    assert (told["plan"], told["bail"], len(points)) == ("1..5", None, 5), told
    assert points["pass.drill"]["ok"] and points["skip.drill"]["skip"] == "it asks the MTA"
    assert not points["fail.drill"]["ok"] and not points["bad.drill"]["ok"]
    yaml = points["fail.drill"]["yaml"]
    assert (yaml["severity"], yaml["expected"], yaml["actual"]) == ("fail", "< reject", "< continue")
    assert yaml["at"].endswith("/fail.drill:5") and yaml["before"][-1].startswith("> mail")
    assert yaml["why"] == '# ]]> <&> "q" \\' and yaml["repeat"].startswith("milterdrill run ")
    assert points["bad.drill"]["yaml"]["at"].endswith("/bad.drill:2")


@pytest.mark.parametrize("text, code", [(PASS, 0), (FAIL, 1)])
def test_prove_of_a_file(drill, work, text, code):
    scenario, path = os.path.join(work, "x.drill"), os.path.join(work, "x.tap")
    for name, content in ((scenario, text), (path, "")):
        with open(name, "w", encoding="utf-8") as out:
            out.write(content or run(drill, "tap", "--sim", scenario, TAP_VERSION="13").out)
    done = execute([need("prove"), "-e", "cat", path])
    assert done.exit_code == code and "Parse errors" not in done.out, done.dump("prove")


@pytest.mark.parametrize("text, result", [(PASS, "PASS"), (FAIL, "FAIL")])
def test_prove_as_the_harness(drill, work, text, result):
    """It says in TAP_VERSION what it can read, and reads what comes."""
    with open(os.path.join(work, "x.drill"), "w", encoding="utf-8") as out:
        out.write(text)
    link = os.path.join(work, "milterdrill")  # prove splits the command at blanks
    os.symlink(os.path.abspath(drill.binary), link)
    program = f"{link} run --sim --format tap"
    done = execute([need("prove"), "--ext", ".drill", "-e", program, work])
    assert f"Result: {result}" in done.out, done.dump("prove")
    assert "Parse errors" not in done.out, done.dump("prove")


@pytest.mark.parametrize("form", ["tap", "junit"])
def test_a_refused_connection(drill, work, mixed, form):
    address = f"inet:{free_port()}@127.0.0.1"
    result = run(drill, form, "--milter", address, os.path.join(mixed, "pass.drill"),
                 TAP_VERSION="13").check_exit(99)
    if form == "tap":
        told = read_tap(result.out)
        assert told["bail"].startswith("the milter could not be reached: "), told
        assert told["points"][0]["yaml"]["severity"] == "error"
    else:
        problem = cases(read_junit(result.out, work))["pass.drill (mta)"][0]
        assert (problem.tag, problem.get("type")) == ("error", "unreachable")


def test_an_address_that_cannot_be_listened_on(drill, work, mixed):
    args = ("--listen", f"unix:{work}/none/x.sock", mixed)
    text = run(drill, "tap", *args).check_exit(2).out
    assert re.fullmatch(r"TAP version 14\nBail out! .*x\.sock.*\n", text), text
    suite = read_junit(run(drill, "junit", *args).check_exit(2).out, work)
    assert [problem.get("type") for problem in suite.iter("error")] == ["stopped"]


@pytest.mark.parametrize("form", ["tap", "junit", "text"])
def test_an_interrupted_run_is_no_success(drill, work, mixed, form):
    args = [drill.binary, "run", "--sim", "--format", form, "--repeat", "1000000000000",
            os.path.join(mixed, "pass.drill")]
    process = subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with pytest.raises(subprocess.TimeoutExpired):
        process.communicate(timeout=0.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 1 and b"interrupted" in err, (process.returncode, out, err)
    if form == "tap":
        assert out.splitlines()[-1].startswith(b"Bail out! interrupted"), out
    elif form == "junit":
        assert len(list(read_junit(out.decode("utf-8"), work).iter("error"))) == 1


# ---- JUnit


def test_junit_is_valid_and_has_every_result(drill, work, mixed):
    suite = read_junit(run_mixed(drill, "junit", mixed).out, work)
    found = cases(suite)
    kinds = {name.split(".")[0]: [part.tag for part in case] for name, case in found.items()}
    assert kinds["pass"] == [] and kinds["skip"] == ["skipped"] and kinds["bad"] == ["error"]
    assert kinds["fail"] == ["failure", "system-out"] and len(found) == 5, kinds
    case = found["fail.drill (sim-milter)"]
    assert (case.get("classname"), case.get("line")) == (mixed, "5")
    assert case.get("file") == os.path.join(mixed, "fail.drill")
    assert "expected  < reject\n" in case.find("failure").text
    assert case.find("system-out").text.startswith("< continue\n> macro")


def test_junit_of_a_simulation_is_the_same_every_time(drill, work):
    texts = {run(drill, "junit", "--sim", "scenarios/timeout").check_exit(0).out for _ in range(2)}
    assert len(texts) == 1
    suite = read_junit(texts.pop(), work)
    assert suite.get("timestamp") is None and suite.get("hostname") is None
    assert float(suite.get("time")) > 60


def test_the_whole_catalogue(drill, work):
    text = run(drill, "text", "--sim", "scenarios").out
    count = len(re.findall(r"^[A-Z]+ +scenarios/", text, re.MULTILINE))
    suite = read_junit(run(drill, "junit", "--sim", "scenarios").out, work)
    told = read_tap(run(drill, "tap", "--sim", "scenarios", TAP_VERSION="13").out)
    assert count == len(cases(suite)) == len(told["points"]) > 40


# ---- what a peer sends, and frames


@pytest.mark.parametrize("form", FORMATS)
def test_what_a_peer_sends_breaks_no_format(drill, work, mixed, form):
    path = os.path.join(mixed, "fail.drill")
    with Fake(talks_nastily) as fake:
        result = run(drill, form, "--milter", fake.address, path, TAP_VERSION="13", **ON_GITHUB)
    result.check_exit(1)
    shown = "\\x1b[31m \\xff\\xc3( ]]> <&> \\\"'# \\\\ \\r\\n::warning::no"
    commands = [line for line in (result.out + result.err).splitlines()
                if line.lstrip().startswith("::")]
    assert len(commands) == 1 and shown in commands[0], result.dump("commands")
    if form == "tap":
        assert shown in read_tap(result.out)["points"][0]["yaml"]["actual"]
    elif form == "junit":
        suite = read_junit(result.out, work)
        assert shown in next(suite.iter("failure")).text and suite.get("timestamp")
    elif form == "jsonl":
        assert shown in result.record("result")["actual"]


def test_frames_go_to_stderr_where_stdout_is_a_document(drill, work, mixed):
    path = os.path.join(mixed, "pass.drill")
    for form in ("tap", "junit"):
        plain, verbose = (run(drill, form, "--sim", *more, path) for more in ((), ("-v",)))
        assert plain.out == verbose.out and not plain.err
        verbose.check_err("> connect", "< continue")


# ---- GitHub


@pytest.mark.parametrize("form", FORMATS)
def test_annotations(drill, mixed, form):
    result = run_mixed(drill, form, mixed, **ON_GITHUB)
    at, other = (result.out, result.err) if form == "text" else (result.err, result.out)
    lines = [line for line in at.splitlines() if line.startswith("::")]
    assert "\n::" not in other and len(lines) == 3, result.dump("annotations")
    named = [re.fullmatch(r"::error file=([^:,]*),line=(\d),title=([^:,]*)::(.+)", line)
             for line in lines]
    assert all(named), lines
    files = [(os.path.basename(line.group(1)), line.group(2)) for line in named]
    assert files == [("bad.drill", "2"), ("fail.drill", "5"),
                     ("q\"'&<>]]>#1%2C%25%3A\\ \\xff\\x1b.drill", "5")]
    assert "another frame came%0Aexpected  < reject%0Aactual    < continue" in lines[1]


@pytest.mark.parametrize("args, env", [((), {"GITHUB_ACTIONS": ""}), ((), {"GITHUB_ACTIONS": "false"}),
                                       (("--no-annotations",), ON_GITHUB)])
def test_annotations_can_be_absent(drill, mixed, args, env):
    result = run_mixed(drill, "text", mixed, *args, **env)
    assert "::error" not in result.out + result.err


def test_ten_annotations_at_most(drill, work):
    for number in range(25):
        with open(os.path.join(work, f"{number}.drill"), "w", encoding="utf-8") as out:
            out.write(FAIL)
    result = run(drill, "text", "--sim", work, **ON_GITHUB).check_exit(1)
    assert result.out.count("\n::error ") == 10


# ---- the option


def test_formats_are_named_when_one_is_wrong(drill, mixed):
    run(drill, "xml", "--sim", mixed).check_exit(2).check_err("text, jsonl, tap and junit")
    drill("send", "--format", "tap", "--milter", "sim:libmilter", "--message", "x").check_exit(2)


@pytest.mark.parametrize("form", FORMATS)
def test_all_skipped_is_77_in_every_format(drill, mixed, form):
    path = os.path.join(mixed, "skip.drill")
    run(drill, form, "--milter", "sim:libmilter", path).check_exit(77)


def test_the_steps_summary_is_added_to(drill, mixed, work):
    path = os.path.join(work, "summary.md")
    with open(path, "w", encoding="utf-8") as out:
        out.write("before\n")
    for _ in range(2):
        run_mixed(drill, "text", mixed, GITHUB_STEP_SUMMARY=path, **ON_GITHUB)
    with open(path, encoding="utf-8") as read:
        lines = read.read().splitlines()
    assert lines[0] == "before" and lines.count("### milterdrill run") == 2, lines
    assert all(line.count("|") in (0, 6, 7) for line in lines), lines
    assert os.path.isfile(path)
    run_mixed(drill, "text", mixed, GITHUB_STEP_SUMMARY=path)
    with open(path, encoding="utf-8") as read:
        assert len(read.read().splitlines()) == len(lines)
