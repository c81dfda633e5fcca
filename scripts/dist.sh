#!/usr/bin/env bash
# Packs built files into target/dist. It builds nothing (make dist does that first). DIST names another folder.
#
#   scripts/dist.sh          what scripts/cross.sh built: an archive for each processor and C library, a .deb and a .rpm for each
#                            processor, a list of all parts (SBOM), and checksums
#   scripts/dist.sh native   the module and the program that were built for this machine (MODULE and TOOL name other files): an
#                            archive and a .deb, for tests
#
# The packages are made with dpkg-deb and rpmbuild from the same files as the archives. cargo-deb would have to be compiled first,
# which takes minutes on every machine that tests the package, and it does not support a module beside a program.
#
# The same sources and the same built files make the same bytes: all times are that of the last commit (SOURCE_DATE_EPOCH), and the
# order of files is fixed.
set -euo pipefail
cd "$(dirname "$0")/.."

what=${1:-release}
target=${CARGO_TARGET_DIR:-target}
dist=$(realpath -m "${DIST:-target/dist}")
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
# In versions of packages ~ sorts before everything else: 1.0.0~rc1 is older than 1.0.0.
package_version=${version//-/\~}
when=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH=$when
QADMIN_REQUIRE=${QADMIN_REQUIRE:-}
tree=$dist/tree
rm -rf "$dist"
mkdir -p "$tree"
trap 'rm -rf "$tree"' EXIT
umask 022

# Reports that $2 is not made, or not tried, because of $3; it fails if QADMIN_REQUIRE contains $1 or `dist`.
left_out() {
  case ",${QADMIN_REQUIRE// /}," in *,"$1",* | *,dist,*) echo "QADMIN_REQUIRE names $1: $2: $3"; exit 1 ;; esac
  echo "left out: $2 ($3)"
}

# Prints the command that runs programs of the processor $1, one word a line; nothing for this machine's own. It fails if there is
# none.
runner() {
  [ "$1" = "$(uname -m)" ] || command -v "qemu-$1-static" || command -v "qemu-$1"
}

# Copies program, module, completions and man pages as they are installed under a prefix. $1: target folder, $2: lib or lib64, $3:
# folder of zsh's completions
stage() {
  install -D -m 755 "$tool" "$1/bin/qadmin"
  # Servers refuse a module that is not executable. It keeps its line numbers: crash reports are worth them.
  install -D -m 755 "$module" "$1/$2/redis/modules/libqadmin.so"
  mkdir -p "$1/share"
  cp -R "$tree/share/." "$1/share"
  if [ "$3" != site-functions ]; then mv "$1/share/zsh/site-functions" "$1/share/zsh/$3"; fi
}

# Prints the lines for redis.conf. $1: lib or lib64
snippet() { sed -e "s|@MODULE@|/usr/$1/redis/modules/libqadmin.so|" packaging/redis.conf; }

# Copies the documentation and the licence, as they lie in the repository, so that their links work. $1: target folder
pages() { "${PYTHON:-python3}" scripts/pages.py copy "$1"; }

# Gives all files and folders below $1 the same time and permissions.
settle() {
  chmod -R u=rwX,go=rX "$1"
  find "$1" -exec touch --no-dereference --date="@$when" {} +
}

# $1: name without extension
archive() {
  local root=$tree/$1
  stage "$root" lib site-functions
  snippet lib >"$root/redis.conf"
  pages "$root"
  install -m 755 scripts/install.sh "$root"
  settle "$root"
  tar --sort=name --mtime="@$when" --owner=0 --group=0 --numeric-owner --format=gnu -C "$tree" -cf - "$1" | gzip -n9 >"$dist/$1.tar.gz"
}

# Prints the oldest version of glibc that has all functions that module and program use.
libc() { cat "$module" "$tool" | grep -ao 'GLIBC_[0-9.]*[0-9]' | sort -uV | tail -1 | cut -d_ -f2; }

