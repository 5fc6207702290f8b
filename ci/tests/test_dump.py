# SPDX-License-Identifier: MIT
"""`dump`: bytes, and what xxd, hexdump -C and od print of them, become the same notation."""

import os

import pytest

STREAM = (b"\0\0\0\x0dO\0\0\0\x06\0\0\0\0\0\0\0\0"
          b"\0\0\0\x10Hclient.example\0")
SHOWN = '> optneg version=6 actions=0 protocol=0\n> helo name="client.example"\n'


def rows(data, width=16):
    return [(at, data[at:at + width]) for at in range(0, len(data), width)]


def xxd(data):
    return "".join(f"{at:08x}: {part.hex(' ', 2):39}  {'.' * len(part)}\n" for at, part in rows(data))


def hexdump(data):
    lines = [f"{at:08x}  {part[:8].hex(' '):23}  {part[8:].hex(' '):23}  |{'.' * len(part)}|"
             for at, part in rows(data)]
    return "\n".join(lines + [f"{len(data):08x}", ""])


def plain(data):
    return data.hex(" ") + "\n"


@pytest.fixture(name="dump")
def fixture_dump(drill, work):
    def play(content, *options):
        path = os.path.join(work, "bytes")
        with open(path, "wb") as out:
            out.write(content)
        return drill("dump", "--from", "mta", *options, path)

    return play


def test_bytes(dump):
    assert dump(STREAM).check_exit(0).out == SHOWN


@pytest.mark.parametrize("form", [xxd, hexdump, plain])
def test_hex_dumps(dump, form):
    assert dump(form(STREAM).encode(), "--hex").check_exit(0).out == SHOWN


def test_a_torn_frame_is_named_with_its_offset(dump):
    told = dump(STREAM[:-3]).check_exit(1)
    assert "byte 17" in told.err and "optneg" in told.out


def test_it_needs_to_know_who_sent_them(drill, work):
    drill("dump", os.path.join(work, "x")).check_exit(2)
