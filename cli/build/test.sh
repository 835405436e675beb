#!/bin/sh
# npm test: sets up where needed, then checks types and runs every test.
# Arguments choose test files, as vitest does: npm test -- core/pack
set -eu
cd "$(dirname "$0")/../.."
sh cli/build/setup.sh
for candidate in node_modules/node-*/bin/node node_modules/node/bin/node; do
  [ -x "$candidate" ] && PATH=$PWD/${candidate%/node}:$PATH && break
done
PATH=$PWD/node_modules/.bin:$PATH
export PATH
exec node --disable-warning=ExperimentalWarning cli/build/test.ts "$@"
