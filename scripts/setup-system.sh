#!/bin/sh
# Install Debian packages that are missing: those named, or those that the tests and the benchmarks need.
# As root it installs them; otherwise it prints what to type, and fails.
set -eu
export DEBIAN_FRONTEND=noninteractive

missing=""
need() { missing="$missing $1"; }

if [ $# -gt 0 ]; then
    missing="$*"
else
    ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || need postgresql
    command -v mariadbd >/dev/null || [ -x /usr/sbin/mariadbd ] || need mariadb-server
    command -v wrk >/dev/null || need wrk
    command -v git >/dev/null || need git
fi
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "setup: installing$missing"
    apt-get update -qq </dev/null
    # shellcheck disable=SC2086 # one word for each package
    apt-get install -y -qq --no-install-recommends $missing </dev/null >/dev/null
    exit 0
fi
echo "setup: please install:$missing (Debian: sudo apt-get install$missing)" >&2
exit 1
