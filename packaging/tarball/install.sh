#!/bin/sh
# Installs the agent beside this file, or removes it with --remove: see INSTALL. DESTDIR installs below another root and
# leaves systemd alone.
set -eu

from=$(dirname "$(readlink -f "$0")")
root=${DESTDIR:-}
units="trunkline-agent.socket trunkline-agent-boot.service trunkline-agent.service"
systemd() { [ -n "$root" ] || [ ! -d /run/systemd/system ] || systemctl "$@"; }

if [ "${1:-}" = --remove ]; then
  # shellcheck disable=SC2086 # They are several.
  systemd disable --now $units
  for unit in $units; do rm -f "$root/etc/systemd/system/$unit"; done
  rm -rf "$root/usr/local/lib/trunkline-agent" "$root/var/cache/trunkline-agent"
  rm -f "$root/usr/local/sbin/trunkline-agent" "$root/usr/local/share/man/man8/trunkline-agent.8.gz" \
    "$root/usr/local/share/bash-completion/completions/trunkline-agent"
  systemd daemon-reload
  exit 0
fi
if [ $# -gt 0 ]; then
  echo "usage: $0 [--remove]" >&2
  exit 2
fi

# A file that runs cannot be written over: the new one takes its name.
put() {
  install -D -m "$1" "$from/$2" "$root/$3.new"
  mv -f "$root/$3.new" "$root/$3"
}

for file in "$from"/usr/lib/trunkline-agent/*; do
  name=${file##*/}
  mode=644
  [ "$name" != node ] || mode=755
  put "$mode" "usr/lib/trunkline-agent/$name" "usr/local/lib/trunkline-agent/$name"
done
put 755 usr/sbin/trunkline-agent usr/local/sbin/trunkline-agent
for file in share/man/man8/trunkline-agent.8.gz share/bash-completion/completions/trunkline-agent; do
  put 644 "usr/$file" "usr/local/$file"
done
mkdir -p "$root/etc/systemd/system"
for unit in $units; do
  sed 's|/usr/sbin/trunkline-agent|/usr/local/sbin/trunkline-agent|' "$from/usr/lib/systemd/system/$unit" >"$root/etc/systemd/system/$unit"
done
# It may hold the secret of a join token.
[ -e "$root/etc/trunkline/agent.env" ] || install -D -m 600 "$from/etc/trunkline/agent.env" "$root/etc/trunkline/agent.env"

systemd daemon-reload
# shellcheck disable=SC2086
systemd enable $units
systemd try-restart trunkline-agent.service
