# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What ci/demo, ci/test and ci/bench share. Sourced; leaves the shell in the repository's root.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Debian's own Python, which python3-pytest belongs to: another one on PATH may not have it.
# shellcheck disable=SC2034
PYTHON=/usr/bin/python3

PACKAGES=ci/packages
EXIT_SKIPPED=77

heading() {
    printf '\n== %s\n' "$*"
}

# Shows a command as one would type it, and runs it.
show() {
    local word
    printf '\n$'
    for word in "$@"; do
        case $word in
        '' | *[!A-Za-z0-9_./:=@,+{}-]*) printf " '%s'" "${word//\'/\'\\\'\'}" ;;
        *) printf ' %s' "$word" ;;
        esac
    done
    printf '\n'
    "$@"
}

trim() {
    local text=$*
    text=${text#"${text%%[![:space:]]*}"}
    printf '%s' "${text%"${text##*[![:space:]]}"}"
}

# packages GROUP COLUMN: "probe<TAB>name" of every row of that group.
packages() {
    local group probe debian fedora alpine name
    while IFS='|' read -r group probe debian fedora alpine; do
        [ "$(trim "$group")" = "$1" ] || continue
        case $2 in
        debian) name=$debian ;;
        fedora) name=$fedora ;;
        *) name=$alpine ;;
        esac
        printf '%s\t%s\n' "$(trim "$probe")" "$(trim "$name")"
    done < <(grep -v '^#' "$PACKAGES")
}

# Whether the thing that a probe names is on this machine.
present() {
    local what=${1#*:}
    case $1 in
    cmd:*) PATH=$PATH:/usr/sbin:/usr/local/sbin:/sbin command -v "$what" >/dev/null ;;
    pc:*) pkg-config --exists "$what" 2>/dev/null ;;
    header:*) echo "#include <$what>" | cc -E -x c - >/dev/null 2>&1 ;;
    py:*) "$PYTHON" -c "import $what" 2>/dev/null ;;
    perl:*) perl "-M$what" -e 1 2>/dev/null ;;
    clang:*) clang_links "$what" ;;
    sasl:*) sasl_has "$what" ;;
    *) echo "ci/packages: unknown probe $1" >&2 && exit 2 ;;
    esac
}

clang_links() {
    local status=0 out
    out=$(mktemp)
    echo 'int LLVMFuzzerTestOneInput(const char *p, unsigned long n) { return p && n ? 0 : 0; }' |
        clang -fsanitize="$1" -x c - -o "$out" 2>/dev/null || status=1
    rm -f "$out"
    return $status
}

sasl_has() {
    local folder
    for folder in /usr/lib*/sasl2 /usr/lib/*/sasl2; do
        [ ! -e "$folder/lib$1.so" ] || return 0
    done
    return 1
}

# The column of ci/packages that fits this system.
distribution() {
    local ids
    # shellcheck disable=SC1091
    ids=" $(. /etc/os-release 2>/dev/null && echo "${ID:-} ${ID_LIKE:-}") "
    case $ids in
    *" debian "* | *" ubuntu "*) echo debian ;;
    *" fedora "* | *" rhel "*) echo fedora ;;
    *" alpine "*) echo alpine ;;
    *) echo other ;;
    esac
}

# missing COLUMN GROUP...: the names of the packages that are not there, one a line.
missing() {
    local column=$1 group probe name
    shift
    for group in "$@"; do
        while IFS=$'\t' read -r probe name; do
            present "$probe" || echo "$name"
        done < <(packages "$group" "$column")
    done
}

# need INSTALL GROUP...: returns when all packages of the groups are there. INSTALL is yes or no; in
# CI ($CI is set) it is always yes. Ends with 77 when something is missing and may not be installed.
need() {
    local install=$1 column lacking apt
    shift
    column=$(distribution)
    mapfile -t lacking < <(missing "$column" "$@")
    [ ${#lacking[@]} -gt 0 ] || return 0
    if [ "$column" != debian ]; then
        echo "Missing, by the names in $PACKAGES: ${lacking[*]}" >&2
        echo "Only Debian's packages are installed by this script." >&2
        exit $EXIT_SKIPPED
    fi
    apt=(apt-get install -y --no-install-recommends --no-remove "${lacking[@]}")
    if [ "$install" != yes ] && [ -z "${CI:-}" ]; then
        printf 'Missing packages. Run this again with --install, or install them yourself:\n\n' >&2
        printf '    sudo %s\n\n' "${apt[*]}" >&2
        exit $EXIT_SKIPPED
    fi
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        printf 'Neither root nor sudo to install packages with. As root:\n\n    %s\n' "${apt[*]}" >&2
        exit $EXIT_SKIPPED
    fi
    install_packages "${apt[@]}"
    hash -r
    mapfile -t lacking < <(missing "$column" "$@")
    if [ ${#lacking[@]} -gt 0 ]; then
        echo "Installed, but not found afterwards: ${lacking[*]}" >&2
        exit 1
    fi
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# Services of the packages stay off: nobody's mail server is touched. A policy-rc.d that is there
# already stays as it is; ours goes away again, whatever happens.
install_packages() (
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ] && [ ! -L "$policy" ]; then
        trap 'as_root rm -f "$policy"' EXIT
        trap 'exit 130' INT TERM HUP
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update
    printf '\n$ %s\n' "$*"
    as_root env DEBIAN_FRONTEND=noninteractive "$@"
)

# arguments "$@": sets INSTALL to yes or no; anything but --install is an error.
# shellcheck disable=SC2034
arguments() {
    INSTALL=no
    case "$#:${1:-}" in
    0:) ;;
    1:--install) INSTALL=yes ;;
    *)
        echo "usage: $0 [--install]" >&2
        exit 2
        ;;
    esac
}

# build PRESET [CMAKE ARGUMENT...]: configures and builds build/PRESET, saying little.
build() {
    local preset=$1
    shift
    cmake --preset "$preset" "$@" --log-level=WARNING >/dev/null
    cmake --build --preset "$preset" -- --quiet
}
