# SPDX-License-Identifier: MIT
"""What the tests share: the binary, the real peers (started once a run), a folder for each test.

A peer that is not installed skips the test with the reason; ci/test then fails unless ci/skips.txt
lists it.
"""

import concurrent.futures
import contextlib
import os
import platform
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from peers.amavis import AmavisdMilter  # noqa: E402
from peers.base import Peer, SideBySide  # noqa: E402
from peers.clamav import Clamav  # noqa: E402
from peers.harness import Drill, build_helper  # noqa: E402
from peers.libmilter import Libmilter  # noqa: E402
from peers.opendkim import Opendkim  # noqa: E402
from peers.opendmarc import Opendmarc  # noqa: E402
from peers.pmilter import Pmilter  # noqa: E402
from peers.postfix import Postfix  # noqa: E402
from peers.pymilter import Pymilter  # noqa: E402
from peers.rspamd import Rspamd  # noqa: E402
from peers.sendmail import Sendmail  # noqa: E402
from peers.spamass import SpamassMilter  # noqa: E402
from peers.stalwart import Stalwart  # noqa: E402

PEERS = (Clamav, Libmilter, Opendkim, Opendmarc, Rspamd, SpamassMilter, AmavisdMilter, Pymilter,
         Pmilter, Postfix, Sendmail, Stalwart)
# Fixtures that are one peer for the whole run, as it is made without arguments.
SHARED = {"clamav": Clamav, "plain_filter": Libmilter, "opendkim": Opendkim,
          "opendmarc": Opendmarc, "rspamd": Rspamd, "spamass_milter": SpamassMilter,
          "amavisd_milter": AmavisdMilter, "pymilter": Pymilter, "pmilter": Pmilter}
FAILED = pytest.StashKey()


def pytest_report_header():
    """Enough to understand a log that somebody pastes."""
    drill = Drill.release()
    version = drill("--version").out.strip() if drill.exists() else "not built"
    lines = [f"milterdrill: {version} ({drill.binary})",
             f"system: {platform.platform()}, Python {platform.python_version()}"]
    with concurrent.futures.ThreadPoolExecutor() as pool:  # some load half of Perl for it
        return lines + list(pool.map(lambda peer: f"peer: {peer.missing() or peer.version()}", PEERS))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    report = outcome.get_result()
    if not report.failed:
        return
    item.stash[FAILED] = True
    for peer in getattr(item, "funcargs", {}).values():
        if isinstance(peer, Peer) and peer.folder:
            peer.keep = True
            state = "\n".join(peer.ended())
            report.sections.append((f"{peer.name}, kept in {peer.folder}",
                                    f"{state}\n{peer.log()}"))


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
def shared(request):
    """Starts all peers of SHARED that the chosen tests ask for, side by side, when the first is asked
    for; gives what returns one of them."""
    used = {name for item in request.session.items for name in item.fixturenames}
    peers = {name: peer() for name, peer in SHARED.items() if name in used and not peer.missing()}
    together = SideBySide(peers.values())
    errors = dict(zip(peers, together.start()))

    with contextlib.ExitStack() as late:
        def one(name):
            if SHARED[name].missing():
                pytest.skip(SHARED[name].missing())
            if name not in peers:  # asked for by its name only when the test ran
                peers[name] = late.enter_context(SHARED[name]())
            if errors.get(name):
                raise errors[name]
            return peers[name]

        yield one
    together.stop()


def shared_peer(name):
    @pytest.fixture(scope="session", name=name)
    def fixture(shared):
        return shared(name)

    return fixture


clamav = shared_peer("clamav")
plain_filter = shared_peer("plain_filter")
opendkim = shared_peer("opendkim")
opendmarc = shared_peer("opendmarc")
rspamd = shared_peer("rspamd")
spamass_milter = shared_peer("spamass_milter")
amavisd_milter = shared_peer("amavisd_milter")
pymilter = shared_peer("pymilter")
pmilter = shared_peer("pmilter")


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
