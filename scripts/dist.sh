#!/usr/bin/env bash
# Packs the built files into target/dist: an archive for other Linux distributions on this processor architecture whose C library
# is no older than this machine's, and a package for Debian and its derivatives. It builds nothing (make dist does that first). DIST names another folder, TOOL another
# build of the program.
#
# The package is made with dpkg-deb from the same files as the archive. cargo-deb would have to be compiled first, which
# takes minutes on every machine that tests the package, and it does not support a module beside a program.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
module=${MODULE:-$target/release/libqadmin.so}
tool=${TOOL:-$target/release/qadmin}
dist=${DIST:-target/dist}
for file in "$module" "$tool"; do
  [ -f "$file" ] || { echo "there is no $file: run make dist"; exit 1; }
done

version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
name=qadmin-$version-$(uname -m)-linux
# The same sources produce the same bytes.
when=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
tree=$dist/tree
rm -rf "$dist"
mkdir -p "$tree"
trap 'rm -rf "$tree"' EXIT

# Copies program, module, completions and man pages as they are installed under a prefix. $1: target folder, $2: folder
# of zsh's completions, $3: folder of fish's.
stage() {
  install -D -m 755 "$tool" "$1/bin/qadmin"
  # Servers refuse a module that is not executable.
  install -D -m 755 "$module" "$1/lib/redis/modules/libqadmin.so"
  if command -v strip >/dev/null; then strip "$1/bin/qadmin"; fi
  # The module keeps its line numbers: crash reports are worth them.
  mkdir -p "$1/share/bash-completion/completions" "$1/share/$2" "$1/share/$3" "$1/share/man/man1"
  "$tool" completions bash >"$1/share/bash-completion/completions/qadmin"
  "$tool" completions zsh >"$1/share/$2/_qadmin"
  "$tool" completions fish >"$1/share/$3/qadmin.fish"
  "$tool" man "$1/share/man/man1"
}

# Prints the lines for redis.conf.
snippet() { sed -e "s|@MODULE@|/usr/lib/redis/modules/libqadmin.so|" packaging/redis.conf; }

archive() {
  local root=$tree/$name
  stage "$root" zsh/site-functions fish/vendor_completions.d
  snippet >"$root/redis.conf"
  cp README.md CHANGELOG.md LICENSE docs/install.md docs/upgrade.md docs/remove.md "$root"
  install -m 755 scripts/install.sh "$root"
  chmod -R u=rwX,go=rX "$root"
  tar --sort=name --mtime="@$when" --owner=0 --group=0 --numeric-owner -C "$tree" -cf - "$name" |
    gzip -n9 >"$dist/$name.tar.gz"
}

# Prints the oldest version of the C library that has all symbols of the binaries.
libc() { cat "$module" "$tool" | grep -ao 'GLIBC_[0-9.]*[0-9]' | sort -uV | tail -1 | cut -d_ -f2; }

deb() {
  command -v dpkg-deb >/dev/null || { echo "dpkg-deb is missing: no Debian package was made"; return; }
  local root=$tree/deb arch
  arch=$(dpkg --print-architecture)
  stage "$root/usr" zsh/vendor-completions fish/vendor_completions.d
  gzip -n9 "$root"/usr/share/man/man1/*.1
  mkdir -p "$root/usr/share/doc/qadmin" "$root/DEBIAN"
  snippet >"$root/usr/share/doc/qadmin/redis.conf"
  cp README.md docs/upgrade.md docs/remove.md "$root/usr/share/doc/qadmin"
  cp LICENSE "$root/usr/share/doc/qadmin/copyright"
  gzip -n9 <CHANGELOG.md >"$root/usr/share/doc/qadmin/changelog.gz"
  chmod -R u=rwX,go=rX "$root"
  install -m 755 packaging/prerm packaging/postinst packaging/postrm "$root/DEBIAN"
  cat >"$root/DEBIAN/control" <<CONTROL
Package: qadmin
Version: $version
Architecture: $arch
Maintainer: The authors of qadmin <qadmin@localhost>
Section: database
Priority: optional
Installed-Size: $(du -k -s "$root/usr" | cut -f1)
Depends: libc6 (>= $(libc)), libgcc-s1
Suggests: redis-server (>= 5:7.0.6) | valkey-server, bash-completion
Description: preview and clear messages of live job queues in Redis or Valkey
 A module for Redis and Valkey that counts, shows and clears the messages of a
 live queue of Celery, Sidekiq or Resque that match a filter, and a program for
 terminals, scripts and browsers that talks to it.
 .
 It changes no server by itself: add the line
 loadmodule /usr/lib/redis/modules/libqadmin.so
 to the configuration of a server. It is removed only after that line.
CONTROL
  (cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
  SOURCE_DATE_EPOCH=$when dpkg-deb --root-owner-group --build "$root" "$dist/qadmin_${version}_$arch.deb" >/dev/null
}

archive
deb
(cd "$dist" && sha256sum qadmin* >SHA256SUMS)
(cd "$dist" && ls -l qadmin* | awk '{ print "'"$dist"'/" $NF, $5, "bytes" }')
