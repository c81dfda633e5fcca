#!/usr/bin/env bash
# Installs other servers for the tests without changing the system: Debian's newer suites have them as packages.
#
# They are downloaded with apt, from the mirror that this machine uses for its own packages, with lists, cache
# and state of their own under target/servers, and unpacked there with the libraries that they need. Each runs
# through its own loader:
#
#   scripts/servers.sh                                        installs and lists all of them
#   QADMIN_SERVER=target/servers/trixie-redis/run make test-server
set -euo pipefail
cd "$(dirname "$0")/.."

# suite and program: Redis 8.0 and Valkey 8.1; then the newest ones.
SERVERS="trixie:redis trixie:valkey sid:redis sid:valkey"
LIBRARIES="libc6 libssl3t64 libsystemd0 liblzf1 libjemalloc2 libatomic1 libstdc++6 libgcc-s1 libcap2 libzstd1
  liblua5.1-0 lua-cjson lua-bitop zlib1g liblz4-1 liblzma5 libgcrypt20 libgpg-error0"

for tool in apt-get dpkg-deb; do
  command -v "$tool" >/dev/null || { echo "$tool is missing: this script needs Debian or one of its derivatives"; exit 1; }
done

here=$PWD
root=$here/target/servers
arch=$(dpkg --print-architecture)

# Prints the mirror in this machine's Debian sources, in either of apt's two formats.
mirror() {
  local found
  found=$(cat /etc/apt/sources.list.d/*.sources 2>/dev/null |
    sed -n 's/^URIs: *\([^ ]*\/debian\)\/* *$/\1/p' | head -1)
  [ -n "$found" ] || found=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
    sed -n 's/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\/debian\)\/* .*/\2/p' | head -1)
  [ -n "$found" ] || { echo "no Debian mirror in this machine's apt sources" >&2; exit 1; }
  echo "$found"
}

# Prints options with which apt reads only the suite $1 and writes only below this folder.
apt_options() {
  local state=$root/apt/$1
  mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
  [ -f "$state/status" ] || : >"$state/status"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(mirror) $1 main" >"$state/sources.list"
  printf '%s\n' -o "Dir::Etc::SourceList=$state/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o "Dir::State::Lists=$state/lists" -o "Dir::State::Status=$state/status" -o "Dir::Cache=$state/cache" \
    -o Dir::Etc::PreferencesParts=/dev/null -o APT::Sandbox::User= -o "APT::Architecture=$arch" -qq
}

# $1: suite, $2: redis or valkey
get() {
  local suite=$1 program=$2 tree=$root/$1-$2 options loader libraries server package
  [ -x "$tree/run" ] && return 0
  mapfile -t options < <(apt_options "$suite")
  apt-get "${options[@]}" update
  mkdir -p "$tree/packages" "$tree/root"
  for package in $LIBRARIES "$program-server" "$program-tools"; do
    # Which of the libraries exist and are needed differs from suite to suite; the last line tells.
    (cd "$tree/packages" && apt-get "${options[@]}" download "$package" 2>/dev/null) || true
  done
  for package in "$tree"/packages/*.deb; do dpkg-deb -x "$package" "$tree/root"; done
  loader=$(find "$tree/root" -name 'ld-linux*.so.*' | head -1)
  libraries=$(find "$tree/root" -name '*.so*' -printf '%h\n' | sort -u | paste -sd:)
  server=$(find "$tree/root/usr/bin" -name "$program-server" -o -name "$program-check-rdb" | sort | tail -1)
  # One name of the program decides what it is.
  printf '#!/bin/sh\nexec %q --argv0 %q --library-path %q %q "$@"\n' \
    "$loader" "$program-server" "$libraries" "$server" >"$tree/run"
  chmod +x "$tree/run"
}

for each in $SERVERS; do
  get "${each%:*}" "${each#*:}"
  printf '%s  %s\n' "QADMIN_SERVER=target/servers/${each%:*}-${each#*:}/run" \
    "$("$root/${each%:*}-${each#*:}/run" --version 2>&1 | head -1)"
done
