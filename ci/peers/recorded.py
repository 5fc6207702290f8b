# SPDX-License-Identifier: MIT
"""The recordings of real MTAs (scenarios/recorded), as bytes, and their comparison with a profile.

    for recording in Recording.all():
        fields = exceptions("profile", recording.name)
        difference(recording.frames(drill), recording.profile_frames(drill), fields)   # None: equal

Both are played by milterdrill to a milter that only keeps what it is sent and says what the real one said:
the recording as it stands (--exact), and the profile by itself, which is given the head of the
recording only, what the SMTP client did. Frames are equal byte for byte, but for the fields of
except.txt; and those are equal to themselves: where one side repeats a value the other does, too.
"""

import contextlib
import fnmatch
import glob
import os
import re
import shutil
import socket
import struct
import tempfile
import threading

from peers.harness import ROOT

RECORDED = os.path.join(ROOT, "scenarios", "recorded")
SECONDS = 20
CODES = {"connect": b"C", "macro": b"D", "header": b"L"}
NO_REPLY = b"DAQK"
REPLIES = {"continue": b"c", "accept": b"a", "reject": b"r", "tempfail": b"t", "discard": b"d",
           "skip": b"s"}
FLAGS = {"0": 0, "skip": 0x400, "hdr_leadspc": 0x100000}


def exceptions(kind, name, path=os.path.join(RECORDED, "except.txt")):
    """{(code, field)}: what may differ in a comparison of that kind with the recording of that name."""
    found = set()
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            words = [word.strip() for word in line.split("|")]
            if line[0] != "#" and kind in words[0].split() and fnmatch.fnmatch(name, words[1]):
                found.add((CODES[words[2]], words[3].encode()))
    return found


class Masked:
    """Takes the excepted values out of frames: each becomes the number of its first appearance."""

    def __init__(self, fields):
        self.fields = fields
        self.seen = {}

    def value(self, code, field, value):
        if (code, field) not in self.fields:
            return value
        number = self.seen.setdefault((field, value), len(self.seen))
        return b"<%s %d>" % (field, number)

    def frame(self, code, payload):
        parts = payload.split(b"\0")
        if code == b"D":
            for at in range(0, len(parts) - 1, 2):
                name = parts[at][1:] if at == 0 else parts[at]
                parts[at + 1] = self.value(code, name.strip(b"{}"), parts[at + 1])
        elif code == b"L" and len(parts) == 3:
            parts[1] = self.value(code, parts[0].lower(), parts[1])
        elif code == b"C":
            end = len(parts[0]) + 2
            return b"\0".join([self.value(code, b"host", parts[0]), payload[end - 1:end],
                               self.value(code, b"port", payload[end:end + 2]),
                               payload[end + 2:]])
        return b"\0".join(parts)


def difference(want, have, fields):
    """Where two lists of frames differ first, for people; None: nowhere."""
    masks = Masked(fields), Masked(fields)
    for at in range(max(len(want), len(have))):
        pair = [frames[at] if at < len(frames) else None for frames in (want, have)]
        masked = [frame and (frame[0], mask.frame(*frame)) for frame, mask in zip(pair, masks)]
        if masked[0] != masked[1]:
            return f"frame {at + 1}: recorded {pair[0]}, played {pair[1]}"
    return None


class Listener:
    """A milter that says one reply after the other, and keeps the frames of its one connection."""

    def __init__(self, replies):
        self.replies = list(replies)
        self.frames = []
        self.rest = b""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(SECONDS)
        self._thread = threading.Thread(target=self._serve)

    @property
    def address(self):
        return f"inet:{self._socket.getsockname()[1]}@127.0.0.1"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc):
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # nobody came
        self._thread.join(SECONDS)
        self._socket.close()

    def _serve(self):
        with contextlib.suppress(OSError):
            connection = self._socket.accept()[0]
            connection.settimeout(SECONDS)
            with connection:
                while data := connection.recv(65536):
                    self.rest += data
                    connection.sendall(b"".join(self._answers()))

    def _answers(self):
        while len(self.rest) >= 4:
            end = 4 + struct.unpack(">I", self.rest[:4])[0]
            if len(self.rest) < end:
                return
            code, payload = self.rest[4:5], self.rest[5:end]
            self.rest = self.rest[end:]
            self.frames.append((code, payload))
            if code not in NO_REPLY and self.replies:
                yield self.replies.pop(0)


def reply(line):
    """The bytes of a recorded reply: of those that a plain filter gives."""
    word, *fields = line.split()[1:]
    if word == "optneg":
        numbers = dict(field.split("=") for field in fields)
        return struct.pack(">IcIII", 13, b"O", int(numbers["version"]),
                           *(flags(numbers[key]) for key in ("actions", "protocol")))
    return struct.pack(">Ic", 1, REPLIES[word])


def flags(text):
    """Of those that the filter asks for in recordings."""
    return sum(FLAGS[word] for word in text.split(","))


class Recording:
    def __init__(self, path):
        self.path = path
        with open(path, encoding="utf-8") as lines:
            self.lines = lines.read().splitlines()

    @classmethod
    def all(cls, folder=RECORDED):
        return [cls(path) for path in
                sorted(glob.glob(os.path.join(glob.escape(folder), "*", "*.drill")))]

    @property
    def name(self):
        return os.path.relpath(self.path, os.path.dirname(os.path.dirname(self.path)))

    def head(self):
        """What stands above the first frame."""
        first = next(at for at, line in enumerate(self.lines) if line[:1] in "<>" and line)
        return [line for line in self.lines[1:first] if not line.startswith("#")]

    def replies(self):
        return [reply(line) for line in self.lines if line.startswith("< ")]

    def frames(self, drill):
        """As they are recorded."""
        return self._heard(drill, self.path, "--exact")

    def profile_frames(self, drill, *settings):
        """What the profile makes of the same mail; `settings` are further ones of its program."""
        folder = tempfile.mkdtemp(prefix="milterdrill-profile-")
        try:
            for name in set(re.findall(r'file="([^"]+)"', "\n".join(self.head()))):
                shutil.copy(os.path.join(os.path.dirname(self.path), name), folder)
            path = os.path.join(folder, "profile.drill")
            with open(path, "w", encoding="utf-8") as out:
                out.write("\n".join(['drill 1 "what the profile sends" tests=milter', *self.head(),
                                     "...", ""]))
            options = [word for setting in settings for word in ("--set", setting)]
            return self._heard(drill, path, *options)
        finally:
            shutil.rmtree(folder)

    def _heard(self, drill, path, *options):
        with Listener(self.replies()) as milter:
            result = drill("run", "--milter", milter.address, *options, path)
        result.check_exit(0)
        assert not milter.rest, result.dump("the last frame is torn")
        return milter.frames

