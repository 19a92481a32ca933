#!/bin/sh
# Installs skiff: packages that are missing, the executable, a service, and waits until the node is Ready.
#
#   ./install.sh [server|agent] [flags of that command...]            from a checkout (builds), or from a folder that a release was copied to
#   curl -sfL https://MIRROR/install.sh | sh -s - [server|agent] ...  from a release: sums and signature are checked before anything of it runs
#
# INSTALL_SKIFF_EXEC          command and flags, in front of the arguments
# INSTALL_SKIFF_NAME          name of the service behind "skiff-" (default: skiff, or skiff-agent)
# INSTALL_SKIFF_TYPE          Type= of the systemd unit (default: notify)
# INSTALL_SKIFF_BIN_DIR       where the executable goes (default: /usr/local/bin, or /opt/bin where that takes no files)
# INSTALL_SKIFF_BIN_DIR_READ_ONLY true: the executable is there already, and nothing is written beside it
# INSTALL_SKIFF_SYSTEMD_DIR   where the systemd unit goes (default: /etc/systemd/system)
# INSTALL_SKIFF_SYMLINK       skip or force; otherwise kubectl, helm, crictl and ctr are linked where there are none
# INSTALL_SKIFF_MIRROR        address (or folder) of a release, or of folders of releases (MIRROR/v1.2.3/)
# INSTALL_SKIFF_CHANNEL       whose version is taken (default: stable)
# INSTALL_SKIFF_CHANNEL_URL   where channels are looked up (default: MIRROR/channels)
# INSTALL_SKIFF_VERSION       v1.2.3, in the place of a channel
# INSTALL_SKIFF_PUBLIC_KEY    the minisign key that signs the releases, when this script holds none
# INSTALL_SKIFF_SKIP_SIGNATURE true: go by the sums alone
# INSTALL_SKIFF_SKIP_DOWNLOAD true (or binary): use the executable in BIN_DIR as it is
# INSTALL_SKIFF_SKIP_BUILD    true: use dist/skiff, or the file named by INSTALL_SKIFF_BINARY, as it is
# INSTALL_SKIFF_AIRGAP        a bundle of "skiff airgap build" (default: skiff-airgap-ARCH.tar.zst beside this script, if it is there)
# INSTALL_SKIFF_SKIP_PACKAGES true: install nothing from the distribution
# INSTALL_SKIFF_SKIP_ENABLE   true: do not start at boot
# INSTALL_SKIFF_SKIP_START    true: do not start now
# INSTALL_SKIFF_FORCE_RESTART true: restart even when nothing changed
# INSTALL_SKIFF_WAIT_SECONDS  how long to wait until the node is Ready (default: 180)
# SKIFF_*                     any flag; kept in the environment file of the service, and so is what must stay secret among the flags
# K3S_*, INSTALL_K3S_*        are taken as SKIFF_* and INSTALL_SKIFF_* where those are not set, with a line
set -eu
umask 022

# What a release has filled in: the key that signs releases, and where this one is served.
public_key=''
default_mirror=''

say() { echo "[skiff] $*"; }
fatal() { echo "[skiff] $*" >&2; exit 1; }

# A machine that was set up for k3s says the same to skiff; what names k3s' own folders or its releases does not count.
from_k3s() {
  for name in $(env | sed -n 's/^\(INSTALL_\)\{0,1\}K3S_[A-Z0-9_]*=.*/&/p' | sed 's/=.*//'); do
    case $name in
      K3S_DATA_DIR | K3S_RUN_DIR) say "$name is not taken: it names what belongs to k3s"; continue ;;
      K3S_* | INSTALL_K3S_EXEC | INSTALL_K3S_NAME | INSTALL_K3S_BIN_DIR | INSTALL_K3S_SYSTEMD_DIR | INSTALL_K3S_SYMLINK | INSTALL_K3S_SKIP_ENABLE | INSTALL_K3S_SKIP_START | INSTALL_K3S_FORCE_RESTART | INSTALL_K3S_SKIP_DOWNLOAD | INSTALL_K3S_BIN_DIR_READ_ONLY | INSTALL_K3S_TYPE) ;;
      *) say "$name has no effect here"; continue ;;
    esac
    ours=$(echo "$name" | sed 's/K3S_/SKIFF_/')
    eval "value=\${$name:-} mine=\${$ours:-}"
    [ -n "$value" ] || continue
    [ -z "$mine" ] || { say "$name has no effect: $ours is set too"; continue; }
    export "$ours=$value"
    unset "$name"
    say "$name is taken as $ours"
  done
}

# A word that is spelt wrong has no effect, and is told.
known_variables() {
  for name in $(env | sed -n 's/^\(INSTALL_SKIFF_[A-Z0-9_]*\)=.*/\1/p'); do
    case ${name#INSTALL_SKIFF_} in
      EXEC | NAME | TYPE | BIN_DIR | BIN_DIR_READ_ONLY | SYSTEMD_DIR | SYMLINK | MIRROR | CHANNEL | CHANNEL_URL | VERSION | PUBLIC_KEY | SKIP_SIGNATURE | SKIP_DOWNLOAD | AIRGAP | SKIP_BUILD | BINARY | SKIP_PACKAGES | SKIP_ENABLE | SKIP_START | FORCE_RESTART | WAIT_SECONDS) ;;
      *) say "$name has no effect here" ;;
    esac
  done
}
conf_dir=/etc/skiff
log_file=/var/log/skiff.log

# A note of every change to this machine, made before the change; "skiff uninstall" replays the notes backwards.
record() {
  mkdir -p "$data_dir"
  line="{\"kind\":\"$1\",\"name\":\"$2\"}"
  grep -qxF "$line" "$ledger" 2>/dev/null || { echo "$line" >> "$ledger"; chmod 600 "$ledger"; }
}

