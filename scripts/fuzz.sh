#!/usr/bin/env bash
# Runs each fuzz target for FUZZ_SECONDS, two at a time, and fails on a finding. Inputs that the
# runs find useful are kept in target/fuzz/corpus; fuzz/corpus contains the seeds only.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-120}
tools=$PWD/target/tools
found=$PWD/target/fuzz
# cargo-fuzz needs flags that stable compilers accept only with this variable.
export RUSTC_BOOTSTRAP=1 PATH=$tools/bin:$PATH
if ! command -v "${CXX:-c++}" >/dev/null; then
  echo "make fuzz: a C++ compiler is missing, which libFuzzer needs (Debian: apt-get install g++): nothing was fuzzed"
  exit 1
fi
command -v cargo-fuzz >/dev/null || cargo install --quiet --locked --root "$tools" --version 0.13.2 cargo-fuzz || {
  echo "make fuzz: cargo-fuzz 0.13.2 could not be installed (see above): nothing was fuzzed"
  exit 1
}
fuzz() { cargo fuzz "$1" --fuzz-dir fuzz --target-dir "$found/build" "${@:2}"; }
fuzz build || {
  echo "make fuzz: the fuzz targets do not build with this compiler (see above): nothing was fuzzed"
  exit 1
}

run() {
  local target=$1
  mkdir -p "$found/corpus/$target" "$found/artifacts"
  if fuzz run "$target" "$found/corpus/$target" "fuzz/corpus/$target" -- -max_total_time="$seconds" \
    -max_len=4096 -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 \
    -artifact_prefix="$found/artifacts/$target-" >"$found/$target.log" 2>&1; then
    echo "fuzz $target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$found/$target.log") inputs, no finding"
  else
    tail -n 40 "$found/$target.log"
    echo "fuzz $target: a finding, see $found/artifacts and $found/$target.log"
    return 1
  fi
}

failed=0
for pair in "envelope filter" "command_line internal_command" "pickle php"; do
  pids=()
  for target in $pair; do
    run "$target" &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
done
exit "$failed"
