#!/usr/bin/env bash
# Checks that services in other crates are collected with every collector and way of linking:
# {inventory, linkme} × {debug, release, fat LTO}. Run it from any directory: `bash tests/link.sh`.
set -euo pipefail
cd "$(dirname "$0")/fixtures/link"

target=${CARGO_TARGET_DIR:-$PWD/../../../target}/link
# The versions are those of the project. The lock file is created again in each run.
cp ../../../Cargo.lock Cargo.lock

# Only this process finds the nodes, independent of the caller's environment.
for name in $(compgen -e MICRO_ || true); do unset "$name"; done
export MICRO_REGISTRY=memory:// MICRO_LOG=warn MICRO_DEREGISTER_DELAY=0ms

expected='invoice for tea
Some(())
tea for the wrap'
failed=0

# check WHAT EXPECTED GOT: prints the difference.
check() {
  if [ "$2" = "$3" ]; then
    echo "ok: $1"
  else
    printf 'FAILED: %s\nexpected:\n%s\ngot:\n%s\n' "$1" "$2" "$3"
    failed=1
  fi
}

for collector in inventory linkme; do
  features=()
  [ "$collector" = linkme ] && features=(--features linkme)
  for profile in dev release fat; do
    cargo build -q -p link-program --profile "$profile" \
      --target-dir "$target" ${features[@]+"${features[@]}"}
    folder=$target/$profile
    [ "$profile" = dev ] && folder=$target/debug
    got=$(timeout 60 "$folder/link-program" 2>&1) || got="$got (exit code $?)"
    check "$collector, $profile: services of named crates answer" "$expected" "$got"
    code=0
    got=$(timeout 60 "$folder/forgotten" 2>&1) || code=$?
    says=no
    [[ $got == *'micro::run!(uses = '* ]] && says=yes
    check "$collector, $profile: a program that names none says so" '1 yes' "$code $says"
  done
done
exit "$failed"
