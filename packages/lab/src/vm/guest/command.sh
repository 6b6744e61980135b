#!/bin/busybox sh
# Runs one request. Arguments: the folder of the kernel's modules, the folder to start in, how many folders to begin
# empty and these, then NAME=VALUE... and the command with its arguments.
modules=$1 folder=$2 count=$3
shift 3
visible="/lib/modules/$(uname -r)"
mkdir -p "$visible"
mount --bind "$modules" "$visible" || exit
while [ "$count" -gt 0 ]; do
  mkdir -p "$1"
  mount -t tmpfs -o mode=1777 empty "$1"
  shift
  count=$((count - 1))
done
cd "$folder" || exit
# By its path: to busybox's own env busybox's programs come before those on PATH.
/usr/bin/env -i "$@" </dev/null
echo $? >/run/trunkline-vm/code
