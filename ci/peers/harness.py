# SPDX-License-Identifier: MIT
"""Runs the milterdrill binary, and holds what came of it.

    drill = Drill.release()
    result = drill("send", "--milter", peer.address, "--message", path)
    result.check_exit(1).check_out("reset")
    assert result.record("outcome")["end"] == "rst"

Every check_* fails with the command as typed, its exit code and all that it printed.
"""

import dataclasses
import json
import os
import re
import shlex
import subprocess
import tempfile
import time

from peers.base import end_groups, find_program

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TIMEOUT = 60  # seconds; a hang is a failure, never a wait
EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_SKIPPED, EXIT_UNREACHABLE = 0, 1, 2, 77, 99
DEFINED_EXITS = (EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_SKIPPED, EXIT_UNREACHABLE)
# What a sanitizer prints; ci/san gives it an exit code of its own, too.
SANITIZER = re.compile(r"ERROR: \w+Sanitizer|runtime error:")


@dataclasses.dataclass
class ExecResult:
    args: list
    exit_code: int  # as a shell has it: 128 + signal; None: it had to be killed
    out: str
    err: str
    seconds: float
    peak_kib: int = 0

    @property
    def records(self):
        """The JSON lines of stdout."""
        return [json.loads(line) for line in self.out.splitlines() if line.startswith("{")]

    def of(self, event):
        return [record for record in self.records if record.get("event") == event]

    def record(self, event):
        """The last record of that kind."""
        found = self.of(event)
        assert found, self.dump(f"no {event!r} record")
        return found[-1]

    def dump(self, problem):
        return (f"{problem}\n$ {shlex.join(self.args)}\nexit {self.exit_code} after "
                f"{self.seconds:.2f} s\n--- stdout\n{self.out[-8000:]}\n--- stderr\n"
                f"{self.err[-8000:]}")

    def check_exit(self, *codes):
        self.check_sane()
        assert self.exit_code in codes, self.dump(f"expected exit {' or '.join(map(str, codes))}")
        return self

    def check_sane(self):
        """It ended by itself, with one of the exit codes that exist, and no sanitizer spoke."""
        assert self.exit_code is not None, self.dump("it hung")
        assert not SANITIZER.search(self.err), self.dump("a sanitizer reports")
        assert self.exit_code in DEFINED_EXITS, self.dump("it died")
        return self

    def check_out(self, *texts):
        for text in texts:
            assert text in self.out, self.dump(f"stdout lacks {text!r}")
        return self

    def check_err(self, *texts):
        for text in texts:
            assert text in self.err, self.dump(f"stderr lacks {text!r}")
        return self

    def check_one_error(self):
        """One clear error, told once: something on stderr, short, nothing that repeats."""
        lines = [line for line in self.err.splitlines() if line.strip()]
        assert lines, self.dump("no error text on stderr")
        assert len(lines) == len(set(lines)), self.dump("an error is told twice")
        assert len(lines) <= 6, self.dump("more than one error")
        return self

    def check_within(self, seconds):
        assert self.seconds < seconds, self.dump(f"took longer than {seconds} s")
        return self

    def last_line(self):
        lines = [line for line in self.out.splitlines() if line.strip()]
        return lines[-1] if lines else ""


class Drill:
    """The binary of one build; called with arguments, returns an ExecResult."""

    def __init__(self, binary, wrapper=()):
        self.binary = binary
        self.wrapper = list(wrapper)

    @classmethod
    def release(cls):
        return cls(os.environ.get("MILTERDRILL", built("release")))

    @classmethod
    def asan(cls):
        return cls(built("asan"), [os.path.join(ROOT, "ci", "san")])

    def exists(self):
        return os.access(self.binary, os.X_OK)

    def __call__(self, *args, stdin=b"", timeout=TIMEOUT, cwd=ROOT, measure=None, env=None):
        """`measure`: the rss helper, then peak_kib is known. Paths in args are relative to cwd."""
        words = [*self.wrapper, self.binary, *map(str, args)]
        if not measure:
            return execute(words, stdin, timeout, cwd, env)
        with tempfile.TemporaryDirectory(prefix="milterdrill-rss-") as folder:
            report = os.path.join(folder, "kib")
            result = execute([measure, report, *words], stdin, timeout, cwd, env)
            if os.path.exists(report):
                with open(report, encoding="ascii") as kib:
                    result.peak_kib = int(kib.read())
            return result


def built(preset):
    return os.path.join(ROOT, "build", preset, "milterdrill")


def execute(words, stdin=b"", timeout=TIMEOUT, cwd=ROOT, env=None):
    """Runs a command in a process group of its own, which is ended after `timeout` seconds."""
    began = time.monotonic()
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, cwd=cwd, start_new_session=True,
                               env={**os.environ, **(env or {})})
    code = None
    try:
        out, err = process.communicate(stdin, timeout=timeout)
        code = process.returncode if process.returncode >= 0 else 128 - process.returncode
    except subprocess.TimeoutExpired:
        end_groups([process])
        out, err = process.communicate()
    return ExecResult(words, code, text_of(out), text_of(err), time.monotonic() - began)


def text_of(raw):
    return raw.decode("utf-8", "backslashreplace")


def build_helper(name, folder):
    """Compiles ci/peers/NAME.c; returns the program."""
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), name + ".c")
    program = os.path.join(folder, name)
    subprocess.run([find_program("cc"), "-O2", "-Wall", "-Wextra", "-o", program, source],
                   check=True)
    return program