# Everything half-done lies in a folder of ours that nobody can guess.
begin() {
  work=$(mktemp -d)
  fresh=
  trap 'rm -rf "$work" ${fresh:+"$fresh"}' EXIT
  trap 'exit 1' HUP INT TERM
  tmp=$work/file
  # From a pipe there is nothing beside the script, whatever lies in the current folder.
  case ${0##*/} in install.sh) here=$(cd "$(dirname "$0")" && pwd) ;; *) here= ;; esac
  bin_dir=${INSTALL_SKIFF_BIN_DIR:-/usr/local/bin}
  if [ -z "${INSTALL_SKIFF_BIN_DIR:-}" ] && [ -d /opt/bin ] && ! takes_files "$bin_dir"; then bin_dir=/opt/bin; fi
}

takes_files() { mkdir -p "$1" 2>/dev/null && (: >"$1/.skiff-try") 2>/dev/null && rm -f "$1/.skiff-try"; }

# Words as a shell takes them, each a line of its own text.
quoted() {
  for word in "$@"; do printf "'%s' " "$(printf '%s' "$word" | sed "s/'/'\\\\''/g")"; done
}

# Words as systemd takes them.
systemd_quoted() {
  for word in "$@"; do printf '"%s" ' "$(printf '%s' "$word" | sed 's/[\\"]/\\&/g; s/%/%%/g; s/\$/$$/g')"; done
}

