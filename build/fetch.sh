#!/bin/sh
# Brings what package-lock.json names into node_modules, unless it is there: sh build/fetch.sh ("npm test" calls it).
set -eu
cd "$(dirname "$0")/.."

# All of it, for the pinned Node: the tools' own binaries, too.
whole() {
  [ -x node_modules/.bin/node ] && ! [ package-lock.json -nt node_modules/.package-lock.json ] &&
    node_modules/.bin/node node_modules/.bin/oxlint --version >/dev/null 2>&1 &&
    node_modules/.bin/node -e 'import("rolldown").catch(() => process.exit(1))' >/dev/null 2>&1
}
if whole; then exit 0; fi

# Not with a Node that lies in the folder that is made again.
PATH=$(printf %s "$PATH" | tr : '\n' | grep -v node_modules | paste -s -d : -)
own=$(mktemp -d)
trap 'rm -rf "$own"' EXIT
fetch() { npm ci --no-audit --no-fund >"$own/log" 2>&1 || { tail -n 30 "$own/log" >&2; exit 1; }; }
fetch
# Under a Node of long ago npm passes over the tools that need a newer one; the pinned Node has come by then and can run it again.
if [ "$(node -p 'parseInt(process.versions.node)')" -lt 20 ]; then
  cp node_modules/node-linux-*/bin/node "$own/node"
  PATH="$own:$PATH" fetch
fi
# npm 9, which Debian 12 has, leaves out the links of optional packages, and the pinned Node is one.
[ -x node_modules/.bin/node ] || npm rebuild >"$own/log" 2>&1
whole || { echo 'node_modules is not whole: "rm -rf node_modules", and once more' >&2; exit 1; }
