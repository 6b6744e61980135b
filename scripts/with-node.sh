#!/bin/sh
# Runs a command with Node 24 or later as `node`, for itself and for all that it starts:
#
#   sh scripts/with-node.sh node apps/agent/src/main.ts
#
# The Node is the one that `npm ci` brought, or the one in PATH. npm 9 and 10 bring it and do not link it
# (docs/decisions/0002-node-and-install-scripts.md). The command takes this process's place, so signals, exit codes, the
# process id and inherited sockets are its own.
#
# Programs are translated and compiled once and then found in .cache/compile (NODE_COMPILE_CACHE of Node): they start in half
# the time and with 20 MiB less. Where that folder cannot be written, Node goes on without it. Set it to another one, or
# NODE_DISABLE_COMPILE_CACHE=1 for none.
set -eu

least=24
root=$(cd "$(dirname "$0")/.." && pwd)
NODE_COMPILE_CACHE=${NODE_COMPILE_CACHE:-$root/.cache/compile}
export NODE_COMPILE_CACHE

# Prints the version of a Node that runs here; fails for one that does not (another processor, another C library).
version_of() {
  [ -x "$1" ] && "$1" --version 2>/dev/null
}

is_enough() {
  major=${1#v}
  major=${major%%.*}
  [ "$major" -ge "$least" ] 2>/dev/null
}

found=
for node in "$root"/node_modules/node-linux-*/bin/node; do
  version=$(version_of "$node") || continue
  found="$found $version"
  if is_enough "$version"; then
    PATH=${node%/node}:${PATH:-/usr/bin:/bin}
    export PATH
    exec "$@"
  fi
done

if version=$(version_of "$(command -v node)"); then
  if is_enough "$version"; then
    exec "$@"
  fi
  found="$found $version"
fi

echo "trunkline: no Node $least or later here (found:${found:- none}); run \`npm ci\`, which brings one for Linux on x64 and arm64, or put one first in PATH" >&2
exit 1
