#!/usr/bin/env bash
# Runs a command with folders /usr, /etc and /var of its own: it sees those of this machine, and what it changes there exists for
# it alone and is gone when it ends. Only root can do this. Exit code 77: it is not possible here.
#
#   scripts/isolated.sh dpkg -i target/dist/qadmin_0.1.0_amd64.deb
set -euo pipefail

if [ "${1:-}" != --inside ]; then
  # A namespace of users does not help others than root: files of root belong to nobody there.
  [ "$(id -u)" = 0 ] && unshare --mount true 2>/dev/null || exit 77
  base=$(mktemp -d)
  code=0
  unshare --mount "$0" --inside "$base" "$@" || code=$?
  rmdir "$base"
  exit $code
fi

base=$2
shift 2
# Nothing is mounted where others see it.
[ "$(readlink /proc/self/ns/mnt)" != "$(readlink /proc/$PPID/ns/mnt)" ] || exit 77
mount -t tmpfs tmpfs "$base" 2>/dev/null || exit 77
for folder in usr etc var; do
  mkdir -p "$base/$folder/changed" "$base/$folder/work"
  mount -t overlay overlay -o "lowerdir=/$folder,upperdir=$base/$folder/changed,workdir=$base/$folder/work" "/$folder" \
    2>/dev/null || exit 77
done
# Where a folder below these is a disk of its own, it cannot be seen any more.
cd "$PWD" 2>/dev/null && command -v "$1" >/dev/null || exit 77
exec "$@"
