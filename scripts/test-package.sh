#!/usr/bin/env bash
# Tests the packages: packs the built files, installs the .deb, uses the program, completions, man pages, and the module in a
# throw-away server with the shipped line, removes the package, and starts the server again after each step.
#
# Root installs it with folders /usr, /etc and /var of the test's own (scripts/isolated.sh) or, where that is not possible, into
# this system, from which it is removed at the end. Others unpack it into a temporary folder.
#
#   TOOL=target/debug/qadmin scripts/test-package.sh      packs another build of the program than that of make tool
#   PACKAGES=target/dist scripts/test-package.sh          tests what make dist has packed for this processor and glibc
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "test-package: $*" >&2; exit 1; }
skip() { echo "skipped: the packages are not tested ($*)"; exit 0; }

command -v dpkg-deb >/dev/null || skip "this is no Debian: there is no dpkg-deb"
for server in "${QADMIN_SERVER:-}" "$(command -v redis-server || true)" "$PWD/target/bin/redis-server" \
  "$(command -v valkey-server || true)"; do
  if [ -n "$server" ] && [ -x "$server" ]; then break; fi
done
[ -x "$server" ] || fail "there is no redis-server: run make deps"

if [ "$(id -u)" = 0 ] && ! grep -q ' /etc overlay ' /proc/self/mounts; then
  code=0
  scripts/isolated.sh "$0" "$@" || code=$?
  [ "$code" = 77 ] || exit "$code"
fi

