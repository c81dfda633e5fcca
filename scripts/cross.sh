#!/usr/bin/env bash
# Builds what `make dist` packs, for each processor and C library of a release: the module into
# target/cross/module/<Rust's name of the target>/release, the program, which is static, into target/cross/tool/<target>/release.
# docs/decisions/0062-one-build-for-old-and-new.md says why it is built with zig.
#
#   scripts/cross.sh                          all of them
#   TARGETS="x86_64-glibc" scripts/cross.sh   these: x86_64-glibc x86_64-musl aarch64-glibc aarch64-musl
#   scripts/cross.sh faults x86_64-musl       the module with panics on demand, for tests: .../module/<target>/debug
#   scripts/cross.sh clippy x86_64-musl       clippy instead of a build
#
# What cannot be had here is left out, and one line says so. It fails only if QADMIN_REQUIRE contains `arm64` or `musl`, whichever
# is left out, or `dist`, which stands for everything.
set -euo pipefail
cd "$(dirname "$0")/.."
here=$PWD

# The oldest glibc that the modules load with: that of RHEL 7, which is older than that of every distribution with a server that
# the module knows.
GLIBC=2.17
ALL="x86_64-glibc x86_64-musl aarch64-glibc aarch64-musl"

what=${1:-release}
targets=${2:-${TARGETS:-$ALL}}
target=${CARGO_TARGET_DIR:-target}
cross=$target/cross
cargo=${CARGO:-cargo}

# Prints Rust's name of the target $1.
triple() { case "$1" in *-glibc) echo "${1%-glibc}-unknown-linux-gnu" ;; *) echo "${1%-musl}-unknown-linux-musl" ;; esac; }

# Reports that $1 is left out, because $2 is missing.
left_out() {
  local name
  for name in dist $(case "$1" in aarch64-*) echo arm64 ;; esac) $(case "$2" in *musl*) echo musl ;; esac); do
    case ",${QADMIN_REQUIRE// /}," in *,"$name",*) echo "QADMIN_REQUIRE names $name: $1 cannot be built without $2"; exit 1 ;; esac
  done
  echo "left out: $1 (there is no $2)"
}

QADMIN_REQUIRE=${QADMIN_REQUIRE:-}
if ! lacking=$(scripts/deps.sh cross 2>&1); then
  echo "$lacking"
  exit 1
fi
builds=()
for each in $targets; do
  case " $ALL " in *" $each "*) ;; *) echo "there is no target $each, only $ALL"; exit 1 ;; esac
  # The program of each processor is linked with musl.
  for needed in "$(triple "$each")" "$(triple "${each%-*}-musl")"; do
    if [ ! -d "$(rustc --print sysroot)/lib/rustlib/$needed/lib" ]; then
      left_out "$each" "standard library of Rust for $needed: rustup target add $needed"
      continue 2
    fi
  done
  builds+=("$each")
done
[ "${#builds[@]}" != 0 ] || { echo "nothing can be built"; exit 1; }

tools=$here/target/tools
export PATH=$tools/zig/bin:$PATH
export ZIG_GLOBAL_CACHE_DIR=$tools/zig-cache CARGO_ZIGBUILD_CACHE_DIR=$tools/zigbuild-cache
export CARGO_ZIGBUILD_ZIG_PATH=$tools/zig/bin/python-zig
# Flags of the caller would replace those of the targets.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTFLAGS
export CARGO_INCREMENTAL=0
# zig compiles the unwinder and the start-up code when they are first needed, and clang writes this name of the current folder
# into their debug information if it is one.
export PWD=/proc/self/cwd

# The same sources make the same bytes wherever they lie. Of several prefixes the last one that fits counts.
sources=${CARGO_HOME:-$HOME/.cargo}/registry/src
sysroot=$(rustc --print sysroot)
prefixes=("$sysroot=/rust" "${CARGO_HOME:-$HOME/.cargo}=/cargo")
# The name of this folder depends on the registry's mirror.
for folder in "$sources"/*; do prefixes+=("$folder=/cargo"); done
prefixes+=("$here=/qadmin" "$(realpath -m "$cross")=/qadmin/target/cross")
remap=() c_remap=
for each in "${prefixes[@]}"; do
  remap+=("--remap-path-prefix=$each")
  c_remap="$c_remap -ffile-prefix-map=$each"
done
export CFLAGS="${CFLAGS:-}$c_remap"

# libclang reads the server's header for the bindings, with the headers of the C library and the kernel that zig has. What
# cargo-zigbuild passes for that is not understood by libclang 14. bindgen prefers the name with hyphens, which the shell cannot set.
headers=()
include=$(echo "$tools"/zig/lib/python3*/site-packages/ziglang/lib)
for each in "${builds[@]}"; do
  name=$(triple "$each") processor=${each%-*}
  case "$each" in
    x86_64-glibc) folders="x86-linux-gnu generic-glibc" ;;
    *-glibc) folders="$processor-linux-gnu generic-glibc" ;;
    *) folders="$processor-linux-musl generic-musl" ;;
  esac
  clang="-nostdinc -D__GLIBC_MINOR__=${GLIBC#*.} -isystem $include/include"
  for folder in $folders "${processor/x86_64/x86}-linux-any" any-linux-any; do
    clang="$clang -isystem $include/libc/include/$folder"
  done
  headers+=("BINDGEN_EXTRA_CLANG_ARGS_$name=$clang")
done

# Adds to `options` what all targets need. $1: flags of the modules
flags() {
  local each quoted
  quoted=$(printf '"%s",' "${remap[@]}")
  for each in "${builds[@]}"; do
    options+=(--target "$(triple "$each")$(case "$each" in *-glibc) echo ".$GLIBC" ;; esac)")
    case "$each:$1" in
      # A library that is loaded must not have a C library of its own.
      *-musl:shared) options+=(--config "target.$(triple "$each").rustflags=[$quoted \"-C\", \"target-feature=-crt-static\"]") ;;
      *) options+=(--config "target.$(triple "$each").rustflags=[$quoted]") ;;
    esac
  done
}

case "$what" in
  release)
    options=()
    flags shared
    env "${headers[@]}" "$cargo" zigbuild --locked --release --package qadmin --target-dir "$cross/module" "${options[@]}"
    # One program for each processor; its profile is that of make tool.
    mapfile -t builds < <(printf '%s\n' "${builds[@]%-*}" | sort -u | sed 's/$/-musl/')
    options=()
    flags static
    CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_STRIP=symbols \
      env "${headers[@]}" "$cargo" zigbuild --locked --release --package qadmin-console --target-dir "$cross/tool" "${options[@]}"
    ;;
  faults)
    options=()
    flags shared
    env "${headers[@]}" "$cargo" zigbuild --locked --package qadmin --features faults --target-dir "$cross/module" "${options[@]}"
    ;;
  clippy)
    options=()
    flags shared
    env "${headers[@]}" cargo-zigbuild clippy --locked --package qadmin --target-dir "$cross/module" "${options[@]}" -- -D warnings
    ;;
  *)
    echo "unknown: $what"
    exit 1
    ;;
esac
