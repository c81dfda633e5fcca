#!/usr/bin/env bash
# Runs part of the suite with every server under valgrind's memcheck, and fails if memcheck reports an error.
#
#   scripts/valgrind.sh                         runs the tests named below
#   scripts/valgrind.sh tiers:: hostile::       runs these tests
#
# What memcheck sees: the module allocates with the server's allocator, and Debian's server takes that from
# libjemalloc.so. memcheck replaces it with its own allocator (--soname-synonyms), so it checks each block of both the
# module's heap and the server's, such as a string of the server that the module keeps too long. This works only if
# jemalloc is a library of its own, or if the server uses the C library's malloc.
#
# Logs: target/valgrind/*.log, one for each server.
set -euo pipefail
cd "$(dirname "$0")/.."

# Tests that reach every callback of the module; the others repeat it with more messages or other arguments.
TESTS=(smoke:: model:: tiers:: joins:: hostile:: errors:: callers:: clients:: access:: durability::aof)
# These depend on the clock: on a job that ends before the next command arrives, on a count within inline-wait, or on a
# sample that is found within four slices.
SKIPPED=(--skip each_role_can_do_only_what_its_rules_permit --skip fifty_equal_previews_cost_one_scan
  --skip arbitrary_bytes_are_distinct_messages --skip a_replica_shows_and_counts
  --skip nocount_answers_depth_and_sample_alone)
[ $# -eq 0 ] || TESTS=("$@")

if ! command -v valgrind >/dev/null; then
  root=()
  [ "$(id -u)" = 0 ] || root=(sudo)
  if command -v apt-get >/dev/null; then
    "${root[@]}" apt-get update -qq </dev/null
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends valgrind </dev/null
  else
    echo "missing: valgrind 3.19 or newer"
    exit 1
  fi
fi

here=$PWD
server=${QADMIN_SERVER:-$(command -v redis-server || echo "$here/target/bin/redis-server")}
logs=$here/target/valgrind
rm -rf "$logs"
mkdir -p "$logs"
# Under valgrind one thread runs at a time; the fair scheduler gives the server's other threads their turn.
cat >"$logs/server" <<SCRIPT
#!/bin/sh
exec valgrind --log-file='$logs/%p.log' '--soname-synonyms=somalloc=*jemalloc*' --leak-check=full \\
  --show-leak-kinds=definite --errors-for-leak-kinds=definite --num-callers=40 --keep-debuginfo=yes \\
  --fair-sched=try --child-silent-after-fork=yes --suppressions='$here/scripts/valgrind.supp' '$server' "\$@"
SCRIPT
chmod +x "$logs/server"

failed=0
# Everything takes thirty times as long, so the run uses few seeds and two tests at a time.
QADMIN_SERVER="$logs/server" QADMIN_ORDERLY_END=1 QADMIN_SLOWDOWN=30 QADMIN_MODEL_RUNS="${QADMIN_MODEL_RUNS:-3}" \
  "${CARGO:-cargo}" test --package qadmin-tests --test suite -- --test-threads 2 "${SKIPPED[@]}" "${TESTS[@]}" || failed=1

servers=$(find "$logs" -name '*.log' | wc -l)
ended=$(grep -l 'ERROR SUMMARY' "$logs"/*.log | wc -l)
# Prints the first lines of errors, also of servers that a test killed before they could print a summary.
signs='Invalid (read|write|free)|uninitialised|Mismatched free|overlap in|definitely lost in|terminating with default'
bad=$(grep -lE "^==[0-9]+== .*($signs)" "$logs"/*.log || true)
echo "$servers servers ran under memcheck, $ended of them ended in an orderly way"
if [ -n "$bad" ] || [ "$ended" = 0 ]; then
  for log in $bad; do
    echo "--- $log"
    grep -E -A 30 "^==[0-9]+== .*($signs)" "$log" | head -120
  done
  failed=1
fi
[ "$failed" = 0 ] && echo "memcheck reported no errors"
exit "$failed"
