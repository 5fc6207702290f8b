# SPDX-License-Identifier: MIT
"""What the tests share: the binary, the real peers (started once a run), a folder for each test.

A peer that is not installed skips the test with the reason; ci/test then fails unless ci/skips.txt
lists it.
"""

import os
import platform
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from peers.clamav import Clamav  # noqa: E402
from peers.harness import Drill, build_helper  # noqa: E402
from peers.libmilter import Libmilter  # noqa: E402
from peers.postfix import Postfix  # noqa: E402

PEERS = (Clamav, Libmilter, Postfix)
FAILED = pytest.StashKey()


def pytest_report_header():
    """Enough to understand a log that somebody pastes."""
    drill = Drill.release()
    version = drill("--version").out.strip() if drill.exists() else "not built"
    lines = [f"milterdrill: {version} ({drill.binary})",
             f"system: {platform.platform()}, Python {platform.python_version()}"]
    return lines + [f"peer: {peer.missing() or peer.version()}" for peer in PEERS]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    if outcome.get_result().failed:
        item.stash[FAILED] = True


def binary(drill):
    assert drill.exists(), f"{drill.binary} is not built: cmake --build --preset release"
    return drill


@pytest.fixture(scope="session")
def drill():
    return binary(Drill.release())


@pytest.fixture(scope="session", params=["release", "asan"])
def any_drill(request):
    """The release build, and the one with sanitizers: where crashes are the question."""
    return binary(getattr(Drill, request.param)())


@pytest.fixture(scope="session")
def rss():
    """Measures peak memory (ci/peers/rss.c): drill(..., measure=rss)."""
    with tempfile.TemporaryDirectory(prefix="milterdrill-rss-") as folder:
        yield build_helper("rss", folder)


def running(peer):
    if peer.missing():
        pytest.skip(peer.missing())
    with peer:
        yield peer


@pytest.fixture(scope="session")
def clamav():
    """With limits that no test of the others meets, and infected mail rejected."""
    yield from running(Clamav())


@pytest.fixture(scope="session")
def plain_filter():
    yield from running(Libmilter())


@pytest.fixture
def logging_filter():
    """A plain filter for one test, which can say what was called."""
    yield from running(Libmilter(logging=True))


@pytest.fixture
def work(request):
    """An empty folder; it is kept, and named, when the test fails."""
    folder = tempfile.mkdtemp(prefix="milterdrill-test-")
    yield folder
    if request.node.stash.get(FAILED, False):
        print(f"kept: {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
