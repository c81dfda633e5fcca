#!/usr/bin/env bash
# Tests the packages: packs the built files, installs the .deb (as root into this system, from which it is removed at the
# end; otherwise it is unpacked into a temporary folder), and uses the program, completions, man pages, and the module in
# a throw-away server with the shipped configuration.
#
#   TOOL=target/debug/qadmin scripts/test-package.sh      packs another build of the program than that of make tool
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

work=$(mktemp -d)
installed=
pid=
finish() {
  [ -z "$pid" ] || { kill "$pid" && wait "$pid"; } 2>/dev/null || true
  [ -z "$installed" ] || dpkg --purge qadmin >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap finish EXIT

DIST=$work/dist scripts/dist.sh >/dev/null
(cd "$work/dist" && sha256sum --quiet -c SHA256SUMS) || fail "the checksums are wrong"
package=$(echo "$work"/dist/qadmin_*.deb)
version=$(dpkg-deb -f "$package" Version)

# Installs the package, or unpacks it.
root=
if [ "$(id -u)" = 0 ]; then
  # Two of these tests at once would take the package away from each other.
  exec 9>/run/qadmin-test-package.lock
  flock -w 300 9 || fail "another test of the package does not end"
fi
if [ "$(id -u)" = 0 ] && ! dpkg -s qadmin >/dev/null 2>&1 && [ ! -e /usr/bin/qadmin ]; then
  installed=yes
  begin=$SECONDS
  until dpkg -i "$package" >"$work/dpkg.log" 2>&1 </dev/null; do
    # Somebody else installs something at this moment.
    grep -q 'lock' "$work/dpkg.log" && [ $((SECONDS - begin)) -lt 120 ] || { cat "$work/dpkg.log"; fail "dpkg -i"; }
    sleep 1
  done
  qadmin=$(command -v qadmin)
  [ "$qadmin" = /usr/bin/qadmin ] || fail "qadmin is $qadmin"
else
  echo "the package is unpacked and not installed: an installation needs root and a system without the package"
  root=$work/root
  dpkg-deb -x "$package" "$root"
  qadmin=$root/usr/bin/qadmin
  sed -i "s|/usr/lib/redis|$root/usr/lib/redis|" "$root/etc/qadmin/redis.conf"
fi

# Checks the program and the files that come with it.
[ "$("$qadmin" --version)" = "qadmin $version" ] || fail "the version is $("$qadmin" --version)"
for page in qadmin qadmin-clear qadmin-serve; do
  zcat "$root/usr/share/man/man1/$page.1.gz" | grep -q '^\.TH' || fail "no man page of $page"
done
found=$(bash -c 'source "$1"; COMP_WORDS=(qadmin pre); COMP_CWORD=1; _qadmin qadmin pre qadmin; echo "${COMPREPLY[@]}"' \
  - "$root/usr/share/bash-completion/completions/qadmin")
[ "$found" = preview ] || fail "bash completes to: $found"
grep -q '#compdef qadmin' "$root/usr/share/zsh/vendor-completions/_qadmin" || fail "no completions for zsh"
grep -q 'complete -c qadmin' "$root/usr/share/fish/vendor_completions.d/qadmin.fish" || fail "no completions for fish"
grep -q 'MIT License' "$root/usr/share/doc/qadmin/copyright" || fail "no licence"

# Starts a server that includes only the shipped configuration, on a socket of its own.
cat >"$work/redis.conf" <<CONF
port 0
unixsocket $work/redis.sock
dir $work
save ""
logfile $work/redis.log
include $root/etc/qadmin/redis.conf
CONF
"$server" "$work/redis.conf" &
pid=$!
export QADMIN_REDIS_URL=unix://$work/redis.sock
begin=$SECONDS
until "$qadmin" queues >/dev/null 2>"$work/why"; do
  kill -0 "$pid" 2>/dev/null || { cat "$work/redis.log"; fail "the server ended"; }
  [ $((SECONDS - begin)) -lt 30 ] || { cat "$work/why" "$work/redis.log"; fail "the server does not answer"; }
  sleep 0.05
done
cli=$(command -v redis-cli || command -v valkey-cli)
message() {
  printf '{"body": "W1tdLCB7fSwge31d", "content-type": "application/json", "content-encoding": "utf-8", "headers": {"task": "%s", "id": "%s", "retries": 0}, "properties": {"body_encoding": "base64"}}' "$1" "$2"
}
for each in a.Upload:1 a.Upload:2 a.Notify:3; do
  "$cli" -s "$work/redis.sock" LPUSH celery "$(message "${each%:*}" "${each#*:}")" >/dev/null
done
"$qadmin" preview celery --task a.Upload --json | grep -q '"match_count": 2' || fail "the preview counts wrongly"
"$qadmin" clear celery --task a.Upload --all --to celery:parked --yes celery --quiet | grep -q 'Moved 2 of 2' ||
  fail "the clear did not move them"
[ "$("$cli" -s "$work/redis.sock" LLEN celery)" = 1 ] || fail "the queue is not what it should be"
kill "$pid"
wait "$pid" || true
pid=

# Removes the package: only the configuration remains until it is purged.
if [ -n "$installed" ]; then
  dpkg -r qadmin >/dev/null
  if [ -e /usr/bin/qadmin ] || [ -e /usr/lib/redis/modules/libqadmin.so ]; then fail "dpkg -r left files"; fi
  dpkg --purge qadmin >/dev/null
  installed=
  [ ! -e /etc/qadmin ] || fail "dpkg --purge left /etc/qadmin"
fi

# The archive contains the same files.
tar -xzf "$work"/dist/qadmin-*.tar.gz -C "$work"
for file in bin/qadmin lib/redis/modules/libqadmin.so share/man/man1/qadmin.1 share/bash-completion/completions/qadmin \
  share/zsh/site-functions/_qadmin share/fish/vendor_completions.d/qadmin.fish redis.conf LICENSE README.md CHANGELOG.md; do
  [ -s "$(echo "$work"/qadmin-*-linux)/$file" ] || fail "the archive has no $file"
done
[ "$("$work"/qadmin-*-linux/bin/qadmin --version)" = "qadmin $version" ] || fail "the archive's program is another one"
echo "test-package: $([ -z "$root" ] && echo installed || echo unpacked), used, removed: all checks passed"
