#!/usr/bin/env bash
# Tests scripts/install.sh with folders /usr and /etc of its own (scripts/isolated.sh): as `make install` runs it, and as it lies in
# the archive. The server there is arranged as Debian's, with the restriction of its service.
#
#   scripts/test-install.sh [ARCHIVE]      MODULE and TOOL name other builds than those in target
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "test-install: $*" >&2; exit 1; }

for server in "${QADMIN_SERVER:-}" "$(command -v redis-server || true)" "$PWD/target/bin/redis-server"; do
  if [ -n "$server" ] && [ -x "$server" ]; then break; fi
done
[ -x "$server" ] || fail "there is no redis-server: run make deps"

# What follows deletes files of servers: only where /etc is a folder of this test's own.
if ! grep -q ' /etc overlay ' /proc/self/mounts; then
  code=0
  QADMIN_SERVER=$server scripts/isolated.sh "$0" "$@" || code=$?
  [ "$code" != 77 ] || { echo "skipped: the installation is not tested (it needs root and a mount namespace with overlays)"; exit 0; }
  exit "$code"
fi

unset QADMIN_SERVER PREFIX MODULEDIR DESTDIR
target=${CARGO_TARGET_DIR:-target}
export MODULE=${MODULE:-$PWD/$target/release/libqadmin.so} TOOL=${TOOL:-$PWD/$target/debug/qadmin}
if [ ! -f "$TOOL" ]; then TOOL=$PWD/$target/release/qadmin; fi
# The user of the server must see it.
work=$(TMPDIR=/tmp mktemp -d)
chmod 755 "$work"
trap 'umount "$work/noexec" 2>/dev/null || true; rm -rf "$work"' EXIT
system=/usr/bin:/bin:/usr/sbin:/sbin

# Runs the installation with this PATH. $1: what it should do (ok or refuse), $2: PATH; the rest: variables
install_with() {
  local wanted=$1 path=$2 done=ok
  shift 2
  env "$@" "PATH=$path" scripts/install.sh >"$work/out" 2>&1 || done=refuse
  [ "$done" = "$wanted" ] || { cat "$work/out"; fail "$path $*: $done and not $wanted"; }
}

says() { grep -qF -- "$1" "$work/out" || { cat "$work/out"; fail "it does not say: $1"; }; }

# Nothing of the machine may look like a server.
for name in redis valkey; do
  rm -rf "/usr/bin/$name-server" "/etc/${name:?}" "/usr/lib/$name" "/usr/lib/systemd/system/$name-server.service"
done

# 1. Without a server, and with DESTDIR, nobody tries the module.
install_with ok "$system"
says "There is no redis-server"
says "  loadmodule /usr/local/lib/redis/modules/libqadmin.so"
[ -x /usr/local/bin/qadmin ] || fail "the program is not installed"
install_with ok "$system" "DESTDIR=$work/packed" PREFIX=/opt/redis
[ -x "$work/packed/opt/redis/lib/redis/modules/libqadmin.so" ] || fail "DESTDIR and PREFIX are not observed"
[ -x "$work/packed/opt/redis/bin/qadmin" ] || fail "DESTDIR and PREFIX are not observed for the program"

# 2. A server that was built from source, in a prefix of its own.
mkdir -p /usr/local/bin "$work/opt/bin"
ln -s "$server" "$work/opt/bin/redis-server"
install_with ok "$work/opt/bin:$system"
says "  loadmodule $work/opt/lib/redis/modules/libqadmin.so"
install_with ok "$work/opt/bin:$system" "DESTDIR=$work/other"
[ -x "$work/other/usr/local/lib/redis/modules/libqadmin.so" ] || fail "DESTDIR depends on the server of this machine"

