#!/usr/bin/env bash
# Runs the suite on other servers than the system's (see servers.sh).
#
#   scripts/test-servers.sh get    installs the others and runs nothing
#   scripts/test-servers.sh        runs the most important tests on each of the others
#   scripts/test-servers.sh all    runs all tests on each of them and on the system's own, and on the latter also
#                                  the tests of queues that change, with one unusual configuration after the other
#
# A server that is not available, and a setting that a server does not know, is reported in one line and fails nothing.
# If QADMIN_REQUIRE contains `servers`, all of them are required. What each run came to is a line of target/matrix.tsv: server,
# configuration, passed and failed tests. scripts/matrix.py writes these lines into docs/testing.md.
set -euo pipefail
cd "$(dirname "$0")/.."

# Loading, whole units, crashes, replicas and permissions.
MOST="smoke:: durability::units durability::kill durability::replica access::acl_categories"
# What a configuration of the server can change: queues under traffic, units, crashes, replicas, indexes. The other tests ask for replies.
CHANGING="smoke:: model:: live:: durability:: moves:: undo:: unacked:: sorted_sets:: id_sets:: index:: faults::"
# One configuration for each run. None of them changes what a test expects.
VARIANTS=("io-threads 4" "activedefrag yes" "list-compress-depth 1" "maxmemory 4gb; maxmemory-policy allkeys-lru"
  "appendonly yes; appendfsync always")

cargo=${CARGO:-cargo}
what=${1:-}
failed=0
QADMIN_REQUIRE=${QADMIN_REQUIRE:-}

# Reports what is missing, and fails if it is required.
missing() {
  case ",${QADMIN_REQUIRE// /}," in
    *,servers,*)
      echo "QADMIN_REQUIRE names servers, and $*"
      exit 1
      ;;
  esac
  echo "skipped: $*"
}

# Sets `servers` to the other servers that run here. $1: `few` leaves out those that only a run of everything uses
find_others() {
  local log each
  log=$(timeout 600 scripts/servers.sh "$1" 2>&1 </dev/null) ||
    missing "other servers than those that are here already: $(tail -1 <<<"$log")"
  for each in target/servers/*/run; do
    if [ ! -x "$each" ]; then continue; fi
    if [ "$1" = few ] && [[ $each != */trixie-* && $each != */sid-* ]]; then continue; fi
    if "$each" --version >/dev/null 2>&1; then servers+=("$PWD/$each"); else missing "$each does not start here"; fi
  done
}

# Runs tests. $1: server program (empty: the system's), $2: lines for its configuration; the rest: names of tests
suite() {
  local server=$1 lines=$2 log=target/suite.log
  shift 2
  echo "== ${server:+$("$server" --version | head -1)}${server:-the server of this machine}${lines:+ with: $lines}"
  env ${server:+"QADMIN_SERVER=$server"} "QADMIN_SERVER_CONFIG=$lines" \
    "$cargo" test --quiet --package qadmin-tests --test suite -- --test-threads="${TEST_THREADS:-8}" "$@" 2>&1 |
    tee "$log" || failed=1
  if [ "$what" = all ]; then
    printf '%s\t%s\t%s\n' "$(version_of "$server")" "$lines" \
      "$(sed -n 's/^test result: [^.]*\. \([0-9]*\) passed; \([0-9]*\) failed.*/\1\t\2/p' "$log")" >>target/matrix.tsv
  fi
}

# Prints the name, the version and the memory allocator of a server. $1: its program (empty: the system's)
version_of() {
  local server=$1 each
  # As harness/src/server.rs looks for it.
  for each in "$server" "${QADMIN_SERVER:-}" redis-server target/bin/redis-server valkey-server; do
    if [ -n "$each" ] && command -v "$each" >/dev/null; then break; fi
  done
  "$each" --version | sed -n 's/^\(Redis\|Valkey\) server v=\([^ ]*\).* malloc=\([a-z]*\).*/\1 \2\t\3/p'
}

# Whether the system's server starts with the configuration $1.
knows() {
  QADMIN_SERVER_CONFIG=$1 "$cargo" test --quiet --package qadmin-tests --test suite -- \
    --exact smoke::the_server_knows_the_commands >/dev/null 2>&1
}

servers=()
if [ "$what" = all ]; then find_others all; else find_others few; fi
if [ "$what" = get ]; then
  exit 0
elif [ "$what" = all ]; then
  mkdir -p target
  : >target/matrix.tsv
  suite "" ""
  for server in ${servers[@]+"${servers[@]}"}; do suite "$server" ""; done
  for lines in "${VARIANTS[@]}"; do
    if knows "$lines"; then suite "" "$lines" $CHANGING; else echo "skipped: this server does not start with: $lines"; fi
  done
else
  for server in ${servers[@]+"${servers[@]}"}; do suite "$server" "" $MOST; done
fi
# The last line says which servers and configurations were tested.
printf 'tested on %s other servers:%s\n' "${#servers[@]}" \
  "$(for server in ${servers[@]+"${servers[@]}"}; do printf ' %s' "$(basename "$(dirname "$server")")"; done)"
exit $failed