# A line of the environment file: NAME="value", which systemd and load_environment read alike.
assignment() {
  printf '%s="%s"\n' "$1" "$(printf '%s' "$2" | sed 's/[\\"$`]/\\&/g')"
}

one_line() {
  case $1 in *"
"*) fatal "$2 must be one line" ;; esac
}

check() {
  [ "$(id -u)" = 0 ] || fatal "run this as root: $([ -n "$here" ] && echo "sudo $0" || echo "curl ... | sudo sh -")"
  case $(uname -s)-$(uname -m) in
    Linux-x86_64) suffix=amd64 ;;
    Linux-aarch64) suffix=arm64 ;;
    *) fatal "there is no skiff for $(uname -s) on $(uname -m): Linux on x86_64 or arm64 is needed" ;;
  esac
  can_run
  memory_cgroup
  [ "$(getenforce 2>/dev/null)" != Enforcing ] || say "SELinux is enforcing: skiff brings no policy for it, and containers are not confined by it"
  if [ -d /run/systemd/system ]; then init=systemd
  elif [ -x /sbin/openrc-run ] && [ -d /run/openrc ]; then init=openrc
  else init=none; fi
}

# What the executable is linked to. A kernel of 64 bits may carry a system of 32.
can_run() {
  # The fifth byte of a program says for how many bits it is.
  [ "$(od -An -t u1 -j 4 -N 1 /proc/self/exe 2>/dev/null | tr -d ' ')" != 1 ] || fatal "this system has 32 bits under a kernel of 64 ($(uname -m)): install the 64-bit edition of the operating system"
  for loader in /lib/ld-musl-*.so.1; do
    [ -e "$loader" ] && [ ! -e /lib64/ld-linux-x86-64.so.2 ] && [ ! -e /lib/ld-linux-aarch64.so.1 ] || continue
    fatal "this system is built on musl, and skiff needs glibc 2.34 or newer with libstdc++ (Debian 12, Ubuntu 22.04, Fedora 36 or newer); gcompat is not enough"
  done
  libc=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed 's/^glibc //')
  case $libc in
    2.[0-9] | 2.[12][0-9] | 2.3[0-3]) fatal "this system has glibc $libc, and skiff needs 2.34 or newer (Debian 12, Ubuntu 22.04, Fedora 36 or newer)" ;;
  esac
}

# Without it no container has a limit of memory. Raspberry Pi OS leaves it off.
memory_cgroup() {
  if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
    ! grep -qw memory /sys/fs/cgroup/cgroup.controllers || return 0
  else
    awk '$1 == "memory" && $4 == 1 { found = 1 } END { exit !found }' /proc/cgroups && return 0
  fi
  for file in /boot/firmware/cmdline.txt /boot/cmdline.txt; do
    [ -f "$file" ] || continue
    fatal "the kernel runs without the memory cgroup. Say: sed -i '1s/\$/ cgroup_memory=1 cgroup_enable=memory/' $file && reboot"
  done
  fatal "the kernel runs without the memory cgroup: add \"cgroup_memory=1 cgroup_enable=memory\" to its command line and reboot"
}

# Where the executable comes from: a build of this checkout, a file, a release, or BIN_DIR itself.
choose_source() {
  source=checkout
  mirror=${INSTALL_SKIFF_MIRROR:-}
  mirror=${mirror%/}
  if [ "${INSTALL_SKIFF_BIN_DIR_READ_ONLY:-}" = true ]; then source=installed; return; fi
  case ${INSTALL_SKIFF_SKIP_DOWNLOAD:-} in true | binary) source=installed; return ;; esac
  if [ "${INSTALL_SKIFF_SKIP_BUILD:-}" = true ]; then source=file; return; fi
  [ -z "$mirror${INSTALL_SKIFF_VERSION:-}${INSTALL_SKIFF_CHANNEL:-}" ] || source=release
  if [ $source = checkout ] && { [ -z "$here" ] || [ ! -f "$here/package.json" ]; }; then source=release; fi
  [ $source = release ] || return 0
  if [ -z "$mirror" ] && [ -n "$here" ] && [ -f "$here/sha256sums" ]; then mirror=$here; fi
  mirror=${mirror:-$default_mirror}
  [ -n "$mirror" ] || fatal "name a mirror of releases (INSTALL_SKIFF_MIRROR=https://...), or run install.sh from a checkout of skiff"
  case $mirror in http://* | https://* | /*) ;; *) fatal "INSTALL_SKIFF_MIRROR must begin with https://, http:// or /" ;; esac
}

# Brings FILE of an address or folder to a place; silent when it is not there.
bring() { # FROM TO
  case $1 in
    /*) [ -f "$1" ] && cp "$1" "$2" ;;
    *)
      if command -v curl >/dev/null 2>&1; then curl -fsSL --connect-timeout 20 --retry 2 -o "$2" "$1" 2>"$work/bring.log"
      elif command -v wget >/dev/null 2>&1; then wget -q -T 60 -O "$2" "$1" 2>"$work/bring.log"
      else fatal "curl or wget is needed to download"; fi
      ;;
  esac
}

# As k3s' channel server answers, from such a server or from a file.
channel_version() {
  channel=${INSTALL_SKIFF_CHANNEL:-stable}
  url=${INSTALL_SKIFF_CHANNEL_URL:-$mirror/channels}
  bring "$url" "$work/channels" || fatal "$url could not be read$(sed 's/^/: /' "$work/bring.log" 2>/dev/null | head -n 1)"
  found=$(tr -d '\n' <"$work/channels" | tr '{' '\n' | grep "\"name\": *\"$channel\"" | sed -n 's/.*"latest": *"\([^"]*\)".*/\1/p' | head -n 1)
  [ -n "$found" ] || fatal "$url names no version for the channel $channel"
  printf '%s' "$found"
}

# One line: skiff and the version that was signed, from the comment that the signature covers.
verified() { # FILE
  key=${INSTALL_SKIFF_PUBLIC_KEY:-$public_key}
  [ -n "$key" ] || fatal "this install.sh holds no public key: name it (INSTALL_SKIFF_PUBLIC_KEY), or go by the sums alone (INSTALL_SKIFF_SKIP_SIGNATURE=true)"
  case $key in *[!A-Za-z0-9+/=]*) fatal "INSTALL_SKIFF_PUBLIC_KEY must be the line of a minisign key" ;; esac
  if command -v minisign >/dev/null 2>&1; then
    minisign -V -Q -P "$key" -m "$1" -x "$1.minisig" 2>/dev/null || fatal "the signature of the release is wrong: nothing was changed"
    return
  fi
  can_openssl || fatal "neither minisign nor OpenSSL 3 is here, so the signature of the release cannot be checked: install one of them (apt-get install openssl), or go by the sums alone (INSTALL_SKIFF_SKIP_SIGNATURE=true)"
  d=$work/signature
  mkdir -p "$d"
  sed -n 2p "$1.minisig" | openssl base64 -d -A >"$d/line"
  sed -n 4p "$1.minisig" | openssl base64 -d -A >"$d/whole.sig"
  comment=$(sed -n '3s/^trusted comment: //p' "$1.minisig")
  printf '%s' "$key" | openssl base64 -d -A >"$d/key"
  # "Ed", eight bytes that name the key, the key; and "ED", the same eight, the signature.
  { [ "$(wc -c <"$d/key")" -eq 42 ] && [ "$(wc -c <"$d/line")" -eq 74 ] && [ "$(head -c 2 "$d/line")" = ED ]; } || fatal "the signature of the release, or the public key, is damaged: nothing was changed"
  head -c 10 "$d/key" | tail -c 8 >"$d/id"
  head -c 10 "$d/line" | tail -c 8 | cmp -s - "$d/id" || fatal "the release is signed with another key: nothing was changed"
  tail -c 64 "$d/line" >"$d/sig"
  # The first twelve bytes of every such key in DER (RFC 8410) fill whole letters of base64.
  printf -- '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA%s\n-----END PUBLIC KEY-----\n' "$(tail -c 32 "$d/key" | openssl base64 -A)" >"$d/pem"
  openssl dgst -blake2b512 -binary "$1" >"$d/hash"
  { cat "$d/sig"; printf '%s' "$comment"; } >"$d/whole"
  good() { openssl pkeyutl -verify -pubin -inkey "$d/pem" -rawin -in "$1" -sigfile "$2" >/dev/null 2>&1; }
  { good "$d/hash" "$d/sig" && good "$d/whole" "$d/whole.sig"; } || fatal "the signature of the release is wrong: nothing was changed"
  printf '%s\n' "$comment"
}

can_openssl() { command -v openssl >/dev/null 2>&1 && openssl pkeyutl -help 2>&1 | grep -q rawin; }

# A distribution without either way to check a signature usually has one to install.
bring_openssl() {
  ! command -v minisign >/dev/null 2>&1 && ! can_openssl || return 0
  [ "${INSTALL_SKIFF_SKIP_PACKAGES:-}" != true ] || return 0
  command -v apt-get >/dev/null 2>&1 || return 0
  say "installing openssl from the distribution: it checks the signature"
  install_packages openssl
  record package openssl
}

sum_of() { sha256sum "$1" | cut -d ' ' -f 1; }
listed() { sed -n "s/^\([0-9a-f]\{64\}\)  $1\$/\1/p" "$work/sha256sums"; }

# Brings a file of the release to a place, and holds it to its sum.
bring_listed() { # NAME TO
  due=$(listed "$1")
  [ -n "$due" ] || fatal "the release has no $1"
  bring "$base/$1" "$2" || fatal "$base/$1 could not be read$(sed 's/^/: /' "$work/bring.log" 2>/dev/null | head -n 1)"
  [ "$(sum_of "$2")" = "$due" ] || fatal "the checksum of $1 is wrong: nothing was changed"
}

# The sums of a release, signed; nothing else of it is looked at before.
release_sums() {
  version=${INSTALL_SKIFF_VERSION:-}
  case $mirror in /*) ;; *) [ -n "$version" ] || version=$(channel_version) ;; esac
  case $version in *[!0-9A-Za-z.+-]*) fatal "\"$version\" is not a version" ;; esac
  base=$mirror/$version
  if [ -z "$version" ] || ! bring "$base/sha256sums" "$work/sha256sums"; then
    # A mirror of one version alone.
    base=$mirror
    bring "$base/sha256sums" "$work/sha256sums" || fatal "there is no release${version:+ $version} at $mirror$(sed 's/^/: /' "$work/bring.log" 2>/dev/null | head -n 1)"
  fi
  if [ "${INSTALL_SKIFF_SKIP_SIGNATURE:-}" = true ]; then
    say "the signature of the release is not checked (INSTALL_SKIFF_SKIP_SIGNATURE)"
    return
  fi
  bring_openssl
  bring "$base/sha256sums.minisig" "$work/sha256sums.minisig" || fatal "the release is not signed: there is no $base/sha256sums.minisig"
  signed=$(verified "$work/sha256sums") || exit 1
  [ -z "$version" ] || [ "$signed" = "skiff $version" ] || fatal "$base holds $signed, not $version: nothing was changed"
  version=${signed#skiff }
}

# The executable of a release, in a folder that programs may be started from.
download() {
  release_sums
  want=$(listed "skiff-$suffix")
  [ -n "$want" ] || fatal "the release has no skiff-$suffix"
  binary=$bin_dir/skiff
  [ ! -f "$binary" ] || [ "$(sum_of "$binary")" != "$want" ] || return 0
  mkdir -p "$bin_dir"
  rm -rf "$bin_dir"/.skiff-fresh.*
  fresh=$(mktemp -d "$bin_dir/.skiff-fresh.XXXXXX")
  say "bringing skiff ${version:-} for $suffix"
  case $base in
    /*) bring_listed "skiff-$suffix" "$fresh/skiff" ;;
    *)
      bring_listed "skiff-$suffix.tar.gz" "$fresh/packed"
      tar -xzf "$fresh/packed" -C "$fresh" "skiff-$suffix" && mv "$fresh/skiff-$suffix" "$fresh/skiff" && rm -f "$fresh/packed"
      [ "$(sum_of "$fresh/skiff")" = "$want" ] || fatal "the checksum of skiff-$suffix is wrong: nothing was changed"
      ;;
  esac
  chmod 755 "$fresh/skiff"
  binary=$fresh/skiff
  "$binary" version >"$work/version.log" 2>&1 || fatal "the executable does not run here: $(head -n 1 "$work/version.log")"
}

# The command and its flags. Without any, those of the last installation stay.
choose() {
  # shellcheck disable=SC2086 # the variable holds words
  set -- ${INSTALL_SKIFF_EXEC:-} "$@"
  if [ $# = 0 ] && [ -f "$conf_dir/install.args" ]; then
    args=$(cat "$conf_dir/install.args")
    command=$(cat "$conf_dir/install.command")
    return
  fi
  case ${1:-} in
    server | agent) command=$1; shift ;;
    '' | -*) if [ -n "${SKIFF_URL:-}" ]; then command=agent; else command=server; fi ;;
    *) fatal "unknown command $1: server or agent is meant" ;;
  esac
  args=$(quoted "$@")
  there=$(cat "$conf_dir/install.command" 2>/dev/null || echo "$command")
  [ "$there" = "$command" ] || [ -n "${INSTALL_SKIFF_NAME:-}" ] || fatal "skiff $there is installed on this machine, which cannot be a skiff $command beside it: run skiff-uninstall.sh first"
}

# Takes what must stay secret out of the flags: a unit can be read by everybody, and so can the command line of a process.
hide_secrets() {
  eval "set -- $args"
  plain= unit_args= secrets=
  while [ $# -gt 0 ]; do
    one_line "$1" "a flag"
    name=
    case $1 in
      --token | --agent-token | --datastore-endpoint) [ $# -gt 1 ] && { name=${1#--}; value=$2; shift; } ;;
      -t) [ $# -gt 1 ] && { name=token; value=$2; shift; } ;;
      --token=* | --agent-token=* | --datastore-endpoint=*) name=${1%%=*}; name=${name#--}; value=${1#*=} ;;
    esac
    if [ -n "$name" ]; then
      one_line "$value" "$name"
      secrets=$secrets$(assignment "SKIFF_$(printf '%s' "$name" | tr a-z- A-Z_)" "$value")"
"
    else
      plain=$plain$(quoted "$1")
      unit_args=$unit_args$(systemd_quoted "$1")
    fi
    shift
  done
}

# What one flag comes to: the command line, then the environment, then config.yaml, then the default.
setting() { # NAME SHORT VARIABLE DEFAULT
  found=
  eval "set -- \"\$1\" \"\$2\" \"\$3\" \"\$4\" $args"
  name=$1 short=$2 variable=$3 default=$4
  shift 4
  while [ $# -gt 0 ]; do
    case $1 in
      --"$name" | -"$short") [ $# -gt 1 ] && found=$2 ;;
      --"$name"=* | -"$short"=*) found=${1#*=} ;;
    esac
    shift
  done
  eval "found=\${found:-\${$variable:-}}"
  # Said again without its environment, an installation keeps the one it has.
  [ -n "$found" ] || found=$(sed -n "s/^$variable=\"\(.*\)\"\$/\1/p" "$conf_dir/$service.env" 2>/dev/null | tail -n 1)
  [ -n "$found" ] || found=$(sed -n "s/^$name: *[\"']\{0,1\}\([^\"'#]*[^\"'# ]\).*/\1/p" "$conf_dir/config.yaml" 2>/dev/null | tail -n 1)
  printf '%s' "${found:-$default}"
}

places() {
  data_dir=$(setting data-dir d SKIFF_DATA_DIR /var/lib/skiff)
  run_dir=$(setting run-dir - SKIFF_RUN_DIR /run/skiff)
  kubeconfig=$(setting write-kubeconfig o SKIFF_KUBECONFIG_OUTPUT /etc/skiff/skiff.yaml)
  case $data_dir$run_dir in /*/*) ;; *) fatal "--data-dir and --run-dir must be absolute paths" ;; esac
  ledger=$data_dir/ledger
}

# Whether this server keeps its state in an etcd beside it.
wants_etcd() {
  [ "$command" = server ] || return 1
  case "$args " in *"'--cluster-init'"* | *"'--cluster-init=true'"*) return 0 ;; esac
  case $(setting cluster-init - SKIFF_CLUSTER_INIT no) in true | 1 | t) return 0 ;; esac
  [ -n "$(setting server s SKIFF_URL '')" ] || [ -d "$data_dir/server/db/etcd" ]
}

# A server says what the agents of its cluster run; to have the program does no harm.
wants_ingress() {
  case "$args $(setting disable - SKIFF_DISABLE '') " in *traefik* | *ingress*) return 1 ;; esac
}

# By the names of Debian; Fedora has others for some.
install_packages() {
  if command -v apt-get >/dev/null 2>&1; then
    # Nobody is there to be asked, and no service of others is restarted for it.
    export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 NEEDRESTART_MODE=l
    set -- sh -c 'apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"' apt "$@"
  elif command -v dnf >/dev/null 2>&1; then
    fedora=$(echo "$*" | sed 's/\bconntrack\b/conntrack-tools/; s/\biproute2\b/iproute/; s/\bmount\b/util-linux/; s/\betcd-server\b/etcd/')
    # shellcheck disable=SC2086
    set -- dnf install -y -q --setopt=install_weak_deps=False $fedora
  else fatal "please install: $*"; fi
  "$@" </dev/null >"$work/packages.log" 2>&1 || {
    tail -n 20 "$work/packages.log" >&2
    fatal "the packages could not be installed"
  }
}

# What a machine without a network lacks comes from a bundle; what it has itself is preferred.
airgap() {
  bundle=${INSTALL_SKIFF_AIRGAP:-}
  if [ -z "$bundle" ] && [ -n "$here" ] && [ -f "$here/skiff-airgap-$suffix.tar.zst" ]; then bundle=$here/skiff-airgap-$suffix.tar.zst; fi
  PATH=$PATH:$data_dir/airgap/bin
  [ -n "$bundle" ] || return 0
  [ -f "$bundle" ] || fatal "$bundle is not there"
  of=$(stat -c '%n %s %Y' "$bundle")
  [ "$of" != "$(cat "$data_dir/airgap.from" 2>/dev/null)" ] || [ ! -d "$data_dir/airgap" ] || return 0
  # A bundle of the release itself is among its sums; one that was made elsewhere is held to its own.
  want=$([ ! -f "$work/sha256sums" ] || listed "${bundle##*/}")
  [ -z "$want" ] || [ "$(sum_of "$bundle")" = "$want" ] || fatal "the checksum of ${bundle##*/} is wrong: nothing was changed"
  build
  say "unpacking ${bundle##*/}"
  mkdir -p "$data_dir"
  "$binary" airgap load "$bundle" --data-dir "$data_dir" >"$work/airgap.log" 2>&1 || { sed 's/^/[skiff] /' "$work/airgap.log" >&2; fatal "nothing was changed"; }
  sed 's/^/[skiff] /' "$work/airgap.log"
  echo "$of" >"$data_dir/airgap.from"
}

packages() {
  [ "${INSTALL_SKIFF_SKIP_PACKAGES:-}" = true ] && return
  missing=
  need() { command -v "$1" >/dev/null 2>&1 || [ -x "$1" ] || missing="$missing $2"; }
  need containerd containerd
  need runc runc
  [ -x /usr/lib/cni/ptp ] || [ -x /opt/cni/bin/ptp ] || [ -x /usr/libexec/cni/ptp ] || [ -x "$data_dir/airgap/cni/ptp" ] || missing="$missing containernetworking-plugins"
  need nft nftables
  need conntrack conntrack
  need ip iproute2
  need mount mount
  if wants_etcd; then need etcd etcd-server; fi
  if wants_ingress; then need haproxy haproxy; fi
  # Of the two that carry kubectl, npm's has none for arm64.
  if [ $source = checkout ] && must_build && [ "$(uname -m)" = aarch64 ] && ! ls "$here"/dist/kubectl-*-arm64 >/dev/null 2>&1; then python3 -m pip --version >/dev/null 2>&1 || missing="$missing python3-pip"; fi
  [ -z "$missing" ] && return
  say "installing from the distribution:$missing"
  # shellcheck disable=SC2086
  install_packages $missing
  for name in $missing; do record package "$name"; done
  # skiff runs containerd itself; the one that the package has just started would only lie idle beside it.
  case $missing in *containerd*) [ $init = systemd ] && systemctl disable --now containerd >/dev/null 2>&1 || true ;; esac
  case $missing in *haproxy*) [ $init = systemd ] && systemctl disable --now haproxy >/dev/null 2>&1 || true ;; esac
  case $missing in *etcd-server*) [ $init = systemd ] && systemctl disable --now etcd >/dev/null 2>&1 || true ;; esac
}

# A name of everything that the build reads.
sources() {
  (cd "$here" && find cmd internal images build package.json package-lock.json tsconfig.json .npmrc LICENSE -type f ! -name '*.test.ts' | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -d ' ' -f 1)
}

# What was built of which sources. Another build in its place is another file.
built() { echo "$(sources) $(stat -c '%i %s %Y' "$here/dist/skiff" 2>/dev/null)"; }

must_build() {
  [ "${INSTALL_SKIFF_SKIP_BUILD:-}" = true ] && return 1
  [ "$(built)" != "$(cat "$here/dist/.built" 2>/dev/null)" ]
}

# Before anything is installed: whoever cannot build must not be left with half of it.
can_build() {
  if [ "$source" = installed ]; then
    binary=$bin_dir/skiff
    [ -x "$binary" ] || fatal "$binary is not there"
    return
  fi
  if [ "$source" = release ]; then download; return; fi
  binary=$here/dist/skiff
  if [ "${INSTALL_SKIFF_SKIP_BUILD:-}" = true ]; then
    binary=${INSTALL_SKIFF_BINARY:-$binary}
    [ -x "$binary" ] || fatal "$binary is not there"
    return
  fi
  [ -f "$here/package.json" ] || fatal "run install.sh from a checkout of skiff"
  must_build || return 0
  command -v npm >/dev/null 2>&1 || fatal "npm is needed to build: install Node.js 18 or newer with npm"
  major=$(node -p 'parseInt(process.versions.node)' 2>/dev/null || echo 0)
  [ "$major" -ge 18 ] || fatal "Node.js 18 or newer is needed to build; this is $(node --version 2>/dev/null || echo none)"
}

build() {
  [ "$source" = checkout ] && must_build || return 0
  if ! cmp -s "$here/package-lock.json" "$here/node_modules/.skiff-lock"; then
    say "fetching what the build needs"
    (cd "$here" && npm ci --no-audit --no-fund >"$work/npm.log" 2>&1) || { tail -n 20 "$work/npm.log" >&2; fatal "npm ci failed"; }
    # npm 9, which Debian 12 has, leaves out the links of optional packages, and the pinned Node is one.
    [ -x "$here/node_modules/.bin/node" ] || (cd "$here" && npm rebuild >"$work/npm.log" 2>&1)
    cp "$here/package-lock.json" "$here/node_modules/.skiff-lock"
  fi
  say "building"
  of=$(sources)
  (cd "$here" && npm run build --silent) >"$work/build.log" 2>&1 || { tail -n 20 "$work/build.log" >&2; fatal "the build failed: npm run build"; }
  echo "$of $(stat -c '%i %s %Y' "$here/dist/skiff")" >"$here/dist/.built"
}

# Copies $1 to $2 only when they differ, by a rename, because the old one may be running.
place() {
  if cmp -s "$1" "$2"; then
    chmod "${3:-755}" "$2"
    return
  fi
  record file "$2"
  # Never readable by others for a moment, and never through a link that somebody left there.
  rm -f "$2.new"
  (umask 077 && cp "$1" "$2.new") && chmod "${3:-755}" "$2.new" && mv "$2.new" "$2"
  changed=yes
}

# The helm that the build brought, for a server of a machine that has none. No service restarts for it.
place_helm() {
  [ "$command" = server ] && [ "$source" = checkout ] || return 0
  arch=x64
  [ "$(uname -m)" = aarch64 ] && arch=arm64
  for from in "$here"/dist/helm-*-$arch; do
    [ -f "$from" ] || return 0
    cmp -s "$from" "$data_dir/bin/helm" && return
    there=$(command -v helm 2>/dev/null || true)
    [ -z "$there" ] || [ "$(readlink "$there" || true)" = skiff ] || return 0
    mkdir -p "$data_dir/bin"
    rm -f "$data_dir/bin/helm.new"
    cp "$from" "$data_dir/bin/helm.new" && chmod 755 "$data_dir/bin/helm.new" && mv "$data_dir/bin/helm.new" "$data_dir/bin/helm"
  done
}

executables() {
  [ "${INSTALL_SKIFF_BIN_DIR_READ_ONLY:-}" != true ] || return 0
  mkdir -p "$bin_dir"
  if [ "${same_binary:-no}" = yes ]; then :
  elif [ -n "$fresh" ]; then
    record file "$bin_dir/skiff"
    mv "$binary" "$bin_dir/skiff"
    changed=yes
  else place "$binary" "$bin_dir/skiff"; fi
  # Noted now: once the server runs, the notes are its own.
  record file "$bin_dir/.skiff-last-good"
  record file "$bin_dir/.skiff-last-good.new"
  record file "$bin_dir/.skiff-again"
  record file "$bin_dir/.skiff-again.new"
  record file "$bin_dir/skiff.new"
  place_helm
  for tool in kubectl helm crictl ctr; do
    [ "${INSTALL_SKIFF_SYMLINK:-}" = skip ] && continue
    there=$(command -v $tool 2>/dev/null || true)
    # kubectl is inside; the others only call what is on the machine.
    if [ $tool != kubectl ] && [ ! -x "$data_dir/bin/$tool" ] && { [ -z "$there" ] || [ "$(readlink "$there" || true)" = skiff ]; }; then
      [ "$(readlink "$bin_dir/$tool" || true)" != skiff ] || rm -f "$bin_dir/$tool"
    elif [ -z "$there" ] || [ "${INSTALL_SKIFF_SYMLINK:-}" = force ]; then
      record link-file "$bin_dir/$tool"
      ln -sf skiff "$bin_dir/$tool"
    fi
  done
  cat > "$tmp" <<END
#!/bin/sh
# Stops skiff and every container; data stays.
$([ $init = systemd ] && echo "systemctl stop $service 2>/dev/null || true")
$([ $init = openrc ] && echo "rc-service $service stop 2>/dev/null || true")
exec $bin_dir/skiff killall --data-dir $data_dir --run-dir $run_dir
END
  place "$tmp" "$bin_dir/skiff-killall.sh"
  cat > "$tmp" <<END
#!/bin/sh
# Removes skiff and everything it changed on this machine.
[ "\$(id -u)" = 0 ] || exec sudo "\$0" "\$@"
$([ $init = systemd ] && echo "systemctl disable --now $service 2>/dev/null || true")
$([ $init = openrc ] && echo "rc-service $service stop 2>/dev/null || true; rc-update delete $service 2>/dev/null || true")
$bin_dir/skiff uninstall --data-dir $data_dir --run-dir $run_dir
$([ $init = systemd ] && echo "systemctl daemon-reload 2>/dev/null || true")
END
  place "$tmp" "$bin_dir/skiff-uninstall.sh"
}

# The environment that the service starts with: lines NAME="value", later ones count.
environment() {
  : >"$work/said"
  for name in $(env | sed -nE 's/^(SKIFF_[A-Z0-9_]*|CONTAINERD_[A-Z0-9_]*|(NO|HTTP|HTTPS|no|http|https)_(PROXY|proxy))=.*/\1/p' | sort -u); do
    # A line of another variable's text may look like one.
    eval "value=\${$name-}; there=\${$name+yes}"
    [ -n "$there" ] || continue
    one_line "$value" "$name"
    assignment "$name" "$value" >>"$work/said"
  done
  # Said again without its environment, an installation keeps the one it has.
  [ -s "$work/said" ] || [ ! -f "$conf_dir/$service.env" ] || cp "$conf_dir/$service.env" "$work/said"
  printf '%s' "$secrets" >"$work/secrets"
  # No secret, no pattern, and then every line stays.
  sed 's/^\([A-Z_]*\)=.*/^\1=/' "$work/secrets" >"$work/names"
  { grep -vf "$work/names" "$work/said" || true; cat "$work/secrets"; } >"$work/environment"
}

# Root's alone.
place_environment() {
  mkdir -p "$conf_dir"
  place "$work/environment" "$conf_dir/$service.env" 600
  printf '%s' "$args" > "$tmp"; place "$tmp" "$conf_dir/install.args" 600
  printf '%s' "$command" > "$tmp"; place "$tmp" "$conf_dir/install.command" 600
  # Where "skiff upgrade VERSION" finds releases, and what vouches for them.
  if [ "${source:-}" = release ] && [ "${INSTALL_SKIFF_SKIP_SIGNATURE:-}" != true ]; then
    printf '%s' "$mirror" > "$tmp"; place "$tmp" "$conf_dir/install.mirror" 600
    printf '%s' "${INSTALL_SKIFF_PUBLIC_KEY:-$public_key}" > "$tmp"; place "$tmp" "$conf_dir/install.key" 600
  fi
}

# Runs a command of skiff in the environment of the service alone, with the service's command and flags behind it.
as_service() { # ENVIRONMENT-FILE COMMAND...
  { load_environment; echo "load_environment '$1'"; echo 'exec "$@"'; } >"$work/as-service"
  shift
  eval "env -i PATH=\"\$PATH\" HOME=/root sh \"\$work/as-service\" \"\$@\" $command $plain"
}

# Whether config.yaml is another than the one that last worked.
config_changed() {
  [ -d "$good" ] || return 1
  [ -f "$conf_dir/config.yaml" ] || [ -f "$good/config.yaml" ] || return 1
  ! cmp -s "$conf_dir/config.yaml" "$good/config.yaml"
}

# The new executable looks at the new configuration before anything of the old one is touched.
approve() {
  # Asked once: it is large.
  same_binary=no
  if cmp -s "$binary" "$bin_dir/skiff"; then same_binary=yes; fi
  if [ $same_binary = yes ] && cmp -s "$work/environment" "$conf_dir/$service.env" && [ "$args" = "$(cat "$conf_dir/install.args" 2>/dev/null)" ] && ! config_changed; then return; fi
  as_service "$work/environment" "$binary" check-config >"$work/check.log" 2>&1 || {
    sed 's/^/[skiff] /' "$work/check.log" >&2
    fatal "skiff on this machine was not changed$(running && echo "; $service runs as before")"
  }
  sed -n 's/^note    /[skiff] note: /p' "$work/check.log"
}

# For scripts of ours: reads the environment file. It is data, and nothing in it is run.
load_environment() {
  cat <<'END'
load_environment() {
  [ -f "$1" ] || return 0
  while IFS= read -r line || [ -n "$line" ]; do
    name=${line%%=*}
    value=${line#*=}
    case $line in *=*) ;; *) continue ;; esac
    case $name in '' | [0-9]* | *[!A-Za-z0-9_]*) continue ;; esac
    case $value in
      '"'*'"') value=${value#?}; value=$(printf '%s' "${value%?}" | sed 's/\\\(.\)/\1/g') ;;
    esac
    export "$name=$value"
  done <"$1"
}
END
}

# Before each start: an executable on trial ("skiff upgrade") that has had its chances is taken back. It cannot do this itself: it may
# not start. Whenever the power goes, one of the two is there, whole.
guard_script() {
  cat > "$tmp" <<END
#!/bin/sh
# Run before each start of skiff: takes back an upgrade that did not prove itself. Then it becomes the command that is given, if any.
t=$data_dir/upgrade
# One that hangs cannot give up by itself: it is killed when its time is over, if this start of it is still the one on trial.
watch() { # COMMAND... that kills it
  left=\$((\$(cat "\$t/seconds" 2>/dev/null || echo 180) + 30))
  late="sleep \$left; [ -f '\$t/trial' ] && [ \"\\\$(cat '\$t/attempts')\" = \$tried ] || exit 0; echo 99 >'\$t/attempts'; \$*"
  if [ -n "\${INVOCATION_ID:-}" ] && command -v systemd-run >/dev/null 2>&1; then systemd-run --quiet --collect /bin/sh -c "\$late" || true
  else (trap '' HUP; exec sh -c "\$late") </dev/null >/dev/null 2>&1 & fi
}
guard() {
  [ -f "\$t/trial" ] || return 0
  tried=\$(cat "\$t/attempts" 2>/dev/null || echo 0)
  case \$tried in '' | *[!0-9]*) tried=0 ;; esac
  if [ "\$tried" -lt 3 ]; then
    tried=\$((tried + 1))
    echo \$tried >"\$t/attempts.new" && mv -f "\$t/attempts.new" "\$t/attempts"
    if [ \$# -gt 0 ]; then
      # By its start, too: its number may be another's by then.
      born='sed "s/.*) //" /proc/'\$\$'/stat | cut -d " " -f 20'
      watch "[ \"\\\$(\$born)\" = \"\$(eval "\$born")\" ] && kill -KILL \$\$"
    elif [ -n "\${INVOCATION_ID:-}" ]; then watch systemctl kill --signal=KILL --kill-who=main $service; fi
    return
  fi
  if [ -x $bin_dir/.skiff-last-good ] && [ ! $bin_dir/.skiff-last-good -ef $bin_dir/skiff ]; then
    ln -f $bin_dir/.skiff-last-good $bin_dir/skiff.new && mv -f $bin_dir/skiff.new $bin_dir/skiff && sync
  fi
  mv -f "\$t/trial" "\$t/returned"
  rm -f "\$t/attempts"
}
guard "\$@"
[ \$# = 0 ] || exec "\$@"
END
  place "$tmp" "$data_dir/skiff-guard.sh"
}

systemd_unit() {
  dir=${INSTALL_SKIFF_SYSTEMD_DIR:-/etc/systemd/system}
  cat > "$tmp" <<END
[Unit]
Description=skiff: Kubernetes for the edge in one file
After=network-online.target
Wants=network-online.target

[Service]
Type=${INSTALL_SKIFF_TYPE:-notify}
NotifyAccess=all
EnvironmentFile=-$conf_dir/$service.env
KillMode=process
Delegate=yes
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
TimeoutStartSec=0
TimeoutStopSec=5min
Restart=always
RestartSec=5s
ExecStartPre=-/bin/sh $data_dir/skiff-guard.sh
ExecStart=$bin_dir/skiff $command $unit_args

[Install]
WantedBy=multi-user.target
END
  unit=$dir/$service.service
  record unit "$service"
  place "$tmp" "$unit" 644
  systemctl daemon-reload
  [ "${INSTALL_SKIFF_SKIP_ENABLE:-}" = true ] || systemctl enable "$service" >/dev/null 2>&1
}

openrc_unit() {
  cat > "$tmp" <<END
#!/sbin/openrc-run
supervisor=supervise-daemon
name=$service
command=$data_dir/skiff-guard.sh
command_args="$bin_dir/skiff $command $(printf '%s' "$plain" | sed 's/[\\"$`]/\\&/g')"
output_log=$log_file
error_log=$log_file
respawn_delay=5
respawn_max=0
depend() { after network-online; want cgroups; }
$(load_environment)
load_environment $conf_dir/$service.env
END
  unit=/etc/init.d/$service
  place "$tmp" "$unit" 755
  private_log
  [ "${INSTALL_SKIFF_SKIP_ENABLE:-}" = true ] || rc-update add "$service" default >/dev/null
}

