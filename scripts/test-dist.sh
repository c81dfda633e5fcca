#!/usr/bin/env bash
# Tests what `make dist` left in target/dist: the files inside the packages, that packing again makes the same bytes, the
# installation of the .deb and the .rpm, and the modules in servers of each C library and processor:
#
#   glibc      this machine's server, and one with glibc 2.31
#   musl       Redis built for musl
#   arm64      Redis of Debian for arm64, and Redis built for musl on arm64, under an emulator
#
# The servers are those of `scripts/servers.sh dist`. Each loads the module and runs a part of the suite. Panics must be caught
# with the unwinder of these builds: for that scripts/cross.sh builds the module with panics on demand as well.
#
# What cannot be tested here is named in one line; QADMIN_REQUIRE=dist makes that a failure.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "test-dist: $*" >&2; exit 1; }
skip() {
  case ",${QADMIN_REQUIRE:-}," in *,dist,*) fail "QADMIN_REQUIRE names dist: $*" ;; esac
  echo "skipped: $*"
}

dist=$(realpath -m "${DIST:-target/dist}")
target=${CARGO_TARGET_DIR:-target}
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# 1. The files are those of the checksums, and packing makes the same bytes again.
(cd "$dist" && sha256sum --quiet -c SHA256SUMS) || fail "the checksums are wrong"
DIST=$work/again scripts/dist.sh >/dev/null
DIST=$work/again scripts/wheel.sh
cmp "$dist/SHA256SUMS" "$work/again/SHA256SUMS" || fail "packing the same builds again makes other bytes"
rm -r "$work/again"

# 2. What lies in the packages was checked, and is the same in all of them.
archives=$(cd "$dist" && ls | sed -n "s/^qadmin-$version-\(.*\)-linux-\(.*\)\.tar\.gz$/\1-\2/p")
[ -n "$archives" ] || fail "there are no archives in $dist: run make dist"
for each in $archives; do
  tar -xzf "$dist/qadmin-$version-${each%-*}-linux-${each#*-}.tar.gz" -C "$work"
  mv "$work/qadmin-$version-${each%-*}-linux-${each#*-}" "$work/$each"
  (cd "$work/$each" && find . | sort) >"$work/$each.list"
  cmp "$work/$each.list" "$work/${archives%%[[:space:]]*}.list" || fail "the archives have different files"
  module=$work/$each/lib/redis/modules/libqadmin.so
  scripts/check-artefact.sh module "$each" "$module"
  scripts/check-artefact.sh tool "$each" "$work/$each/bin/qadmin"
  [[ $each = *-glibc ]] || continue
  deb=$(echo "$dist"/qadmin_*_"$(sed 's/x86_64-.*/amd64/; s/aarch64-.*/arm64/' <<<"$each")".deb)
  if [ -f "$deb" ]; then
    dpkg-deb -x "$deb" "$work/deb"
    cmp "$work/deb/usr/lib/redis/modules/libqadmin.so" "$module" || fail "the .deb has another module than the archive"
    cmp "$work/deb/usr/bin/qadmin" "$work/$each/bin/qadmin" || fail "the .deb has another program than the archive"
    # Debian 11, Ubuntu 20.04 and everything that is newer.
    dpkg-deb -f "$deb" Depends | grep -qE '^libc6 \(>= 2\.(1[0-7]|[0-9])(\.[0-9]+)?\)$' || fail "$deb needs: $(dpkg-deb -f "$deb" Depends)"
    rm -r "$work/deb"
  fi
  package=$(echo "$dist"/qadmin-*."${each%-*}".rpm)
  if [ -f "$package" ] && command -v rpm2cpio >/dev/null && command -v cpio >/dev/null; then
    mkdir "$work/rpm"
    rpm2cpio "$package" | (cd "$work/rpm" && cpio --quiet -idm)
    cmp "$work/rpm/usr/lib64/redis/modules/libqadmin.so" "$module" || fail "the .rpm has another module than the archive"
    cmp "$work/rpm/usr/bin/qadmin" "$work/$each/bin/qadmin" || fail "the .rpm has another program than the archive"
    rm -r "$work/rpm"
  fi
done
echo "test-dist: the files of$(printf ' %s' $archives) are as they should be"

# 3. They can be installed, used and removed.
if [ -f "$(echo "$dist"/qadmin_*_"$(dpkg --print-architecture 2>/dev/null)".deb)" ]; then
  PACKAGES=$dist scripts/test-package.sh
else
  skip "the installation of the .deb (there is none for this machine)"
fi
package=$(echo "$dist"/qadmin-*."$(uname -m)".rpm)
if [ -f "$package" ] && command -v rpm >/dev/null; then scripts/test-rpm.sh "$package"; else skip "the installation of the .rpm (there is none)"; fi

# 4. Servers load them.
log=$(timeout 1200 scripts/servers.sh dist 2>&1 </dev/null) || skip "some servers: $(tail -1 <<<"$log")"

# Runs a part of the suite. $1: target, $2: what the server is, $3: its program, or nothing for this machine's; the rest: names of tests
suite() {
  local each=$1 what=$2 server=$3 triple
  shift 3
  if [ ! -d "$work/$each" ]; then return; fi
  if [ -n "$server" ] && ! "$server" --version >/dev/null 2>&1; then
    skip "$each in $what"
    return
  fi
  case " $* " in
    *" faults"*)
      scripts/cross.sh faults "$each"
      triple=${each%-*}-unknown-linux-$(sed 's/.*-glibc/gnu/; s/.*-musl/musl/' <<<"$each")
      ;;
  esac
  echo "== $each in $what"
  env ${server:+"QADMIN_SERVER=$server"} "QADMIN_MODULE=$work/$each/lib/redis/modules/libqadmin.so" \
    ${triple:+"QADMIN_FAULTS_MODULE=$PWD/$target/cross/module/$triple/debug/libqadmin.so"} \
    "${CARGO:-cargo}" test --quiet --package qadmin-tests --test suite -- --test-threads="${TEST_THREADS:-4}" "$@" ||
    failed=1
}

failed=0
others=$PWD/target/servers-dist
# Loading, whole units and a clear through a preview, on a server that a kill interrupts; and panics everywhere.
if [ "$(uname -m)" = x86_64 ]; then
  suite x86_64-glibc "this machine's server" "" smoke:: durability::units faults::
  suite x86_64-glibc "a server with glibc 2.31" "$others/bullseye-glibc/run" smoke:: durability::units
  suite x86_64-musl "a server with musl" "$others/bookworm-musl/run" smoke:: durability::units faults::
fi
# Everything is slow under an emulator: an index does not answer in the time that the test of its panics expects.
suite aarch64-glibc "a server of arm64" "$others/bookworm-arm64/run" smoke:: durability::units \
  faults::slices::no_panic_escapes_from_a_slice --skip that_an_index_guides
suite aarch64-musl "a server of arm64 with musl" "$others/bookworm-musl-arm64/run" smoke:: durability::units \
  faults::slices::no_panic_escapes_from_a_slice --skip that_an_index_guides
# clippy sees what differs for musl: for glibc it is part of make lint.
for each in $archives; do
  if [[ $each = *-musl ]]; then scripts/cross.sh clippy "$each"; fi
done
[ "$failed" = 0 ] || fail "tests failed"
echo "test-dist: all checks passed"
