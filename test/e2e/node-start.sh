#!/bin/bash
# Process 1 of a test node: makes the node's own view of the machine and then only reaps children.
# usage: node-start.sh NAME DISK    (already inside the new namespaces)
set -eu
name=$1 disk=$2
v2=no; [ -f /sys/fs/cgroup/cgroup.controllers ] && v2=yes
hostname "$name"
mount -t proc proc /proc
# What the host has mounted there would come and go in the node's list of mounts.
awk '$5 ~ "^/run/" {print $5}' /proc/self/mountinfo | tac | xargs -r -n 1 umount -l 2>/dev/null || true
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/netns /run/lock
for dir in /var/lib/skiff /etc/skiff /var/log/pods /var/log/containers /var/lib/cni /etc/cni /var/lib/kubelet /var/lib/containerd; do
  mkdir -p "$disk$dir" "$dir"
  mount --bind "$disk$dir" "$dir"
done
mount -t sysfs sysfs /sys 2>/dev/null || true
if [ "$v2" = yes ]; then
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
else
  mount -t tmpfs tmpfs /sys/fs/cgroup
  for c in cpu cpuacct cpuset memory devices freezer blkio pids; do
    mkdir -p /sys/fs/cgroup/$c
    mount -t cgroup -o $c cgroup /sys/fs/cgroup/$c 2>/dev/null || rmdir /sys/fs/cgroup/$c
  done
  mkdir -p /sys/fs/cgroup/systemd
  mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd 2>/dev/null || rmdir /sys/fs/cgroup/systemd
fi
mount --make-rshared /
touch /run/node-is-up
trap 'exit 0' TERM
while :; do sleep 1000 & wait $! || true; done
