#!/usr/bin/env bash
# Tests upgrades from an earlier version, with running servers: builds the module of an earlier commit, and runs the tests in
# tests/suite/durability/upgrade.rs with this machine's server and with the newest Valkey that scripts/servers.sh gets.
#
#   EARLIER=v0.1.0 scripts/test-upgrade.sh    default: the commit that wrote the heading of the latest release in CHANGELOG.md
set -euo pipefail
cd "$(dirname "$0")/.."

cargo=${CARGO:-cargo}
release=$(sed -n 's/^## \[\([0-9][0-9.]*\)\].*/\1/p' CHANGELOG.md | head -1)
earlier=${EARLIER:-$(git log --reverse --format=%H -S"## [$release]" -- CHANGELOG.md | head -1)}
[ -n "$earlier" ] || { echo "there is no earlier version: this needs the history of the repository, or EARLIER=commit"; exit 1; }
commit=$(git rev-parse --verify --quiet "$earlier^{commit}") ||
  { echo "$earlier is not in this repository: fetch its history, or name a commit with EARLIER"; exit 1; }

folder=$PWD/target/earlier
module=$folder/$commit.so
if [ ! -f "$module" ]; then
  rm -rf "$folder/source"
  mkdir -p "$folder/source"
  git archive "$commit" | tar -x -C "$folder/source"
  # The whole-program optimization changes nothing that is tested here.
  (cd "$folder/source" && CARGO_TARGET_DIR=$folder/build CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
    "$cargo" build --quiet --release --package qadmin)
  cp "$folder/build/release/libqadmin.so" "$module"
fi

scripts/test-servers.sh get
for server in "" "$PWD/target/servers/sid-valkey/run"; do
  if [ -n "$server" ] && [ ! -x "$server" ]; then
    echo "skipped: Valkey, because $server is not there"
    continue
  fi
  echo "== from ${commit:0:7} on ${server:-the server of this machine}"
  env ${server:+"QADMIN_SERVER=$server"} QADMIN_EARLIER_MODULE="$module" \
    "$cargo" test --quiet --package qadmin-tests --test suite -- --ignored upgrade::
done