# What skiff logs is root's alone, from the first line on. skiff keeps the file small, with one older part beside it.
private_log() {
  (umask 077; : >>"$log_file")
  chmod 600 "$log_file"
  record file "$log_file"
  record file "$log_file.1"
}

# Neither systemd nor OpenRC runs: a shell that starts skiff again when it dies.
supervisor_script() {
  cat > "$tmp" <<END
#!/bin/sh
# Keeps skiff running; TERM ends both.
$(load_environment)
load_environment $conf_dir/$service.env
mkdir -p $run_dir
echo \$\$ > $run_dir/supervise.pid
trap 'trap - TERM; [ -n "\${child:-}" ] && kill -TERM \$child && wait \$child; rm -f $run_dir/supervise.pid; exit 0' TERM INT
while :; do
  /bin/sh $data_dir/skiff-guard.sh || true
  $bin_dir/skiff $command $plain &
  child=\$!
  # One on trial that hangs cannot give up by itself.
  dog=
  if [ -f $data_dir/upgrade/trial ]; then
    (sleep \$((\$(cat $data_dir/upgrade/seconds) + 30)); [ ! -f $data_dir/upgrade/trial ] || { echo 99 >$data_dir/upgrade/attempts; kill -KILL \$child; }) &
    dog=\$!
  fi
  wait \$child || true
  [ -z "\$dog" ] || kill \$dog 2>/dev/null || true
  # An upgrade is not kept waiting.
  [ ! -f $data_dir/upgrade/trial ] || continue
  sleep 1 & child=\$!
  wait \$child || true
done
END
  unit=$data_dir/skiff-supervise.sh
  place "$tmp" "$unit"
  private_log
}

