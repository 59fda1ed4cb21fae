#!/bin/sh
# Compile the modules that every call goes through into .venv, unless that was done and they are the same (a second).
# With --profile it is compiled twice, the second time by what a server counted that runs the first one: slower to make, a tenth faster.
# Without a C compiler, or with HOLDFAST_COMPILED=0, the sources run as they are: this script never fails.
set -eu
cd "$(dirname "$0")/.."
python=.venv/bin/python
profile="${1:-}"

say() { echo "setup: $*"; }
without() {
    say "$*: Holdfast runs interpreted, which takes nearly twice the CPU"
    exit 0
}

[ "${HOLDFAST_COMPILED:-1}" != 0 ] || without "HOLDFAST_COMPILED=0"
if ! "$python" scripts/compile.py --check $profile; then
    missing=""
    command -v cc >/dev/null || missing="gcc libc6-dev"
    "$python" -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("include"), "Python.h").open()' \
        2>/dev/null || missing="$missing python3-dev"
    # shellcheck disable=SC2086 # one word for each package
    [ -z "$missing" ] || sh scripts/setup-system.sh $missing || without "there is no C compiler"
    [ -n "$profile" ] && takes="five minutes" || takes="two minutes"
    say "compiling (about $takes, once)"
    if ! "$python" -c 'import mypyc, setuptools' 2>/dev/null; then
        PIP_ROOT_USER_ACTION=ignore "$python" -m pip install --quiet --disable-pip-version-check --no-input \
            --require-hashes -r requirements/compile.txt </dev/null || without "mypyc cannot be installed"
    fi
    log=.venv/compile.log
    "$python" scripts/compile.py $profile >$log 2>&1 || without "compiling failed ($log)"
    # Says whether counts were had.
    "$python" scripts/compile.py --check $profile || without "the sources changed while they were compiled"
fi
