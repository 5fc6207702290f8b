# SPDX-License-Identifier: MIT
"""milterdrill record: what is kept of a milter that is slow, and who may use a UNIX socket."""

import contextlib
import os
import pwd
import re
import socket
import stat
import subprocess
import sys

import pytest

from fakes import read_frame
from recorder import Recorder
from talks import OFFER, frame, milter, say

# A reply, or the end in its place, after 300 ms; the limit is far below that, or far above.
SLOW = {"a reply": "< continue after=300ms\n> quit\n", "the end": "< close after=300ms\n"}
HELO = frame(b"H", b"mail.example.org\0")


@contextlib.contextmanager
def slow_milter(drill, work, lines):
    """Its address; it takes one connection."""
    path = os.path.join(work, "slow.drill")
    with open(path, "w", encoding="utf-8") as out:
        out.write(f'drill 1 "slow" tests=mta\n> optneg\n< optneg\n> helo\n{lines}')
    command = [drill.binary, "run", "--listen", "inet:0@127.0.0.1", path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as process:
        try:
            yield re.search(r"listening on (\S+)", process.stderr.readline()).group(1)
            out, _ = process.communicate(timeout=60)
            assert process.returncode == 0, out
        finally:
            process.kill()


@pytest.mark.parametrize("ends", SLOW)
@pytest.mark.parametrize("limit, kept", [("50ms", 1), ("60s", 0)])
def test_slow_connections_are_kept(drill, work, ends, limit, kept):
    with slow_milter(drill, work, SLOW[ends]) as address, \
            Recorder(drill, work, address, "--only", f"slow={limit}") as recorder, \
            socket.create_connection(("127.0.0.1", recorder.port), timeout=60) as mta:
        mta.sendall(OFFER)
        read_frame(mta)
        mta.sendall(HELO)
        if ends == "a reply":
            assert read_frame(mta)[0] == b"c"
            mta.sendall(frame(b"Q"))
        assert mta.recv(1) == b""
    assert len(recorder.recordings()) == kept, recorder.out
    assert all("> helo" in text for text in recorder.texts())


def test_slow_is_one_of_several_reasons(drill, work):
    """A fast connection is not kept for it, but for another one it is."""
    with milter() as fake, Recorder(drill, work, fake.address, "--only", "slow=60s", "--only",
                                    "match=heliotrope") as recorder:
        say(recorder, [OFFER, HELO])
        say(recorder)
    text, = recorder.texts()
    assert "heliotrope" in text


# ---- UNIX sockets ----

CONNECT = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"


def may_connect(path, user, group):
    """Whether somebody of this user and group, and no other, can."""
    done = subprocess.run([sys.executable, "-c", CONNECT, path], check=False, user=user, group=group,
                          extra_groups=[], cwd="/", capture_output=True, text=True)
    assert done.returncode == 0 or "PermissionError" in done.stderr, done.stderr
    return done.returncode == 0


@pytest.fixture(name="users")
def fixture_users(work):
    """Two users who are not root, and can reach what stands in the test's folder."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a socket away")
    os.chmod(work, 0o711)
    return pwd.getpwnam("nobody"), pwd.getpwnam("daemon")


@pytest.mark.parametrize("mode, owner, reach", [
    ("0600", "{0.pw_name}", (True, False, False)),
    ("0660", "{0.pw_name}:{1.pw_gid}", (True, True, False)),
    ("0620", ":{1.pw_gid}", (False, True, False)),
    ("666", "{0.pw_uid}", (True, True, True))], ids=["user", "both", "group", "everybody"])
def test_a_unix_socket_has_its_owner(drill, work, users, mode, owner, reach):
    """`reach`: the first user, the group of the second, and neither."""
    one, other = users
    path = os.path.join(work, "milter.sock")
    owner = owner.format(one, other)
    with milter() as fake, Recorder(drill, work, fake.address, "--socket-mode", mode,
                                    "--socket-owner", owner, listen=f"unix:{path}"):
        status = os.stat(path)
        assert stat.S_IMODE(status.st_mode) == int(mode, 8)
        assert status.st_uid == (0 if owner.startswith(":") else one.pw_uid)
        assert status.st_gid == (other.pw_gid if ":" in owner else 0)
        third = max(one.pw_uid, other.pw_uid) - 1
        tried = (may_connect(path, one.pw_uid, one.pw_gid),
                 may_connect(path, third, other.pw_gid), may_connect(path, third, one.pw_gid))
    assert tried == reach and not os.path.exists(path)


@pytest.mark.parametrize("option, says", [
    (("--socket-owner", "no-such-user-here"), "no-such-user-here"),
    (("--socket-owner", "root:no-such-group"), "no-such-group"), (("--socket-owner", ""), "owner"),
    (("--socket-mode", "rw"), "octal")])
def test_owners_that_do_not_do(drill, work, option, says):
    path = os.path.join(work, "milter.sock")
    user = ["--user", "root"] if os.geteuid() == 0 else []
    told = drill("record", "--listen", f"unix:{path}", "--milter", "inet:9@127.0.0.1", "--out",
                 os.path.join(work, "out"), *user, *option).check_exit(2)
    told.check_err(says).check_one_error()
    assert not os.path.exists(path)