# 3. A distribution's server, and its restricted service.
ln -s "$(readlink -f "$server")" /usr/bin/redis-server
mkdir -p /etc/redis /usr/lib/systemd/system
touch /etc/redis/redis.conf
printf '[Service]\nNoExecPaths=/\nExecPaths=/usr/bin/redis-server /usr/lib /lib\n' >/usr/lib/systemd/system/redis-server.service
install_with ok "$system"
says "/usr/bin/redis-server $(/usr/bin/redis-server --version | sed 's/.*v=\([0-9.]*\).*/\1/') loads"
says "Add this line to /etc/redis/redis.conf"
says "  loadmodule /usr/lib/redis/modules/libqadmin.so"
# The line that it names starts the server.
sed -n 's/^  \(loadmodule \)/\1/p' "$work/out" >"$work/line"
printf 'port 0\nunixsocket %s/socket\nlogfile %s/log\nsave ""\ndir %s\n' "$work" "$work" "$work" >>"$work/line"
/usr/bin/redis-server "$work/line" &
pid=$!
until grep -qi 'ready to accept' "$work/log" 2>/dev/null; do kill -0 $pid 2>/dev/null || fail "$(cat "$work/log")"; sleep 0.05; done
# A newer module replaces the file and does not change the one that this server has in its memory.
inode=$(stat -c %i /usr/lib/redis/modules/libqadmin.so)
install_with ok "$system"
[ "$(stat -c %i /usr/lib/redis/modules/libqadmin.so)" != "$inode" ] || fail "the file of a running server was overwritten"
kill $pid
wait $pid || true

# 4. A place that the service forbids.
install_with refuse "$system" PREFIX=/opt/redis
says "its service redis-server.service may execute files in these places only: /usr/bin/redis-server /usr/lib /lib"
mkdir -p /etc/systemd/system/redis-server.service.d
printf '[Service]\nExecPaths=/opt/redis/lib\n' >/etc/systemd/system/redis-server.service.d/qadmin.conf
install_with ok "$system" PREFIX=/opt/redis
says "  loadmodule /opt/redis/lib/redis/modules/libqadmin.so"
printf '[Service]\nNoExecPaths=\n' >/etc/systemd/system/redis-server.service.d/qadmin.conf
install_with ok "$system" PREFIX=/opt/redis
# This unit replaces the other one.
rm -r /etc/systemd/system/redis-server.service.d
printf '[Service]\nNoExecPaths=/opt\n' >/etc/systemd/system/redis-server.service
install_with ok "$system" PREFIX=/opt/redis
rm /etc/systemd/system/redis-server.service

# 5. A server that cannot load it, because nothing may be executed there as in that service.
mkdir -p "$work/noexec"
mount -t tmpfs -o noexec tmpfs "$work/noexec"
install_with refuse "$system" "MODULEDIR=$work/noexec"
says "cannot load $work/noexec/libqadmin.so. It says:"
says "failed to map segment"
if grep -q 'Add this line' "$work/out"; then fail "it names a line with which the server does not start"; fi
umount "$work/noexec"

# 6. Redis and Valkey on one machine: each has its own folder.
valkey=$PWD/target/servers/trixie-valkey/run
if [ -x "$valkey" ]; then
  ln -s "$valkey" /usr/bin/valkey-server
  install_with ok "$system"
  says "  loadmodule /usr/lib/redis/modules/libqadmin.so"
  says "  loadmodule /usr/lib/valkey/modules/libqadmin.so"
  rm /usr/bin/valkey-server
fi

# 7. The archive installs itself, with completions and man pages.
if [ -n "${1:-}" ]; then
  rm -rf /usr/lib/redis/modules /usr/local/bin/qadmin
  tar -xzf "$1" -C "$work"
  env -u MODULE -u TOOL "PATH=$system" "$(echo "$work"/qadmin-*)/install.sh" >"$work/out" 2>&1 || { cat "$work/out"; fail "the archive"; }
  says "  loadmodule /usr/lib/redis/modules/libqadmin.so"
  for file in bin/qadmin share/man/man1/qadmin.1 share/bash-completion/completions/qadmin; do
    [ -s "/usr/local/$file" ] || fail "the archive did not install /usr/local/$file"
  done
fi
echo "test-install: all checks passed"
