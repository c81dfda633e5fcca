#!/usr/bin/env bash
# Installs what building and testing need, where it is missing:
#   - a C linker and libclang: the bindings to the server's module API are generated from its header
#   - a Redis or Valkey server (>= 7.0.6) and its redis-cli: tests, demo and benchmark start their own
#   - Python 3 with venv and pip: the real Celery is installed into target/venv
#
# `scripts/deps.sh browser` installs Chromium and its driver instead, for the tests of the web page. Where they are not
# available, the script says so and succeeds, and those tests are left out. It also fetches axe-core from npm into target/axe,
# with which a test checks the pages for people who use a keyboard or a screen reader.
#
# `scripts/deps.sh shells` installs zsh and fish instead, for the tests of completion. Where they are not available, the script says
# so and succeeds, and that test is left out.
#
# `scripts/deps.sh arm64` installs what scripts/lint-arm64.sh needs instead. Where it is not available, the script says so in
# its last line and fails.
#
# `scripts/deps.sh cross` installs what scripts/cross.sh and scripts/dist.sh need instead: zig and cargo-zigbuild from PyPI into
# target/tools/zig, Rust's standard libraries for the targets, rpmbuild, and an emulator that runs programs of arm64. It fails
# only without zig; the scripts say what is left out without the others.
#
# It never starts, enables or configures a system service. Debian's package redis-server does all of that when
# it is installed; but the program itself is in redis-tools (redis-server is one name of redis-check-rdb), so
# only redis-tools is installed there and target/bin/redis-server becomes a link to it.
set -euo pipefail
cd "$(dirname "$0")/.."

have() { command -v "$1" >/dev/null 2>&1; }

have_server() { [ -n "${QADMIN_SERVER:-}" ] || have redis-server || have valkey-server || [ -x target/bin/redis-server ]; }

