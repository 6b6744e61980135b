#!/bin/busybox sh
# The VM's first program, out of the initrd: finds the machine's root and gives way to late.sh on it.
# Read by busybox's shell alone. An error ends it, which the kernel answers with a panic: the runner sees that.
set -eu
/bin/busybox mkdir -p /proc /sys /dev /lower /layer /root
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
while read -r module; do insmod "/modules/$module"; done </modules/order

# cache=loose: files of the machine are read once and never asked for again, they are not to change meanwhile.
mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose machine /lower
mount -t tmpfs -o mode=755 layer /layer
mkdir -p /layer/upper/var/lib /layer/work
# An overlay's mark for a name that is gone: the labs of the machine itself are not this one's to clean up.
mknod /layer/upper/var/lib/trunkline-lab c 0 0
mount -t overlay -o lowerdir=/lower,upperdir=/layer/upper,workdir=/layer/work root /root

mount -t tmpfs -o mode=755 run /root/run
mkdir -p /root/run/trunkline-vm/bin
cp /bin/busybox /late.sh /command.sh /root/run/trunkline-vm
for folder in proc sys dev; do mount --move "/$folder" "/root/$folder"; done
exec switch_root /root /run/trunkline-vm/busybox sh /run/trunkline-vm/late.sh
