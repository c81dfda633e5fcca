#!/usr/bin/env bash
# Builds the release a second time, from a copy of the sources in another folder and with its own copy of zig, and compares every
# package with those in target/dist. It takes as long as make dist.
#
#   TARGETS="x86_64-glibc" make dist dist-reproducible      with some targets only (scripts/cross.sh)
set -euo pipefail
cd "$(dirname "$0")/.."

dist=$(realpath -m "${DIST:-target/dist}")
[ -f "$dist/SHA256SUMS" ] || { echo "there is nothing to compare with: run make dist"; exit 1; }
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
copy=$work/another-folder
mkdir "$copy"
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents --target-directory "$copy"
CLIENT_VENV=$(realpath "${CLIENT_VENV:-target/client/venv}")
export CLIENT_VENV
unset CARGO_TARGET_DIR DIST
(cd "$copy" && scripts/cross.sh && scripts/dist.sh && scripts/wheel.sh)
if ! diff "$dist/SHA256SUMS" "$copy/target/dist/SHA256SUMS"; then
  echo "these files differ from build to build"
  exit 1
fi
echo "dist-reproducible: $(wc -l <"$dist/SHA256SUMS") files are the same again"
