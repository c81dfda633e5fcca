#!/usr/bin/env bash
# Starts a throw-away server with the queue of the documentation's examples, and the web page. Ctrl-C ends both.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
# The playground ends when its input ends, so this script keeps the input open.
coproc PLAYGROUND { exec "$target/release/playground"; }
port=
while [ -z "$port" ] && read -r line <&"${PLAYGROUND[0]}"; do
  case "$line" in *"redis-cli -3 -p "*) port=${line##* } ;; esac
done
[ -n "$port" ] || { echo "the playground did not start"; exit 1; }
echo "A throw-away server on port $port, and the web page (Ctrl-C ends both):"
QADMIN_REDIS_URL="redis://127.0.0.1:$port" "$target/release/qadmin" serve --listen "${QADMIN_LISTEN:-127.0.0.1:8379}"