running() {
  case $init in
    systemd) systemctl is-active --quiet "$service" ;;
    openrc) rc-service "$service" status >/dev/null 2>&1 ;;
    none) pid=$(cat $run_dir/supervise.pid 2>/dev/null) && kill -0 "$pid" 2>/dev/null && tr '\0' ' ' < "/proc/$pid/cmdline" | grep -q skiff-supervise ;;
  esac
}

restart() {
  # What the one before said when it died is not what this one says.
  rm -f "$run_dir/last-words.json"
  case $init in
    # Stopped first: nobody should take the answers of the old one for those of the new.
    systemd) systemctl daemon-reload; systemctl stop "$service" 2>/dev/null || true; systemctl start --no-block "$service" || fatal "it did not start: journalctl -u $service" ;;
    openrc) rc-service "$service" restart >/dev/null || fatal "it did not start: $log_file" ;;
    none)
      if running; then
        kill -TERM "$pid"
        while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
      fi
      setsid "$data_dir/skiff-supervise.sh" </dev/null >>"$log_file" 2>&1 &
      ;;
  esac
}

start() {
  [ "${INSTALL_SKIFF_SKIP_START:-}" = true ] && { say "installed; not started"; exit 0; }
  if config_changed; then changed=yes; fi
  if running && [ "$changed" = no ] && [ "${INSTALL_SKIFF_FORCE_RESTART:-}" != true ]; then
    say "nothing changed, $service keeps running"
    return
  fi
  say "starting $service"
  restart
}

