#!/bin/bash
# SPDX-License-Identifier: MIT
# ci/peers/sendmail.sh FOLDER: Debian's Sendmail unpacked below FOLDER/root, for its packages and Postfix's
# cannot be installed together. Nothing is installed, and nothing is done when it is there already.
# Ends with 77 and the reason where that is not possible.

set -euo pipefail

# The MTA, its m4 files, and the libraries that a machine without a mail server may lack.
PACKAGES="sendmail-bin sendmail-cf libwrap0 libldap-2.5-0 libsasl2-2 libnsl2 libtirpc3 libdb5.3 liblockfile1"

cannot() {
    echo "Sendmail cannot be unpacked: $*" >&2
    exit 77
}

[ $# -eq 1 ] || {
    echo "usage: $0 FOLDER" >&2
    exit 2
}
folder=$1
[ ! -d "$folder/root" ] || exit 0
command -v apt-get dpkg-deb >/dev/null || cannot "this is no Debian"

mkdir -p "$folder" && folder=$(cd "$folder" && pwd)
new=$(mktemp -d "$folder/new.XXXXXX")
trap 'rm -rf "$new"' EXIT
cd "$new"
# shellcheck disable=SC2086 # several words
download() {
    apt-get -q download $PACKAGES >log 2>&1
}
# Without lists of packages there is nothing to download; only root may fetch them.
download || { apt-get -q update >/dev/null 2>&1 && download; } || cannot "$(tail -n 3 log)"
for package in *.deb; do
    dpkg-deb -x "$package" root
done
# Setuid and setgid programs take no libraries from LD_LIBRARY_PATH; root does not need the bits.
chmod -R u-s,g-s root
mv root "$folder/root"
