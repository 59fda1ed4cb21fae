#!/bin/sh
# Install what tests/clients/javascript needs, from its own lock, with the Node.js of .venv.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
cd tests/clients/javascript
echo "setup: npm ci in tests/clients/javascript"
npm ci --no-audit --no-fund --loglevel=error </dev/null
touch node_modules/.ready
