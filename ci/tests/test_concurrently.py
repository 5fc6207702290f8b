# SPDX-License-Identifier: MIT
"""`concurrently` and `meet`: many copies at once, against a real libmilter filter and ourselves."""

import os
import re
import socket
import subprocess

import pytest

from peers.harness import EXIT_FAILED, EXIT_OK, EXIT_SKIPPED, EXIT_UNREACHABLE

NEIGHBOURS = """drill 1 "a connection that is reset does not disturb its 99 neighbours" tests=milter
concurrently 99 {
  ...
  > body
  meet
  ...
  > bodyeob
  ...
  < accept | continue
} and 1 {
  ...
  > body
  > reset
  meet
}
"""
REJECTED = """drill 1 "the fourth copy wants what does not come" tests=milter
concurrently 3 {
  ...
  > body
  meet
  ...
} and 2 {
  ...
  > mail
  < reject
  meet
}
"""
VERDICTS = """drill 1 "each block has its own checks" tests=milter
concurrently 5 {
  ...
  verdict accept
} and 5 {
  ...
  verdict reject
}
"""
LIMITED = ["sh", "-c", 'ulimit -n "$0"; exec "$@"']


def scenario(folder, text):
    path = os.path.join(folder, "some.drill")
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    return path


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_neighbours_of_a_reset(drill, plain_filter, work):
    result = drill("run", "--milter", plain_filter.address, "--format", "jsonl",
                   scenario(work, NEIGHBOURS)).check_exit(EXIT_OK)
    assert result.record("result")["connections"] == 100, result.dump("connections")


def test_repeated(any_drill, plain_filter, work):
    any_drill("run", "--milter", plain_filter.address, "--repeat", "3",
              scenario(work, NEIGHBOURS)).check_exit(EXIT_OK).check_out("3 times")


def test_the_first_copy_that_fails_is_named(any_drill, plain_filter, work):
    result = any_drill("run", "--milter", plain_filter.address, scenario(work, REJECTED))
    result.check_exit(EXIT_FAILED).check_out("copy 4 of 5: another frame came", "< continue")


def test_each_block_has_its_own_checks(drill, plain_filter, work):
    result = drill("run", "--milter", plain_filter.address, scenario(work, VERDICTS))
    result.check_exit(EXIT_FAILED).check_out("copy 6 of 10: ", "verdict reject")


def test_simulated_one_of_each_block_is_played(drill, work):
    drill("run", "--sim", scenario(work, NEIGHBOURS)).check_exit(EXIT_OK)
    result = drill("run", "--sim", scenario(work, REJECTED))
    result.check_exit(EXIT_FAILED).check_out("copy 4 of 5: ")


def test_nobody_there(drill, work):
    address = f"inet:{free_port()}@127.0.0.1"
    result = drill("run", "--milter", address, scenario(work, NEIGHBOURS))
    result.check_exit(EXIT_UNREACHABLE).check_out("copy 1 of 100: ")


def test_beside_other_lines_it_is_an_error(drill, work):
    path = scenario(work, NEIGHBOURS + "verdict accept\n")
    assert "`concurrently` stands alone" in drill("run", "--sim", path).check_exit(2).err


@pytest.mark.parametrize("limit", [40])
def test_too_few_files(drill, work, limit):
    """The hard limit is what counts; it is named."""
    command = [*LIMITED, str(limit), drill.binary, "run", "--milter", "inet:1@127.0.0.1",
               scenario(work, NEIGHBOURS)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == EXIT_SKIPPED, done
    assert f"100 connections at once need 164 open files; the hard limit is {limit}" in done.stdout


def test_both_ends_are_ours(drill, work):
    path = scenario(work, NEIGHBOURS.replace(" tests=milter", "").replace("  > reset\n", ""))
    command = [drill.binary, "run", "--listen", "inet:0@127.0.0.1", path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as milter:
        address = re.search(r"listening on (\S+)", milter.stderr.readline()).group(1)
        drill("run", "--milter", address, path).check_exit(EXIT_OK)
        out, err = milter.communicate(timeout=60)
    assert milter.returncode == EXIT_OK, out + err
