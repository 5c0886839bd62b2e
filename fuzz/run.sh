#!/usr/bin/env bash
# Builds the fuzz targets and gives each a number of inputs.
#
#   bash fuzz/run.sh [INPUTS [TARGET …]]
#
# Needs a nightly Rust and a C++ compiler, not cargo-fuzz: the flags are those by which it makes
# libFuzzer see what code an input reaches, without a sanitizer, as there is no unsafe code to watch.
# What is learned stays in `fuzz/target/corpus/TARGET`, so a later run goes on from there. An input
# that breaks something is kept in `fuzz/target/artifacts/TARGET` and fails the run; give its path to
# the program that is named to see it again.
set -euo pipefail
cd "$(dirname "$0")"

inputs=${1:-20000}
shift || true
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  for file in fuzz_targets/*.rs; do targets+=("$(basename "$file" .rs)"); done
fi

host=$(rustc +nightly --version --verbose | sed -n 's/^host: //p')
flags=(
  -Cpasses=sancov-module
  -Cllvm-args=-sanitizer-coverage-level=4
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
  -Cllvm-args=-sanitizer-coverage-pc-table
  -Cllvm-args=-sanitizer-coverage-trace-compares
  --cfg fuzzing
)
# With a target named, programs that run while building are left as they are.
RUSTFLAGS="${flags[*]}" cargo +nightly build -q --target "$host" --target-dir target

failed=()
for target in "${targets[@]}"; do
  mkdir -p "target/corpus/$target" "target/artifacts/$target"
  program=target/$host/debug/$target
  begin=$SECONDS
  if "$program" -runs="$inputs" -seed=1 -max_len=600 -len_control=20 -timeout=20 \
    -rss_limit_mb=1024 -artifact_prefix="target/artifacts/$target/" "target/corpus/$target" \
    >"target/artifacts/$target.log" 2>&1; then
    done=$(sed -nE 's/^Done ([0-9]+) runs.*/\1/p' "target/artifacts/$target.log")
    printf 'fuzz %s: %s inputs in %d s\n' "$target" "$done" $((SECONDS - begin))
  else
    failed+=("$target")
    printf 'fuzz %s: FAILED; fuzz/%s on what is in fuzz/target/artifacts/%s says why\n' \
      "$target" "$program" "$target"
    tail -n 40 "target/artifacts/$target.log"
  fi
done
[ ${#failed[@]} -eq 0 ]
