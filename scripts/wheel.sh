#!/usr/bin/env bash
# Builds the wheel and the source archive of the Python client into target/dist, or into the folder DIST. CLIENT_VENV is
# an environment with build and setuptools (`make client-venv`). The checksums of `make dist`, if there are some, get theirs.
set -euo pipefail
cd "$(dirname "$0")/.."

dist=$(realpath -m "${DIST:-target/dist}")
venv=$(realpath "${CLIENT_VENV:-target/client/venv}")
# setuptools writes beside the sources, so it gets a copy of them.
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
cp -R clients/python/. "$tree"
find "$tree" -name '*.egg-info' -prune -exec rm -rf {} +
# The same sources produce the same bytes.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH
mkdir -p "$dist" "$tree/out"
"$venv/bin/python" -m build --no-isolation --outdir "$tree/out" "$tree" >"$tree/log" 2>&1 || { cat "$tree/log"; exit 1; }
# setuptools writes the time of the build into the archive.
archive=$(basename "$tree"/out/*.tar.gz)
tar -C "$tree/out" -xzf "$tree/out/$archive"
tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
  -C "$tree/out" -cf - "${archive%.tar.gz}" | gzip -n9 >"$dist/$archive"
cp "$tree"/out/*.whl "$dist"
if [ -f "$dist/SHA256SUMS" ]; then (cd "$dist" && sha256sum qadmin* >SHA256SUMS); fi
