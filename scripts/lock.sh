#!/bin/sh
# Resolve pyproject.toml anew into requirements/*.txt: every version with its hashes, for every platform and Python that
# the project supports, and no address of an index. `make lock` runs it; `make lock UPGRADE=1` takes newer versions too.
set -eu
cd "$(dirname "$0")/.."

compile() {
    .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --no-emit-find-links --custom-compile-command "make lock" ${UPGRADE:+--upgrade} "$@"
}

# What `make setup` installs: the drivers of the built-in rotation engines and the runtime of Python functions too.
compile pyproject.toml --extra rotation --extra functions --output-file requirements/runtime.txt
compile --group build --output-file requirements/build.txt
compile --group compile --output-file requirements/compile.txt
compile pyproject.toml --all-extras --group dev --output-file requirements/development.txt
if grep -nE '://|file:' requirements/*.txt; then
    echo "lock.sh: a lock names an address" >&2
    exit 1
fi
