#!/bin/sh
# npm run demo: sets up where needed, then shows dits at work in a folder that
# is removed afterwards.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
sh "$root/cli/build/setup.sh"
PATH=$root/cli/bin:$PATH
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

show() {
  printf '\n$ %s\n' "$*"
  "$@"
}

printf 'not really a film\n' > film.mov
show dits version --verbose
show dits hash film.mov
show dits help
