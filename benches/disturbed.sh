#!/usr/bin/env bash
# Runs the event counts (src/events) while the wall clock jumps by an hour, forward and back, and
# while the files of the host registry are deleted, every half second. No event may be lost.
#
#   bash benches/disturbed.sh [EVENTS] [MODE…]     modes: count kill broker broker-kill
#
# Needs libfaketime (Debian's package `faketime`). It changes only the wall clock of these programs,
# not the monotonic clock.
set -euo pipefail
cd "$(dirname "$0")/.."

events=${1:-1000000}
modes=("${@:2}")
[ ${#modes[@]} -gt 0 ] || modes=(count kill broker broker-kill)
library=$(find /usr/lib /usr/local/lib -name libfaketimeMT.so.1 2>/dev/null | head -1)
[ -n "$library" ] || { echo 'libfaketime is missing: apt-get install faketime' >&2; exit 1; }

cargo build --locked --release -q -p micro-benches --bin events
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# disturb PID: moves the clock and empties the registry while the process runs. The nodes have two
# seconds to register.
disturb() {
  local offset jumps=0 seen=0 emptied=0
  while kill -0 "$1" 2>/dev/null; do
    for offset in +3600 +0 -3600 +0; do
      echo "$offset" >"$scratch/new" && mv "$scratch/new" "$scratch/clock"
      jumps=$((jumps + 1))
      if [ "$(registrations "$1" | wc -l)" -gt 0 ]; then seen=$((seen + 1)); fi
      if [ "$seen" -gt 4 ]; then emptied=$((emptied + $(registrations "$1" -delete | wc -l))); fi
      sleep 0.5
    done
  done
  echo "disturbed by $jumps jumps of the clock and $emptied deleted registrations"
}

# registrations PID ACTION: files of the registry are named `<service>~<node>.json`.
registrations() {
  # The directory is created by the first node and removed at the end of the program.
  find "target/events-$1" -name '*~*.json' -print "${@:2}" 2>/dev/null || true
}

failed=0
for mode in "${modes[@]}"; do
  echo "+0" >"$scratch/clock"
  LD_PRELOAD=$library FAKETIME_TIMESTAMP_FILE=$scratch/clock FAKETIME_CACHE_DURATION=1 \
    FAKETIME_DONT_FAKE_MONOTONIC=1 DONT_FAKE_MONOTONIC=1 \
    target/release/events "$mode" "$events" &
  program=$!
  disturb "$program" &
  wait "$program" || { echo "FAILED: $mode"; failed=1; }
  wait
done
exit "$failed"
