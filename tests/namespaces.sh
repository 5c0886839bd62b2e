#!/usr/bin/env bash
# Two programs in two network namespaces, with default settings except for the listen address. The
# first call finds the node by mDNS, by the address in the network of both. Needs root and `ip`.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() {
  printf '\n!!! NOT CHECKED: two network namespaces: %s\n\n' "$1" >&2
  exit "${2:-0}"
}

command -v ip >/dev/null || skip 'there is no `ip` here (package iproute2)'
here=micro-a-$$
there=micro-b-$$
pids=()
cleanup() {
  for pid in ${pids[@]+"${pids[@]}"}; do kill "$pid" 2>/dev/null || true; done
  ip netns del "$here" 2>/dev/null || true
  ip netns del "$there" 2>/dev/null || true
  rm -rf "${scratch:-}"
}
trap cleanup EXIT
scratch=$(mktemp -d)

ip netns add "$here" 2>"$scratch/why" || skip "$(cat "$scratch/why")"
ip netns add "$there"
link() {
  ip -n "$1" link set lo up
  ip -n "$1" addr add "$2/24" dev "$3"
  ip -n "$1" link set "$3" up
  ip -n "$1" route add 224.0.0.0/4 dev "$3"
}
ip link add va$$ netns "$here" type veth peer name vb$$ netns "$there" 2>"$scratch/why" ||
  skip "$(cat "$scratch/why")"
link "$here" 10.213.7.1 va$$
link "$there" 10.213.7.2 vb$$
# The default route of the service's machine leads into another network, which the caller cannot
# reach. Multicast DNS has to tell the caller the address in their common network.
ip -n "$here" link add lan1 type veth peer name lan1-peer
ip -n "$here" addr add 172.31.7.1/24 dev lan1
ip -n "$here" link set lan1 up
ip -n "$here" link set lan1-peer up
ip -n "$here" route add default dev lan1

cargo build --locked -q -p micro-tests --bin found
found=${CARGO_TARGET_DIR:-target}/debug/found
name=namespaces-$$

# within NAMESPACE ROLE: starts the program there, with a separate directory for the host registry.
within() {
  local place=$scratch/$1
  mkdir -p "$place"
  env -u MICRO_REGISTRY XDG_RUNTIME_DIR="$place" MICRO_ADDRESS=0.0.0.0:0 \
    ip netns exec "$1" "$found" "$2" "$name" >"$scratch/$2" 2>&1 &
  pids+=($!)
}

# stamp FILE WORD: the time in the line that begins with a word; waits for it.
stamp() {
  for _ in $(seq 600); do
    if grep -q "^$2 " "$scratch/$1"; then awk -v w="$2" '$1 == w { print $2 }' "$scratch/$1"; return; fi
    sleep 0.05
  done
  echo "no line \`$2\` of $1 after 30 s:" >&2
  cat "$scratch"/serve "$scratch"/call >&2
  return 1
}

within "$here" serve
stamp serve up >/dev/null
within "$there" call
answered=$(stamp call answered)
up=$(printf '%s\n%s\n' "$(stamp serve up)" "$(stamp call up)" | sort -n | tail -n 1)
took=$(awk "BEGIN { printf \"%.3f\", ($answered - $up) / 1e6 }")
echo "first call between two network namespaces: $took s after both were up; promised 1.5"
awk "BEGIN { exit !($took < 10) }"
