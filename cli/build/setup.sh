#!/bin/sh
# Makes a fresh clone ready: installs the packages of package-lock.json where
# they are missing, then builds what is older than its sources. Does nothing
# where everything is in place. Needs Node 18 or later and npm 9 or later for
# the first step only; the packages bring the Node that dits itself runs on.
set -eu
cd "$(dirname "$0")/../.."

fail() {
  echo "setup: $1" >&2
  echo "hint: $2" >&2
  exit 2
}

# What the installed packages depend on, as one line.
inputs() {
  cat package.json package-lock.json core/fastcdc/package.json | cksum
}

# A stamp says which inputs node_modules was installed from. Without one it was
# installed by hand, and npm's own record tells by its age.
must_install() {
  [ -L node_modules ] && return 1
  [ -f node_modules/.package-lock.json ] || return 0
  if [ -f node_modules/.dits-setup ]; then
    [ "$(inputs)" != "$(cat node_modules/.dits-setup)" ]
  else
    [ package-lock.json -nt node_modules/.package-lock.json ]
  fi
}

# npm on $modern_node where that is set. Its own first line may name a fixed Node,
# so its program is started directly.
run_npm() {
  program=${npm_execpath:-$(readlink -f "$(command -v npm)")}
  case $modern_node:$program in
    ?*:*.js | ?*:*.cjs) "$modern_node" "$program" "$@" ;;
    ?*:*) PATH=${modern_node%/*}:$PATH npm "$@" ;;
    *) npm "$@" ;;
  esac
}
modern_node=

# No package needs its install script: native parts come as packages of their own.
install_packages() {
  run_npm ci --ignore-scripts --no-audit --no-fund --loglevel=error "$@" ||
    fail 'npm could not install the packages' 'see what npm says above; behind a proxy, set https_proxy'
}

# The Node that the packages bring, if there is one for this system.
find_node() {
  for candidate in node_modules/node-*/bin/node node_modules/node/bin/node; do
    if [ -x "$candidate" ]; then
      echo "$candidate"
      return
    fi
  done
  return 1
}

if must_install; then
  command -v node >/dev/null 2>&1 || fail 'there is no Node.js' 'install Node.js 18 or later and npm (Debian: apt-get install nodejs npm)'
  command -v npm >/dev/null 2>&1 || fail 'there is no npm' 'install npm 9 or later (Debian: apt-get install npm)'
  version=$(node -p 'process.versions.node.split(".")[0]')
  [ "$version" -ge 18 ] || fail "Node.js $version is too old" 'install Node.js 18 or later'
  if [ -e node_modules ] && [ ! -w node_modules ]; then
    fail "'node_modules' belongs to somebody else" "run this as its owner, or remove it: rm -r $PWD/node_modules"
  fi
  echo 'setup: installing packages'
  # npm leaves native parts out that ask for a newer Node than the one it runs on.
  # So an old Node fetches the right one first, and npm runs again on that.
  is_modern=$(node -p '(([a, b]) => a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19))(process.versions.node.split(".").map(Number))')
  if [ "$is_modern" = false ]; then
    install_packages --omit=dev
    if node=$(find_node); then
      scratch=$(mktemp -d)
      trap 'rm -rf "$scratch"' EXIT
      cp "$node" "$scratch/node"
      modern_node=$scratch/node
    fi
  fi
  install_packages
  [ -z "$modern_node" ] || rm -rf "$scratch"
  inputs > node_modules/.dits-setup
fi

if ! node=$(find_node); then
  version=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)
  [ "$version" -ge 24 ] || fail 'no Node.js 24 comes as a package for this system' 'install Node.js 24 or later yourself'
  node=node
fi
exec "$node" cli/build/prepare.ts
