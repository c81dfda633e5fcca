#!/usr/bin/env bash
# Compiles the module and the program for arm64 with clippy. There `c_char` is unsigned and other types of C differ as well,
# so that code which compiles on x86-64 may not compile. Nothing is linked, so no cross linker is needed.
#
# scripts/deps.sh arm64 installs what is missing: Rust's standard library for arm64 and the headers of its C library. Where
# that is not possible, one line says so, and the script fails only if QADMIN_REQUIRE contains `arm64`.
set -euo pipefail
cd "$(dirname "$0")/.."

target=aarch64-unknown-linux-gnu
case "$(uname -m)" in
  aarch64 | arm64) exit 0 ;; # make lint has compiled everything for it
esac

if ! why=$(scripts/deps.sh arm64 2>&1); then
  case ",${QADMIN_REQUIRE// /}," in
    *,arm64,*)
      echo "QADMIN_REQUIRE names arm64, and it cannot be compiled for: $why"
      exit 1
      ;;
  esac
  echo "skipped: the check that everything compiles for arm64 ($(tail -1 <<<"$why"))"
  exit 0
fi

# The C file of the bindings is compiled by this machine's compiler, because no object of it is used. The bindings are
# generated from the headers of arm64.
export CC_aarch64_unknown_linux_gnu=cc
export BINDGEN_EXTRA_CLANG_ARGS_aarch64_unknown_linux_gnu=-I/usr/aarch64-linux-gnu/include
exec "${CARGO:-cargo}" clippy --package qadmin --package qadmin-console --target $target -- -D warnings
