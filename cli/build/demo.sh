#!/bin/sh
# npm run demo: sets up where needed, then shows dits at work on a film project.
# Arguments go to cli/demo.ts: npm run demo -- --no-ffmpeg
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
sh "$root/cli/build/setup.sh"
node=node
for candidate in "$root"/node_modules/node-*/bin/node "$root"/node_modules/node/bin/node; do
  [ -x "$candidate" ] && node=$candidate && break
done
exec "$node" --disable-warning=ExperimentalWarning "$root/cli/demo.ts" "$@"
