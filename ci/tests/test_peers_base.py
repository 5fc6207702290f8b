# SPDX-License-Identifier: MIT
"""What all peers do alike: start or say why not, log without a syslog daemon, leave nothing behind."""

import contextlib
import os
import signal
import subprocess
import sys

import pytest

from peers.base import HERE, Peer, PeerError, SideBySide, build, signal_group, wait_until
from peers.rspamd import Rspamd

PYTHON = "/usr/bin/python3"


class Script(Peer):
    """A shell script as a peer, which is ready when it says so."""

    name = "script"
    preloads = ("syslog",)

    def __init__(self, text):
        super().__init__()
        self.text = text

    @classmethod
    def version(cls):
        return "script"

    def launch(self):
        self.spawn(["/bin/sh", "-c", self.text], lambda: "ready" in self.log())


def gone(pid):
    """No longer running; who waits for it is another matter."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_peer_that_ends_at_once_says_so_with_its_log():
    peer = Script("echo the last words; exit 3")
    with pytest.raises(PeerError, match="(?s)ended with 3.*the last words"):
        peer.start()
    assert not os.path.exists(peer.folder)


def test_a_peer_that_died_later_is_known():
    with Script("echo ready; kill -SEGV $$") as peer:
        assert wait_until(lambda: not peer.alive(), lambda: True, 20)
        assert peer.ended() == ["sh ended with 139"]
    assert not os.path.exists(peer.folder)


def test_what_a_peer_started_ends_with_it():
    with Script("sleep 1000 & echo child $!; echo ready; wait") as peer:
        child = int(peer.log().split("child ")[1].split()[0])
        assert not gone(child)
    assert wait_until(lambda: gone(child), lambda: True, 20)


def test_what_a_peer_started_ends_when_we_are_killed(work):
    """Workers and all, in a moment and with nobody left to do it."""
    if Rspamd.missing():
        pytest.skip(Rspamd.missing())
    with running_rspamd(work) as run:
        run.kill()
    assert wait_until(lambda: not working_in(work), lambda: True, 20), working_in(work)


def test_syslog_goes_to_the_log():
    speak = "import syslog; syslog.openlog('speaker'); syslog.syslog(5, 'heard of 50 % of it')"
    with Script(f'{PYTHON} -c "{speak}"; echo ready; sleep 1000') as peer:
        assert "speaker[" in peer.log() and "]: heard of 50 % of it\n" in peer.log(), peer.log()


def test_without_a_file_syslog_harms_nobody():
    done = subprocess.run([PYTHON, "-c", "import syslog; syslog.syslog('unheard')"], check=False,
                          env={"LD_PRELOAD": build("syslog", "-shared", "-fPIC")})
    assert done.returncode == 0


def test_one_that_fails_does_not_stop_the_others():
    good, bad = Script("echo ready; sleep 1000"), Script("exit 1")
    together = SideBySide([good, bad])
    try:
        first, second = together.start()
        assert first is None and isinstance(second, PeerError)
        assert good.alive() and not bad.alive()
    finally:
        together.stop()
    assert not good.alive() and not os.path.exists(good.folder)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing(work, sign):
    if Rspamd.missing():
        pytest.skip(Rspamd.missing())
    with running_rspamd(work) as run:
        signal_group(run, sign)
        assert run.wait(60) == 128 + sign
    assert not os.listdir(work) and not working_in(work)


@contextlib.contextmanager
def running_rspamd(work):
    """run.py with rspamd, which has workers of its own, and a command that is asleep."""
    words = [sys.executable, os.path.join(HERE, "run.py"), "rspamd", "--", "/bin/sh", "-c",
             "echo running; exec sleep 1000"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": work},
                          start_new_session=True) as run:
        try:
            assert run.stdout.readline() == b"running\n"
            assert len(working_in(work)) >= 2
            yield run
        finally:
            signal_group(run, signal.SIGKILL)


def working_in(work):
    """The processes with a current folder below that one, also when it is deleted."""
    return [pid for pid in filter(str.isdigit, os.listdir("/proc"))
            if folder_of(pid).startswith(work) and not gone(int(pid))]


def folder_of(pid):
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return ""
