# SPDX-License-Identifier: MIT
"""run --sim --splits and --cut-everywhere: scenarios hold in any chunks, and end cleanly wherever
the connection is lost."""

import pytest

from peers.harness import EXIT_FAILED, EXIT_OK, EXIT_USAGE

SOME = "scenarios/oversized/header-over-64k.drill"
# A reader that stalls: how much fits into the connection depends on how far it had read.
STALLS = """drill 1 "the milter stops reading" tests=mta
mta stalwart timeoutCommand=30s
body data="0123456789abcdef" * 100000
...
> body
< stall for=5min
...
> hangup
"""
WRONG = """drill 1 "what does not hold undisturbed is not swept" tests=milter
...
> helo
< reject
"""


def scenario(folder, text):
    path = f"{folder}/some.drill"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def outcomes(result):
    return {(record["scenario"], record["mode"]): record["result"] for record in result.of("result")}


@pytest.mark.parametrize("chunks", ["all", "50"])
@pytest.mark.parametrize("folder", ["framing", "oversized", "resource"])
def test_chunks_change_no_result(drill, folder, chunks):
    args = ("run", "--sim", "--format", "jsonl", f"scenarios/{folder}")
    plain = outcomes(drill(*args).check_sane())
    assert "pass" in plain.values()
    swept = drill(*args, "--splits", chunks).check_sane()
    unswept = {(record["scenario"], record["mode"]) for record in swept.of("result")
               if "not played in other chunks" in record.get("reason", "")}
    held = {case: result for case, result in plain.items() if case not in unswept}
    assert held, swept.dump("nothing was swept")
    assert {case: result for case, result in outcomes(swept).items()
            if case not in unswept} == held, swept.dump("chunks change a result")


@pytest.mark.parametrize("folder", ["framing", "oversized", "resource"])
def test_every_cut_ends_cleanly(drill, folder):
    drill("run", "--sim", "--cut-everywhere", f"scenarios/{folder}").check_exit(EXIT_OK)


@pytest.mark.parametrize("sweep", [("--splits", "all"), ("--cut-everywhere",)], ids=" ".join)
def test_one_with_sanitizers(any_drill, sweep):
    result = any_drill("run", "--sim", *sweep, "--format", "jsonl", SOME).check_exit(EXIT_OK)
    assert result.record("result")["repeats"] > 500


def test_a_reader_that_stalls(drill, work):
    drill("run", "--sim", "--splits", "30", scenario(work, STALLS)).check_exit(EXIT_OK)


def test_a_scenario_that_fails_undisturbed_fails(drill, work):
    result = drill("run", "--sim", "--splits", "all", "--seed", "77", scenario(work, WRONG))
    result.check_exit(EXIT_FAILED).check_out("--splits all --seed 77", "1 failed", ", seed 77")


def test_the_seed_repeats_it(drill):
    args = ("run", "--sim", "--splits", "20", "--cut-everywhere", "--seed",
            "0xffffffffffffffff", SOME)
    first = drill(*args).check_exit(EXIT_OK)
    assert "seed 18446744073709551615" in first.last_line(), first.dump("no seed")
    assert drill(*args).out == first.out


def test_the_default_seed_is_told(drill):
    result = drill("run", "--sim", "--splits", "1", SOME).check_exit(EXIT_OK)
    assert result.last_line().endswith(", seed 1"), result.dump("no seed")
    assert "seed" not in drill("run", "--sim", SOME).check_exit(EXIT_OK).out


@pytest.mark.parametrize("form,said", [
    ("jsonl", '"seed":77'), ("tap", "\n# seed 77\n"), ("junit", '<property name="seed" value="77"/>')])
def test_every_format_tells_the_seed(drill, form, said):
    args = ("run", "--sim", "--format", form, SOME)
    assert said in drill(*args, "--splits", "2", "--seed", "77").check_exit(EXIT_OK).out
    assert "seed" not in drill(*args).check_exit(EXIT_OK).out


@pytest.mark.parametrize("args", [
    ("--sim", "--splits", "0"), ("--sim", "--splits", "some"), ("--sim", "--splits", "-1"),
    ("--sim", "--seed", "x"), ("--sim", "--seed", "18446744073709551616"),
    ("--sim", "--splits", "2", "--repeat", "3"),
    ("--milter", "inet:1@127.0.0.1", "--splits", "all"),
    ("--listen", "inet:0@127.0.0.1", "--cut-everywhere")], ids=" ".join)
def test_what_does_not_go_together(drill, args):
    drill("run", *args, SOME).check_exit(EXIT_USAGE).check_one_error()


def test_a_model_by_its_address_will_do(drill):
    drill("run", "--milter", "sim:libmilter", "--cut-everywhere", SOME).check_exit(EXIT_OK)
