#!/bin/sh
# Install what a folder of tests needs from npm, from its own lock, with the Node.js of .venv.
# `setup-javascript.sh tests/clients/javascript`
set -eu
folder=${1:?"say which folder"}
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
cd "$folder"
echo "setup: npm ci in $folder"
npm ci --no-audit --no-fund --loglevel=error </dev/null
touch node_modules/.ready
