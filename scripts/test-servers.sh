#!/usr/bin/env bash
# Runs the suite on other servers than the system's (see servers.sh).
#
#   scripts/test-servers.sh get    gets the others and runs nothing
#   scripts/test-servers.sh        what matters most, on each of the others
#   scripts/test-servers.sh all    everything, on each of them and on the system's own, and on the system's own
#                                  with one unusual setting after the other
#
# A server that cannot be had, and a setting that a server does not know, is told in one line and fails nothing. Where
# QADMIN_REQUIRE names `servers`, all of them have to be there.
set -euo pipefail
cd "$(dirname "$0")/.."

# That it loads, that a unit is whole, that crashes and replicas cost nothing, who may do what.
MOST="smoke:: durability::units durability::kill durability::replica access::categories"
# One per run. None makes a test's own expectation another one.
VARIANTS=("io-threads 4" "activedefrag yes" "list-compress-depth 1" "maxmemory 4gb; maxmemory-policy allkeys-lru"
  "appendonly yes; appendfsync always")

cargo=${CARGO:-cargo}
what=${1:-}
failed=0
QADMIN_REQUIRE=${QADMIN_REQUIRE:-}

# Says what is missing; that is the end where it is required.
missing() {
  case ",${QADMIN_REQUIRE// /}," in
    *,servers,*)
      echo "QADMIN_REQUIRE names servers, and $*"
      exit 1
      ;;
  esac
  echo "skipped: $*"
}

# The other servers that run here -> servers
find_others() {
  local log each
  log=$(timeout 600 scripts/servers.sh 2>&1 </dev/null) ||
    missing "other servers than those that are here already cannot be had ($(tail -1 <<<"$log"))"
  for each in target/servers/*/run; do
    if [ ! -x "$each" ]; then continue; fi
    if "$each" --version >/dev/null 2>&1; then servers+=("$PWD/$each"); else missing "$each does not start here"; fi
  done
}

# $1: server program (empty: the system's), $2: lines for its configuration; the rest: names of tests
suite() {
  local server=$1 lines=$2
  shift 2
  echo "== ${server:+$("$server" --version | head -1)}${server:-the server of this machine}${lines:+ with: $lines}"
  env ${server:+"QADMIN_SERVER=$server"} "QADMIN_SERVER_CONFIG=$lines" \
    "$cargo" test --quiet --package qadmin-tests --test suite -- --test-threads="${TEST_THREADS:-6}" "$@" || failed=1
}

# $1: lines for the configuration -> whether the system's server starts with them
knows() {
  QADMIN_SERVER_CONFIG=$1 "$cargo" test --quiet --package qadmin-tests --test suite -- \
    --exact smoke::the_server_knows_the_commands >/dev/null 2>&1
}

servers=()
find_others
if [ "$what" = get ]; then
  exit 0
elif [ "$what" = all ]; then
  suite "" ""
  for server in ${servers[@]+"${servers[@]}"}; do suite "$server" ""; done
  for lines in "${VARIANTS[@]}"; do
    if knows "$lines"; then suite "" "$lines"; else echo "skipped: this server does not start with: $lines"; fi
  done
else
  for server in ${servers[@]+"${servers[@]}"}; do suite "$server" "" $MOST; done
fi
# The last line says what the whole run was worth.
printf 'tested on %s other servers:%s\n' "${#servers[@]}" \
  "$(for server in ${servers[@]+"${servers[@]}"}; do printf ' %s' "$(basename "$(dirname "$server")")"; done)"
exit $failed
