#!/usr/bin/env bash
# Tests the package for RHEL and Fedora: installs it with folders /usr, /etc and /var of the test's own (scripts/isolated.sh), loads
# the module with the line that it names, and removes it, which it refuses as the Debian package does.
#
#   scripts/test-rpm.sh target/dist/qadmin-0.1.0-1.x86_64.rpm
set -euo pipefail
cd "$(dirname "$0")/.."

package=$(readlink -f "$1")
fail() { echo "test-rpm: $*" >&2; exit 1; }

for server in "${QADMIN_SERVER:-}" "$(command -v redis-server || true)" "$PWD/target/bin/redis-server"; do
  if [ -n "$server" ] && [ -x "$server" ]; then break; fi
done
[ -x "$server" ] || fail "there is no redis-server: run make deps"

# It installs into /usr: only where that is a folder of this test's own.
if ! grep -q ' /etc overlay ' /proc/self/mounts; then
  code=0
  QADMIN_SERVER=$server scripts/isolated.sh "$0" "$package" || code=$?
  [ "$code" != 77 ] || { echo "skipped: the installation of the .rpm (it needs root and a mount namespace with overlays)"; exit 0; }
  exit "$code"
fi

work=$(mktemp -d)
pid=
finish() {
  [ -z "$pid" ] || { kill "$pid" && wait "$pid"; } 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT
module=/usr/lib64/redis/modules/libqadmin.so
conf=/etc/redis/qadmin-test.conf
mkdir -p /etc/redis
bare="port 0
unixsocket $work/socket
dir $work
logfile $work/log
save \"\""

# Debian's own packages are not in the database of rpm, so dependencies are not looked for; their names are checked below.
run_rpm() { command rpm --nodeps --force-debian "$@" >"$work/said" 2>&1; }

# Starts the server with these lines, and stops it when it accepts connections.
starts() {
  local tries=0
  printf '%s\n' "$bare" "$@" >"$conf"
  : >"$work/log"
  "$server" "$conf" &
  pid=$!
  until grep -qi 'ready to accept connections' "$work/log"; do
    kill -0 "$pid" 2>/dev/null && [ $((tries += 1)) -lt 600 ] || { cat "$work/log"; fail "the server does not start with: $*"; }
    sleep 0.05
  done
  kill "$pid"
  wait "$pid" || true
  pid=
}

command rpm -qp --requires "$package" | grep -q '^libc.so.6(GLIBC_2\.[0-9.]*)(64bit)$' || fail "it does not say which glibc it needs"
run_rpm -i "$package" || { cat "$work/said"; fail "rpm -i"; }
[ "$(/usr/bin/qadmin --version)" = "$(command rpm -q --queryformat 'qadmin %{VERSION}' qadmin | tr '~' -)" ] || fail "the program is another version"
for file in "$module" /usr/share/man/man1/qadmin.1.gz /usr/share/zsh/site-functions/_qadmin /usr/share/licenses/qadmin/LICENSE \
  /usr/share/bash-completion/completions/qadmin /usr/share/doc/qadmin/docs/remove.md; do
  [ -s "$file" ] || fail "it installed no $file"
done
"${PYTHON:-python3}" scripts/pages.py check /usr/share/doc/qadmin || fail "links of the installed pages lead nowhere"
line=$(grep '^loadmodule' /usr/share/doc/qadmin/redis.conf)
[ "$line" = "loadmodule $module" ] || fail "it names another line: $line"
starts "$line"
grep -q 'qadmin [0-9.]* loaded' "$work/log" || { cat "$work/log"; fail "the server did not load the module"; }

for needed in "$line" "loadmodule \"$module\" duty 40" "qadmin.duty 40" "user jane on nopass +qadmin.preview"; do
  printf '%s\n' "$bare" "# $line" "$needed" >"$conf"
  if run_rpm -e qadmin; then fail "it is removed although the server needs it: $needed"; fi
  grep -q "qadmin-test.conf:[0-9]*:$needed" "$work/said" || { cat "$work/said"; fail "it does not name: $needed"; }
  [ -e "$module" ] || fail "rpm -e failed and removed the module"
done
# The configuration of the service of RHEL's server.
printf 'OPTIONS="--loadmodule %s"\n' "$module" >/etc/sysconfig-test
mkdir -p /etc/sysconfig
mv /etc/sysconfig-test /etc/sysconfig/redis
echo "$bare" >"$conf"
if run_rpm -e qadmin; then fail "it does not look into /etc/sysconfig"; fi
rm /etc/sysconfig/redis

# The lines do not stand in the way of a newer package.
printf '%s\n' "$bare" "$line" >"$conf"
run_rpm -U --replacepkgs "$package" || { cat "$work/said"; fail "rpm -U"; }
[ -e "$module" ] || fail "rpm -U left no module"
starts "$line"

echo "$bare" >"$conf"
run_rpm -e qadmin || { cat "$work/said"; fail "rpm -e"; }
if [ -e "$module" ] || [ -e /usr/bin/qadmin ]; then fail "rpm -e left files"; fi
starts
echo "test-rpm: installed, used, removed: all checks passed"
