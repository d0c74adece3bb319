#!/usr/bin/env bash
# usage: server.sh SERVER STATE_DIR
#
# Starts the program on free ports, asks it whether it is ready, and stops it.
set -euo pipefail
server=$1
rm -rf "$2"
coproc JAMMI {
  cd / && exec env -i JAMMI_ARTIFACT_DIR="$2" JAMMI_SERVER__FLIGHT_LISTEN=127.0.0.1:0 \
    JAMMI_SERVER__HEALTH_LISTEN=127.0.0.1:0 RUST_LOG=error "$server"
}
pid=$JAMMI_PID
trap 'kill -9 $pid 2>/dev/null || true' EXIT
read -r -t 60 line <&"${JAMMI[0]}"
"$server" --health "${line##*health=}"
kill -TERM "$pid"
wait "$pid"
