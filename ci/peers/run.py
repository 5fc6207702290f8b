# SPDX-License-Identifier: MIT
"""Starts a peer, runs a command with its address in $DRILL_MILTER, stops the peer.

    python3 ci/peers/run.py clamav -- sh -c 'build/release/milterdrill send --milter "$DRILL_MILTER" ...'

Settings of the peer stand before the `--` as key=value (run.py clamav stream=100000 -- ...). Ends as
the command did; 99 when the peer could not be started. A lone {milter} among the words is replaced
by the address, too.
"""

import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from peers.amavis import AmavisdMilter  # noqa: E402
from peers.base import PeerError  # noqa: E402
from peers.clamav import Clamav  # noqa: E402
from peers.libmilter import Libmilter  # noqa: E402
from peers.opendkim import Opendkim  # noqa: E402
from peers.opendmarc import Opendmarc  # noqa: E402
from peers.pmilter import Pmilter  # noqa: E402
from peers.pymilter import Pymilter  # noqa: E402
from peers.rspamd import Rspamd  # noqa: E402
from peers.spamass import SpamassMilter  # noqa: E402

PEERS = {peer.name: peer for peer in (AmavisdMilter, Clamav, Libmilter, Opendkim, Opendmarc, Pmilter,
                                      Pymilter, Rspamd, SpamassMilter)}


def settings(words):
    pairs = (word.split("=", 1) for word in words)
    return {key: int(value) if value.isdigit() else value for key, value in pairs}


def main(argv):
    if "--" not in argv or argv[0] not in PEERS:
        print(f"usage: run.py {'|'.join(PEERS)} [key=value]... -- COMMAND...", file=sys.stderr)
        return 2
    split = argv.index("--")
    # An exit, so that the peer is stopped, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with PEERS[argv[0]](**settings(argv[1:split])) as peer:
            words = [peer.address if word == "{milter}" else word for word in argv[split + 1:]]
            environment = {**os.environ, "DRILL_MILTER": peer.address, "DRILL_PEER": peer.version()}
            return subprocess.run(words, check=False, env=environment).returncode
    except PeerError as error:
        print(error, file=sys.stderr)
        return 99
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