# Prints the libraries that the module needs.
needed() { LC_ALL=C readelf -dW "$module" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort; }

# Replaces the words in @ of a template. $1: template
fill() {
  sed -e "s|@VERSION@|$package_version|" -e "s|@ARCH@|$arch|" -e "s|@SIZE@|$size|" -e "s|@DEPENDS@|$depends|" "$1"
}

# $1: processor
deb() {
  local root=$tree/deb-$1 arch size depends
  command -v dpkg-deb >/dev/null || { left_out deb "the Debian package" "there is no dpkg-deb"; return; }
  case "$1" in x86_64) arch=amd64 ;; aarch64) arch=arm64 ;; *) arch=$(dpkg --print-architecture) ;; esac
  stage "$root/usr" lib vendor-completions
  gzip -n9 "$root"/usr/share/man/man1/*.1
  mkdir -p "$root/usr/share/doc/qadmin" "$root/DEBIAN"
  snippet lib >"$root/usr/share/doc/qadmin/redis.conf"
  pages "$root/usr/share/doc/qadmin"
  cp LICENSE "$root/usr/share/doc/qadmin/copyright"
  gzip -n9 <CHANGELOG.md >"$root/usr/share/doc/qadmin/changelog.gz"
  settle "$root"
  install -m 755 packaging/prerm packaging/postinst packaging/postrm "$root/DEBIAN"
  # In KiB, each file rounded up: what du says depends on the file system.
  size=$(find "$root/usr" -type f -printf '%s\n' | awk '{ sum += int(($1 + 1023) / 1024) } END { print sum }')
  depends="libc6 (>= $(libc))"
  if needed | grep -q libgcc_s; then depends="$depends, libgcc-s1"; fi
  fill packaging/control >"$root/DEBIAN/control"
  (cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
  settle "$root/DEBIAN"
  # Ubuntu's default, zstd, is not known to Debian 11.
  dpkg-deb -Zxz --root-owner-group --build "$root" "$dist/qadmin_${package_version}_$arch.deb" >/dev/null
}

# Prints a script of the Debian package as a scriptlet of rpm, after the lines of the input, which set its arguments.
scriptlet() {
  cat
  # For rpmbuild % begins a macro.
  sed -e '/^#!/d' -e 's|/lib/redis/|/lib64/redis/|g' -e 's|%|%%|g' "packaging/$1"
}

# $1: processor
rpm() {
  local root=$tree/rpm-$1 spec=$tree/rpm-$1.spec arch=$1 depends size=''
  command -v rpmbuild >/dev/null || { left_out rpm "the package for RHEL and Fedora for $1" "there is no rpmbuild"; return; }
  stage "$root/usr" lib64 site-functions
  gzip -n9 "$root"/usr/share/man/man1/*.1
  mkdir -p "$root/usr/share/doc/qadmin" "$root/usr/share/licenses/qadmin"
  snippet lib64 >"$root/usr/share/doc/qadmin/redis.conf"
  pages "$root/usr/share/doc/qadmin"
  cp LICENSE "$root/usr/share/licenses/qadmin"
  settle "$root"
  depends="libc.so.6(GLIBC_$(libc))(64bit)$(needed | sed 's/.*/, &()(64bit)/' | paste -sd '')"
  {
    fill packaging/qadmin.spec
    echo "%post"
    # The argument is the number of packages qadmin that are installed after this step.
    scriptlet postinst <<<'if [ "$1" -gt 1 ]; then set -- configure older; else set -- configure; fi'
    echo "%preun"
    scriptlet prerm <<<'if [ "$1" = 0 ]; then set -- remove; else set -- upgrade; fi'
    printf '%%files\n%%defattr(-,root,root,-)\n'
    (cd "$root" && find usr -type f | sort | sed 's|^|/|')
  } >"$spec"
  rpmbuild -bb --quiet --target "$arch-linux" --buildroot "$tree/rpm-$1-root" --define "_topdir $tree/rpm-top" \
    --define "staged $root" --define "_rpmdir $dist" --define "_build_name_fmt %{name}-%{version}-%{release}.%{arch}.rpm" \
    "$spec" >"$tree/rpm.log" 2>&1 || { cat "$tree/rpm.log"; exit 1; }
}