have_libclang() {
  [ -n "${LIBCLANG_PATH:-}" ] && return 0
  local file
  if have dpkg; then
    # Debian splits it: the library alone, without the compiler's own headers (stddef.h), is not enough.
    compgen -G '/usr/lib/llvm-*/lib/clang/*/include/stddef.h' >/dev/null || return 1
  fi
  for file in /usr/lib/llvm*/lib/libclang*.so* /usr/lib*/libclang*.so* /usr/lib/*/libclang*.so* \
    /usr/local/lib/libclang*.so* /opt/homebrew/opt/llvm/lib/libclang.dylib /usr/local/opt/llvm/lib/libclang.dylib \
    /Library/Developer/CommandLineTools/usr/lib/libclang.dylib; do
    [ -e "$file" ] && return 0
  done
  return 1
}

have_browser() { have chromedriver && { have chromium || have chromium-browser || have google-chrome; }; }

have_shells() { have zsh && have fish; }

have_arm64_headers() { [ -e /usr/aarch64-linux-gnu/include/stdio.h ]; }

have_rust_target() { [ -d "$(rustc --print sysroot)/lib/rustlib/$1/lib" ]; }

have_zig() { "$1/bin/python-zig" version >/dev/null 2>&1 && [ -x "$1/bin/cargo-zigbuild" ]; }

have_venv() { "${PYTHON:-python3}" -c 'import venv, ensurepip' >/dev/null 2>&1; }

# Prints the names of missing dependencies, as this script calls them.
missing() {
  have cc || echo linker
  have_libclang || echo libclang
  have_server || echo server
  have redis-cli || have valkey-cli || echo cli
  have_venv || echo venv
}

# Prints package names. $1: package manager, $2: missing dependency.
package() {
  case "$1:$2" in
    apt:linker) echo gcc libc6-dev ;;
    apt:libclang) echo libclang-dev ;;
    apt:server | apt:cli) echo redis-tools ;;
    apt:browser) echo chromium chromium-driver ;;
    apt:shells | dnf:shells | apk:shells | pacman:shells | brew:shells) echo zsh fish ;;
    apt:arm64) echo libc6-dev-arm64-cross ;;
    apt:rpm) echo rpm ;;
    apt:qemu) echo qemu-user-static ;;
    apt:venv) echo python3 python3-venv python3-pip ;;
    dnf:linker) echo gcc ;;
    dnf:libclang) echo clang-devel ;;
    # Newer releases call it valkey and provide the old name.
    dnf:server | dnf:cli) echo redis ;;
    dnf:browser) echo chromium chromedriver ;;
    dnf:venv) echo python3 python3-pip ;;
    apk:linker) echo gcc musl-dev ;;
    apk:libclang) echo clang-dev clang-libclang ;;
    apk:server | apk:cli) echo redis ;;
    apk:browser) echo chromium chromium-chromedriver ;;
    apk:venv) echo python3 py3-pip ;;
    brew:linker) echo llvm ;;
    brew:libclang) echo llvm ;;
    brew:server | brew:cli) echo redis ;;
    brew:venv) echo python@3.12 ;;
    pacman:linker) echo gcc ;;
    pacman:libclang) echo clang ;;
    # Arch replaced redis by valkey.
    pacman:server | pacman:cli) echo valkey ;;
    pacman:browser) echo chromium ;;
    pacman:venv) echo python python-pip ;;
  esac
}

# Package managers must not ask questions, because the script also runs without a terminal.
install() {
  local manager=$1 root=()
  shift
  if [ "$manager" != brew ] && [ "$(id -u)" != 0 ]; then
    have sudo || { echo "This needs root, and there is no sudo. As root, install: $*"; exit 1; }
    # What is not needed is no reason to ask for a password.
    if [ -n "${OPTIONAL:-}" ]; then root=(sudo -n); else root=(sudo); fi
  fi
  echo "Installing $*"
  case "$manager" in
    apt)
      "${root[@]}" apt-get update -qq </dev/null
      "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" </dev/null
      ;;
    dnf) "${root[@]}" dnf install -y "$@" </dev/null ;;
    apk) "${root[@]}" apk add --no-progress "$@" </dev/null ;;
    brew) brew install "$@" </dev/null ;;
    pacman) "${root[@]}" pacman -Sy --noconfirm --needed "$@" </dev/null ;;
  esac
}

# Debian: links the server under its own name, without the package that would start it as a service.
link_debian_server() {
  if ! have_server && have redis-check-rdb; then
    mkdir -p target/bin
    ln -sf "$(command -v redis-check-rdb)" target/bin/redis-server
    target/bin/redis-server --version >/dev/null || rm -f target/bin/redis-server
  fi
}

find_manager() {
  local candidate
  for candidate in apt:apt-get dnf:dnf apk:apk pacman:pacman brew:brew; do
    if have "${candidate#*:}"; then
      echo "${candidate%%:*}"
      return
    fi
  done
}

# The version that the pages were checked with. It is used by a test only (MPL-2.0), and not part of the program.
fetch_axe() {
  local version=4.10.3 folder
  [ -e target/axe/axe.min.js ] && return
  have npm && folder=$(mktemp -d) || return 0
  if (cd "$folder" && npm pack --silent "axe-core@$version" && tar -xzf "axe-core-$version.tgz") >/dev/null 2>&1; then
    mkdir -p target/axe
    cp "$folder/package/axe.min.js" target/axe/
  fi
  rm -rf "$folder"
}

# Installs the packages of an optional dependency, if it is missing. $1: its name; the function have_$1 says whether it is there
try() {
  local manager packages
  "have_$1" && return
  manager=$(find_manager)
  packages=$([ -z "$manager" ] || package "$manager" "$1")
  # shellcheck disable=SC2086 # names, one word each
  if [ -n "$packages" ]; then (OPTIONAL=yes install "$manager" $packages) >/dev/null 2>&1 || true; fi
}

if [ "${1:-}" = browser ]; then
  fetch_axe
  [ -e target/axe/axe.min.js ] || echo "skipped: the check of the web page by axe-core (npm cannot fetch it here)"
  try browser
  have_browser || echo "skipped: the tests of the web page in a browser (chromium and chromedriver are not available here)"
  exit 0
fi

if [ "${1:-}" = shells ]; then
  try shells
  have_shells || echo "skipped: the test of completion in zsh and fish (they are not available here)"
  exit 0
fi

if [ "${1:-}" = arm64 ]; then
  manager=$(find_manager)
  packages=$([ -z "$manager" ] || package "$manager" arm64)
  if ! have_arm64_headers && [ -n "$packages" ]; then
    # shellcheck disable=SC2086 # names, one word each
    (OPTIONAL=yes install "$manager" $packages) || true
  fi
  have_arm64_headers || { echo "there are no headers of the C library of arm64"; exit 1; }
  if ! have_rust_target aarch64-unknown-linux-gnu && have rustup; then timeout 300 rustup target add aarch64-unknown-linux-gnu || true; fi
  have_rust_target aarch64-unknown-linux-gnu || { echo "Rust's standard library for aarch64-unknown-linux-gnu is not available here"; exit 1; }
  exit 0
fi

if [ "${1:-}" = cross ]; then
  # The versions that the release was tested with.
  zig=target/tools/zig
  if ! have_zig $zig; then
    "${PYTHON:-python3}" -m venv $zig
    $zig/bin/pip install --quiet --disable-pip-version-check ziglang==0.17.1 cargo-zigbuild==0.24.1
  fi
  have_zig $zig || { echo "zig and cargo-zigbuild cannot be had from PyPI here"; exit 1; }
  for target in x86_64-unknown-linux-musl x86_64-unknown-linux-gnu aarch64-unknown-linux-musl aarch64-unknown-linux-gnu; do
    if ! have_rust_target $target && have rustup; then timeout 300 rustup target add $target >/dev/null 2>&1 || true; fi
  done
  manager=$(find_manager)
  for each in rpm:rpmbuild qemu:qemu-aarch64-static; do
    packages=$([ -z "$manager" ] || package "$manager" "${each%:*}")
    if ! have "${each#*:}" && [ -n "$packages" ]; then (OPTIONAL=yes install "$manager" "$packages") >/dev/null 2>&1 || true; fi
  done
  exit 0
fi

if ! have "${CARGO:-cargo}"; then
  echo "Rust is missing: see https://rustup.rs (qadmin needs 1.90 or newer)."
  exit 1
fi

link_debian_server
lacking=$(missing)
[ -z "$lacking" ] && exit 0

manager=$(find_manager)
if [ -n "$manager" ]; then
  packages=()
  for part in $lacking; do
    for name in $(package "$manager" "$part"); do
      case " ${packages[*]-} " in *" $name "*) ;; *) packages+=("$name") ;; esac
    done
  done
  install "$manager" "${packages[@]}"
  link_debian_server
  lacking=$(missing)
fi

for part in $lacking; do
  case "$part" in
    linker) echo "missing: a C compiler that links programs (cc on the PATH)" ;;
    libclang) echo "missing: libclang with its headers (or set LIBCLANG_PATH to the folder of libclang.so)" ;;
    server) echo "missing: redis-server >= 7.0.6 or valkey-server on the PATH (or set QADMIN_SERVER to it)" ;;
    cli) echo "missing: redis-cli or valkey-cli on the PATH" ;;
    venv) echo "missing: Python >= 3.10 with the modules venv and ensurepip (or set PYTHON to one)" ;;
  esac
done
[ -z "$lacking" ]
