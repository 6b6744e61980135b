#!/bin/busybox sh
# Makes of the machine's root a system of its own, takes one request, runs it and tells its exit code.
# It is process 1: whatever it left behind would panic the kernel, so it ends with a power-off.
set -eu
own=/run/trunkline-vm
"$own/busybox" --install -s "$own/bin"
export PATH="$own/bin"

mkdir -p /dev/pts /dev/shm /run/lock
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
# udev's part, where there is no udev
ln -sf /proc/self/fd /dev/fd
ln -sf /proc/self/fd/0 /dev/stdin
ln -sf /proc/self/fd/1 /dev/stdout
ln -sf /proc/self/fd/2 /dev/stderr

# Cgroups as on a machine without systemd: version 1, a hierarchy for each controller.
mount -t tmpfs -o mode=755 cgroups /sys/fs/cgroup
while read -r name hierarchy count enabled; do
  [ "$enabled" = 1 ] || continue
  mkdir "/sys/fs/cgroup/$name"
  mount -t cgroup -o "$name" cgroup "/sys/fs/cgroup/$name"
done </proc/cgroups

hostname trunkline-vm
ip link set lo up
# What a login would have had; the kernel's own limit is 1024.
ulimit -n 524288

port() {
  for folder in /sys/class/virtio-ports/*; do
    if [ "$(cat "$folder/name")" = "$1" ]; then
      echo "/dev/${folder##*/}"
      return
    fi
  done
}
exec 3<>"$(port control)"
mkfifo "$own/stdout" "$own/stderr"
# Through pipes: a port opens only once, and programs may open /dev/stdout again.
cat "$own/stdout" >"$(port stdout)" 3>&- &
out=$!
cat "$own/stderr" >"$(port stderr)" 3>&- &
err=$!

echo up >&3
read -r size <&3
head -c "$size" <&3 >"$own/request"
# command.sh writes the true one over it.
echo 1 >"$own/code"
# -x and -s: one command line or none, never split in two.
xargs -0 -x -s 2000000 sh "$own/command.sh" <"$own/request" >"$own/stdout" 2>"$own/stderr" 3>&- || true

# A program that was left running may hold its output open: that is not waited for.
(
  sleep 2
  kill "$out" "$err"
) 3>&- >/dev/null 2>&1 &
wait "$out" "$err" || true
echo "exit $(cat "$own/code")" >&3
poweroff -f