# Writes the completions and man pages, which are the same for all processors, with a program that runs here.
describe() {
  mkdir -p "$tree/share/bash-completion/completions" "$tree/share/zsh/site-functions" "$tree/share/fish/vendor_completions.d" \
    "$tree/share/man/man1"
  "$@" completions bash >"$tree/share/bash-completion/completions/qadmin"
  "$@" completions zsh >"$tree/share/zsh/site-functions/_qadmin"
  "$@" completions fish >"$tree/share/fish/vendor_completions.d/qadmin.fish"
  "$@" man "$tree/share/man/man1"
}

# Checks the program and the module of the target $1.
check() {
  local runner
  scripts/check-artefact.sh module "$1" "$module"
  scripts/check-artefact.sh tool "$1" "$tool"
  if ! runner=$(runner "${1%-*}"); then
    left_out qemu "running the program for ${1%-*}" "there is no qemu-${1%-*}-static"
  elif [ "$($runner "$tool" --version)" != "qadmin $version" ]; then
    echo "$tool is another version than $version: $($runner "$tool" --version)"
    exit 1
  elif [ ! -d "$tree/share" ]; then
    describe $runner "$tool"
  fi
}

native() {
  module=${MODULE:-$target/release/libqadmin.so} tool=$tree/qadmin
  for file in "$module" "${TOOL:-$target/release/qadmin}"; do
    [ -f "$file" ] || { echo "there is no $file: run make build tool"; exit 1; }
  done
  cp "${TOOL:-$target/release/qadmin}" "$tool"
  if command -v strip >/dev/null; then strip "$tool"; fi
  describe "$tool"
  archive "qadmin-$version-$(uname -m)-linux"
  deb "$(uname -m)"
}

release() {
  local triple each
  # This machine's processor is first: its program writes the man pages.
  for each in "$(uname -m)"-{glibc,musl} {x86_64,aarch64}-{glibc,musl}; do
    triple=${each%-*}-unknown-linux-$(sed 's/.*-glibc/gnu/; s/.*-musl/musl/' <<<"$each")
    module=$target/cross/module/$triple/release/libqadmin.so
    tool=$target/cross/tool/${each%-*}-unknown-linux-musl/release/qadmin
    if [ ! -f "$module" ] || [ ! -f "$tool" ] || [ -e "$dist/qadmin-$version-${each%-*}-linux-${each#*-}.tar.gz" ]; then continue; fi
    check "$each"
    archive "qadmin-$version-${each%-*}-linux-${each#*-}"
    if [[ $each = *-glibc ]]; then
      deb "${each%-*}"
      rpm "${each%-*}"
    fi
  done
  [ -d "$tree/share" ] || { echo "there is nothing to pack: run make dist"; exit 1; }
  "${PYTHON:-python3}" scripts/sbom.py >"$dist/qadmin-$version.cdx.json"
  # Programs and modules were checked; what the program wrote is checked here.
  if grep -rlF --include='*.1' --include='*qadmin*' --include='*.json' -- "$PWD" "$tree/share" "$dist/qadmin-$version.cdx.json"; then
    echo "these files name a folder of this machine"
    exit 1
  fi
}

case "$what" in
  release | native) "$what" ;;
  *) echo "unknown: $what"; exit 1 ;;
esac
(cd "$dist" && sha256sum qadmin* >SHA256SUMS)
(cd "$dist" && ls -l qadmin* | awk '{ print "'"${dist#"$PWD/"}"'/" $NF, $5, "bytes" }')
