# SPDX-License-Identifier: MIT
"""rspamd's proxy worker as a milter that scans by itself: no other worker, no rules but GTUBE, no DNS.

A message with the GTUBE pattern of an action gets that action (enable_test_patterns).
"""

import re
import socket
import subprocess

from peers.base import Peer, find_program, free_port, negotiates

CONF = """\
options {{
  pidfile = "{folder}/rspamd.pid";
  tempdir = "{folder}";
  rundir = "{folder}";
  dbdir = "{folder}";
  control_socket = "{folder}/control.sock mode=0600";
  history_file = "{folder}/history";
  filters = "";
  enable_test_patterns = yes;
  explicit_modules = [];
  dns {{
    nameserver = ["127.0.0.1:{dns}"];
    timeout = 0.1s;
    retransmits = 1;
  }}
}}
logging {{
  type = "file";
  filename = "{folder}/rspamd.log";
  level = "info";
}}
actions {{
  reject = 15;
  add_header = 6;
  greylist = 4;
}}
worker "rspamd_proxy" {{
  bind_socket = "127.0.0.1:{port}";
  count = 1;
  milter = yes;
  timeout = 10s;
  upstream "local" {{ default = yes; self_scan = yes; }}
  spam_header = "X-Spam";
}}
"""


class Rspamd(Peer):
    """Rejects GTUBE with a reply code, adds X-Spam for its second pattern."""

    name = "rspamd"
    programs = ("rspamd",)

    @classmethod
    def version(cls):
        out = subprocess.run([find_program("rspamd"), "--version"], check=False,
                             capture_output=True, text=True).stdout
        found = re.search(r"version (\S+)", out)
        return f"rspamd {found.group(1) if found else '?'}"

    def launch(self):
        conf = self.write("rspamd.conf", CONF.format(folder=self.folder, port=self.take_port(),
                                                     dns=free_port()))
        # -i: it would rather not run as root, and changes nothing that is not in its folder
        self.spawn([find_program("rspamd"), "-f", "-i", "-c", conf],
                   lambda: negotiates(socket.AF_INET, ("127.0.0.1", self.port)))