wait_ready() { as_service "$conf_dir/$service.env" "$bin_dir/skiff" wait-ready --timeout "${INSTALL_SKIFF_WAIT_SECONDS:-180}" --; }

# What has worked is kept beside what is tried. The executable costs nothing: it is the same file under another name.
keep_good() {
  mkdir -p "$good" && chmod 700 "$good"
  for file in "$conf_dir/$service.env" "$conf_dir/install.args" "$conf_dir/install.command" "$conf_dir/config.yaml" "$unit"; do
    if [ -f "$file" ]; then cmp -s "$file" "$good/${file##*/}" || cp -p "$file" "$good/"; else rm -f "$good/${file##*/}"; fi
  done
  [ "$bin_dir/skiff" -ef "$bin_dir/.skiff-last-good" ] || ln -f "$bin_dir/skiff" "$bin_dir/.skiff-last-good" 2>/dev/null || true
}

# Puts back what worked, if it is not what has just failed.
put_back() {
  [ -f "$good/${unit##*/}" ] && [ -x "$bin_dir/.skiff-last-good" ] || return 1
  [ "$changed" = yes ] || return 1
  say "putting back what worked before, and starting it"
  rm -rf "$data_dir/upgrade"
  for file in "$conf_dir/$service.env" "$conf_dir/install.args" "$conf_dir/install.command" "$unit"; do
    [ ! -f "$good/${file##*/}" ] || { cp -p "$good/${file##*/}" "$file.new" && mv "$file.new" "$file"; }
  done
  if config_changed; then
    mv "$conf_dir/config.yaml" "$conf_dir/config.yaml.did-not-work" 2>/dev/null || true
    [ ! -f "$good/config.yaml" ] || cp -p "$good/config.yaml" "$conf_dir/config.yaml"
    say "your config.yaml is now $conf_dir/config.yaml.did-not-work"
  fi
  [ "$bin_dir/.skiff-last-good" -ef "$bin_dir/skiff" ] || { ln -f "$bin_dir/.skiff-last-good" "$bin_dir/skiff.new" && mv "$bin_dir/skiff.new" "$bin_dir/skiff"; }
  args=$(cat "$conf_dir/install.args")
  hide_secrets
  restart
  wait_ready
}

