#!/usr/bin/env bash
# The official conformance suite of Connect, gRPC and gRPC-Web against micro.
#
#   bash tests/conformance.sh server|client [OPTION OF connectconformance …]
#
# Needs Go to fetch the suite, unless CONNECTCONFORMANCE is the path of the program.
# `--trace --run 'PATTERN'` prints single cases in full.
set -euo pipefail
cd "$(dirname "$0")/.."

mode=$1
shift

suite=connectrpc.com/conformance/cmd/connectconformance@v1.0.7

if [ -z "${CONNECTCONFORMANCE:-}" ]; then
  tools=$(mktemp -d)
  trap 'rm -rf "$tools"' EXIT
  GOBIN=$tools go install "$suite"
  CONNECTCONFORMANCE=$tools/connectconformance
fi
cargo build --locked -q -p micro-tests --features gzip,zstd --bin conformance
program=$(cargo metadata --format-version 1 --no-deps | python3 -c \
  'import json, sys; print(json.load(sys.stdin)["target_directory"])')/debug/conformance

# A server compresses its responses with one method, so run the suite with each.
ways=(gzip)
[ "$mode" = client ] || ways=(gzip zstd)
for way in "${ways[@]}"; do
  "$CONNECTCONFORMANCE" --mode "$mode" --conf "tests/conformance/$mode.yaml" "$@" -- \
    "$program" "$mode" "$way"
done
