#!/usr/bin/env bash
# Checks a built file before it is packed: the processor, the C library, what it needs and exports, and that it names no folder of
# this machine. It fails with a line for each fault.
#
#   scripts/check-artefact.sh module x86_64-musl FILE
#   scripts/check-artefact.sh tool aarch64-musl FILE
set -euo pipefail

# The newest version of glibc whose functions a module may use.
GLIBC=2.17

kind=$1 target=$2 file=$3
failed=0
wrong() { echo "$file ($kind, $target): $*"; failed=1; }

case "$target" in
  x86_64-*) machine='Advanced Micro Devices X86-64' loader=ld-linux-x86-64.so.2 ;;
  aarch64-*) machine=AArch64 loader=ld-linux-aarch64.so.1 ;;
  *) echo "there is no target $target"; exit 1 ;;
esac
header=$(LC_ALL=C readelf -hW "$file") segments=$(LC_ALL=C readelf -lW "$file") dynamic=$(LC_ALL=C readelf -dW "$file")
grep -q "Machine: *$machine$" <<<"$header" || wrong "it is for another processor: $(grep Machine: <<<"$header")"
if grep -q 'GNU_STACK.* RWE ' <<<"$segments"; then wrong "its stack can be executed"; fi
if grep -q TEXTREL <<<"$dynamic"; then wrong "it changes its own code while it is loaded"; fi

needed=$(sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' <<<"$dynamic" | sort)
case "$kind:$target" in
  tool:*) allowed='' ;;
  *-musl) allowed=libc.so ;;
  *) allowed="libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0 librt.so.1 $loader" ;;
esac
for each in $needed; do
  case " $allowed " in *" $each "*) ;; *) wrong "it needs $each" ;; esac
done

if [ "$kind" = tool ]; then
  if grep -q INTERP <<<"$segments"; then wrong "it needs a loader: it is not static"; fi
else
  [ -n "$needed" ] || wrong "it needs no C library: it has one of its own"
  symbols=$(LC_ALL=C readelf --dyn-syms -W "$file")
  # Name and, after @, version of what it takes from the C library.
  versions=$(awk '$7 == "UND" { print $8 }' <<<"$symbols" | sed -n 's/.*@//p' | sort -u)
  for each in $versions; do
    case "$each" in
      GLIBC_*) [ "$(printf '%s\n' "$GLIBC" "${each#GLIBC_}" | sort -V | tail -1)" = "$GLIBC" ] || wrong "it needs $each" ;;
      *) wrong "it needs $each" ;;
    esac
  done
  # The linker adds the bounds of sections, for itself: nobody can replace a protected symbol.
  exported=$(awk '$5 == "GLOBAL" && $7 != "UND" && !($6 == "PROTECTED" && $8 ~ /^__(start|stop)_/) { sub(/@.*/, "", $8); print $8 }' \
    <<<"$symbols" | sort -u | paste -sd' ')
  [ "$exported" = "RedisModule_OnLoad RedisModule_OnUnload" ] || wrong "it exports: $exported"
fi

for folder in "$PWD" "$HOME/" "${CARGO_HOME:-$HOME/.cargo}" "$(rustc --print sysroot)" "${TMPDIR:-/tmp}/"; do
  found=$(strings -a "$file" | grep -F -m 1 -- "$folder" || true)
  [ -z "$found" ] || wrong "it names a folder of this machine: $found"
done
exit $failed
