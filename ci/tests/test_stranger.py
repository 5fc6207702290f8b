# SPDX-License-Identifier: MIT
"""A scenario from a stranger is data: it reads nothing outside of its folder, and takes no more
memory or time than it may."""

import os

import pytest


@pytest.fixture(name="stranger")
def fixture_stranger(drill, work):
    folder = os.path.join(work, "scenarios")
    os.mkdir(folder)

    def play(text, *options):
        path = os.path.join(folder, "x.drill")
        with open(path, "w", encoding="utf-8") as out:
            out.write('drill 1 "a stranger asks" tests=milter\nmta stalwart\nmilter libmilter\n' + text)
        return drill("run", "--sim", *options, path)

    play.folder = folder
    return play


SECRET = b"nobody else is to read this"


@pytest.fixture(name="secret")
def fixture_secret(work):
    path = os.path.join(work, "secret")
    with open(path, "wb") as out:
        out.write(SECRET)
    return path


def read_of(name):
    return f'...\n> header name="X" value=file "{name}"\n< continue\n'


def refused(result):
    result.check_exit(2)
    assert SECRET.decode() not in result.out + result.err and "x.drill:5:" in result.err, \
        result.dump("it is to name the place, and nothing else")


def test_no_file_above_its_folder(stranger, secret):
    refused(stranger(read_of("../secret")))


def test_no_absolute_file(stranger, secret):
    refused(stranger(read_of(secret)))


def test_no_symbolic_link_out_of_its_folder(stranger, secret):
    os.symlink(secret, os.path.join(stranger.folder, "link"))
    refused(stranger(read_of("link")))


def test_no_device_or_pipe(stranger):
    os.mkfifo(os.path.join(stranger.folder, "pipe"))
    refused(stranger(read_of("pipe")))


def test_a_file_in_its_folder_is_read(stranger):
    with open(os.path.join(stranger.folder, "ours"), "w", encoding="utf-8") as out:
        out.write("text")
    stranger(read_of("ours")).check_exit(0)


@pytest.mark.parametrize("lines", [
    "repeat 1000000000000 {\n  > mail\n}\n",
    "repeat 100000 {\n  repeat 100000 {\n    > mail\n  }\n}\n",
    '> mail address="a" * 1000000000000\n',
    'header name="X" value="a" * 1000000000000\n...\n',
    "message count=1000000000000\n...\n",
    "client count=1000000000000\n...\n",
    "concurrently 1000000000000 {\n  ...\n}\n",
])
def test_what_would_never_end_is_a_clear_error(stranger, lines):
    told = stranger(lines).check_exit(2).err
    assert "x.drill:" in told


def test_a_large_product_is_sent_as_a_stream(stranger):
    """A gigabyte in one frame, to a milter that closes at its head."""
    stranger('...\n> body data="a" * 1000000000\n< reset\n').check_exit(0)