work=$(mktemp -d)
installed=
pid=
made=
conf=$work/redis.conf
finish() {
  [ -z "$pid" ] || { kill "$pid" && wait "$pid"; } 2>/dev/null || true
  rm -f "$conf"
  [ -z "$made" ] || rmdir --ignore-fail-on-non-empty "$made"
  [ -z "$installed" ] || dpkg --purge qadmin >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap finish EXIT

packages=${PACKAGES:-$work/dist}
if [ -z "${PACKAGES:-}" ]; then
  DIST=$packages scripts/dist.sh native >/dev/null
  # In a folder of another name, and later.
  DIST=$work/again scripts/dist.sh native >/dev/null
  cmp "$packages/SHA256SUMS" "$work/again/SHA256SUMS" || fail "packing the same files again makes other bytes"
fi
(cd "$packages" && sha256sum --quiet -c SHA256SUMS) || fail "the checksums are wrong"
package=$(echo "$packages"/qadmin_*_"$(dpkg --print-architecture)".deb)
archive=$(echo "$packages"/qadmin-*-"$(uname -m)"-linux${PACKAGES:+-glibc}.tar.gz)
version=$(dpkg-deb -f "$package" Version)

# Runs dpkg, and leaves what it says in dpkg.log.
run_dpkg() {
  local begin=$SECONDS
  until dpkg "$@" >"$work/dpkg.log" 2>&1 </dev/null; do
    # Somebody else installs something at this moment.
    grep -q 'lock' "$work/dpkg.log" && [ $((SECONDS - begin)) -lt 120 ] || return 1
    sleep 1
  done
}

install_package() { run_dpkg -i "$1" || { cat "$work/dpkg.log"; fail "dpkg -i"; }; }

# Installs the package, or unpacks it.
root=
if [ "$(id -u)" = 0 ]; then
  # Two of these tests at once would take the package away from each other.
  exec 9>/run/qadmin-test-package.lock
  flock -w 300 9 || fail "another test of the package does not end"
fi
if [ "$(id -u)" = 0 ] && ! dpkg -s qadmin >/dev/null 2>&1 && [ ! -e /usr/bin/qadmin ]; then
  installed=yes
  install_package "$package"
  if mkdir /etc/redis 2>/dev/null; then made=/etc/redis; fi
  conf=/etc/redis/qadmin-test.conf
  qadmin=$(command -v qadmin)
  [ "$qadmin" = /usr/bin/qadmin ] || fail "qadmin is $qadmin"
else
  echo "the package is unpacked and not installed: an installation needs root and a system without the package"
  root=$work/root
  dpkg-deb -x "$package" "$root"
  qadmin=$root/usr/bin/qadmin
fi

# Checks the program and the files that come with it.
[ "$("$qadmin" --version)" = "qadmin $version" ] || fail "the version is $("$qadmin" --version)"
for page in qadmin qadmin-clear qadmin-serve; do
  zcat "$root/usr/share/man/man1/$page.1.gz" | grep -q '^\.TH' || fail "no man page of $page"
done
found=$(PATH="$root/usr/bin:$PATH" bash -c \
  'source "$1"; COMP_WORDS=(qadmin pre); COMP_CWORD=1; COMP_LINE="qadmin pre"; _clap_complete_qadmin qadmin pre qadmin; echo "${COMPREPLY[@]}"' \
  - "$root/usr/share/bash-completion/completions/qadmin")
[ "$found" = preview ] || fail "bash completes to: $found"
grep -q '#compdef qadmin' "$root/usr/share/zsh/vendor-completions/_qadmin" || fail "no completions for zsh"
grep -q 'command qadmin' "$root/usr/share/fish/vendor_completions.d/qadmin.fish" || fail "no completions for fish"
grep -q 'MIT License' "$root/usr/share/doc/qadmin/copyright" || fail "no licence"
zcat "$root/usr/share/man/man1/qadmin-clear.1.gz" | grep -q '^\.SH EXAMPLES' || fail "the man pages have no examples"
# No link of an installed page is dead, and the file that the man pages name is there.
"${PYTHON:-python3}" scripts/pages.py check "$root/usr/share/doc/qadmin" || fail "links of the installed pages lead nowhere"
[ -s "$root/usr/share/doc/qadmin/docs/runbook.md" ] || fail "the runbook is not installed"

# Starts the server with its configuration, on a socket of its own, and waits until it answers.
cli=$(command -v redis-cli || command -v valkey-cli)
export QADMIN_REDIS_URL=unix://$work/redis.sock
ask() { "$cli" -s "$work/redis.sock" "$@"; }
start() {
  local begin=$SECONDS
  : >"$work/redis.log"
  "$server" "$conf" &
  pid=$!
  until [ "$(ask PING 2>/dev/null)" = PONG ]; do
    kill -0 "$pid" 2>/dev/null || { cat "$work/redis.log"; pid=; fail "the server does not start: $*"; }
    [ $((SECONDS - begin)) -lt 30 ] || { cat "$work/redis.log"; fail "the server does not answer: $*"; }
    sleep 0.05
  done
}
stop() {
  kill "$pid"
  wait "$pid" || true
  pid=
}

# Its configuration is what the package says that one should add.
line=$(grep '^loadmodule ' "$root/usr/share/doc/qadmin/redis.conf")
[ "$line" = "loadmodule /usr/lib/redis/modules/libqadmin.so" ] || fail "the line is $line"
cat >"$conf" <<CONF
port 0
unixsocket $work/redis.sock
dir $work
save ""
logfile $work/redis.log
CONF
bare=$(cat "$conf")
echo "${line/\/usr/$root/usr}" >>"$conf"
start "with the line of the package"
"$qadmin" queues >/dev/null || fail "qadmin queues"
message() {
  printf '{"body": "W1tdLCB7fSwge31d", "content-type": "application/json", "content-encoding": "utf-8", "headers": {"task": "%s", "id": "%s", "retries": 0}, "properties": {"body_encoding": "base64"}}' "$1" "$2"
}
for each in a.Upload:1 a.Upload:2 a.Notify:3; do
  ask LPUSH celery "$(message "${each%:*}" "${each#*:}")" >/dev/null
done
"$qadmin" preview celery --task a.Upload --json | grep -q '"match_count": 2' || fail "the preview counts wrongly"
"$qadmin" clear celery --task a.Upload --all --to celery:parked --yes celery --quiet | grep -q 'Moved 2 of 2' ||
  fail "the clear did not move them"
[ "$(ask LLEN celery)" = 1 ] || fail "the queue is not what it should be"
# Sentinel rewrites configurations.
[ "$(ask CONFIG REWRITE)" = OK ] || fail "CONFIG REWRITE"
stop
start "after CONFIG REWRITE"
stop

# Checks that the package refuses to be removed, and names these lines. $1: what dpkg is asked for
refuses() {
  local what=$1 text
  shift
  if [ -n "$installed" ]; then
    if run_dpkg "$what" qadmin; then fail "dpkg $what removes a module that is in use"; fi
    [ -e /usr/lib/redis/modules/libqadmin.so ] || fail "dpkg $what failed and removed the module"
  elif DPKG_ROOT=$root "$work/control/prerm" remove >"$work/dpkg.log" 2>&1; then
    fail "the script allows to remove a module that is in use"
  fi
  for text; do grep -q "qadmin-test.conf:[0-9]*:$text" "$work/dpkg.log" || { cat "$work/dpkg.log"; fail "not named: $text"; }; done
}
# Removes the package. $1: what dpkg is asked for
removes() {
  if [ -n "$installed" ]; then
    run_dpkg "$1" qadmin || { cat "$work/dpkg.log"; fail "dpkg $1"; }
    if [ -e /usr/bin/qadmin ] || [ -e /usr/lib/redis/modules/libqadmin.so ]; then fail "dpkg $1 left files"; fi
  else
    DPKG_ROOT=$root "$work/control/prerm" remove || fail "the script refuses to remove the package"
  fi
}
dpkg-deb -e "$package" "$work/control"
# Each page that a script or a man page names is installed.
for file in $({ cat "$work"/control/p*; zcat "$root"/usr/share/man/man1/qadmin*.gz; } | grep -o '/usr/share/doc/qadmin/[a-z/]*\.md' | sort -u); do
  [ -s "$root$file" ] || fail "$file is named and not installed"
done
if [ -z "$installed" ]; then
  mkdir -p "$root/etc/redis"
  conf=$root/etc/redis/qadmin-test.conf
fi

# Each line that would keep the server from starting is a reason to refuse, and the server starts after that.
for needed in "$line" 'loadmodule "/usr/lib/redis/modules/libqadmin.so" duty 40' "qadmin.duty 40" \
  "user jane on nopass +qadmin.preview" "include /etc/qadmin/redis.conf"; do
  printf '%s\n' "$bare" "# $line" "$needed" >"$conf"
  refuses -r "$needed"
done
printf '%s\n' "$bare" "${line/\/usr/$root/usr}" "qadmin.duty 40" "user jane on nopass +qadmin.preview" >"$conf"
start "after a refused removal"
refuses --purge "qadmin.duty 40"
stop
# A module of another place needs the same lines.
printf '%s\n' "$bare" "loadmodule /opt/libqadmin.so" "qadmin.duty 40" >"$conf"
DPKG_ROOT=$root "$work/control/prerm" remove || fail "the script takes another module for its own"

# Without these lines the package can be removed, and the server starts. A process that still has the module is named.
printf '%s\n' "$bare" "# $line" "enable-module-command yes" >"$conf"
if [ -n "$installed" ]; then
  start "without the module"
  [ "$(ask MODULE LOAD /usr/lib/redis/modules/libqadmin.so)" = OK ] || fail "MODULE LOAD"
  removes -r
  grep -q "Restart the server with process id $pid now" "$work/dpkg.log" || { cat "$work/dpkg.log"; fail "it names no process"; }
  stop
else
  removes -r
fi
start "after the removal"
stop
removes --purge
start "after the purge"
stop

# Version 0.1.0 told administrators to include a file in /etc. That still works after an upgrade, which advises to replace it.
if [ -n "$installed" ]; then
  dpkg-deb -R "$package" "$work/old"
  rm "$work"/old/DEBIAN/p*
  sed -i 's/^Version: .*/Version: 0.0.1/' "$work/old/DEBIAN/control"
  mkdir -p "$work/old/etc/qadmin"
  echo "$line" >"$work/old/etc/qadmin/redis.conf"
  echo /etc/qadmin/redis.conf >"$work/old/DEBIAN/conffiles"
  dpkg-deb --build -Znone "$work/old" "$work/old.deb" >/dev/null
  install_package "$work/old.deb"
  printf '%s\n' "$bare" "include /etc/qadmin/redis.conf" >"$conf"
  start "with the old package"
  stop
  install_package "$package"
  grep -q 'Replace this line' "$work/dpkg.log" || { cat "$work/dpkg.log"; fail "the upgrade gives no advice"; }
  grep -q 'replicas first' "$work/dpkg.log" || { cat "$work/dpkg.log"; fail "the upgrade does not say what to do"; }
  start "after the upgrade"
  stop
  refuses -r "include /etc/qadmin/redis.conf"
  refuses --purge "include /etc/qadmin/redis.conf"
  start "after a refused purge"
  stop
  echo "$bare" >"$conf"
  removes --purge
  installed=
  [ ! -e /etc/qadmin ] || fail "dpkg --purge left /etc/qadmin"
  start "after the purge of an upgraded package"
  stop
fi

# The archive contains the same files.
tar -xzf "$archive" -C "$work"
unpacked=$work/$(basename "$archive" .tar.gz)
for file in bin/qadmin lib/redis/modules/libqadmin.so share/man/man1/qadmin.1 share/bash-completion/completions/qadmin \
  share/zsh/site-functions/_qadmin share/fish/vendor_completions.d/qadmin.fish redis.conf install.sh LICENSE README.md \
  CHANGELOG.md docs/README.md docs/runbook.md docs/install.md docs/images/page-preview.png; do
  [ -s "$unpacked/$file" ] || fail "the archive has no $file"
done
"${PYTHON:-python3}" scripts/pages.py check "$unpacked" || fail "links of the archive's pages lead nowhere"
[ "$("$unpacked/bin/qadmin" --version)" = "qadmin $version" ] || fail "the archive's program is another one"
if [ -n "${PACKAGES:-}" ]; then export MODULE=$unpacked/lib/redis/modules/libqadmin.so TOOL=$unpacked/bin/qadmin; fi
scripts/test-install.sh "$archive"
echo "test-package: $([ -z "$root" ] && echo installed || echo unpacked), used, removed: all checks passed"