log_tail() { case $init in systemd) journalctl -n 20 --no-pager -u "$service" ;; *) tail -n 20 "$log_file" ;; esac; }

finish() {
  if ! wait_ready; then
    log_tail >&2
    if put_back; then fatal "the new configuration or executable did not work and was taken back; $service runs as before"; fi
    fatal "the $([ "$command" = agent ] && echo node || echo server) is not ready; it is tried again and again: $([ $init = systemd ] && echo "journalctl -u $service" || echo "$log_file")"
  fi
  keep_good
  next_steps
}

# Words that work as they stand here.
next_steps() {
  as= skiff=skiff
  [ -z "${SUDO_USER:-}" ] || as='sudo '
  case :$PATH: in *:"$bin_dir":*) ;; *) skiff=$bin_dir/skiff ;; esac
  of=; [ "$kubeconfig" = /etc/skiff/skiff.yaml ] || of="KUBECONFIG=$kubeconfig "
  if [ "$command" = agent ]; then
    say "done: this machine is a node; see kubectl get nodes on the server"
    echo "    $as${skiff%skiff}skiff-uninstall.sh           takes everything away again"
    return
  fi
  say "done. Next:"
  echo "    $as$of$skiff kubectl get nodes"
  echo "    $as${skiff%skiff}skiff-uninstall.sh           takes everything away again"
}

# All of the script has been read before the first step: what is cut off on its way does nothing.
main() {
  from_k3s
  known_variables
  begin
  check
  choose "$@"
  service=skiff
  [ "$command" = agent ] && service=skiff-agent
  [ -n "${INSTALL_SKIFF_NAME:-}" ] && service=skiff-$INSTALL_SKIFF_NAME
  good=$conf_dir/last-good
  changed=no
  hide_secrets
  places
  choose_source
  can_build
  airgap
  packages
  build
  environment
  approve
  executables
  place_environment
  guard_script
  case $init in systemd) systemd_unit ;; openrc) openrc_unit ;; none) supervisor_script ;; esac
  start
  finish
}

main "$@"
