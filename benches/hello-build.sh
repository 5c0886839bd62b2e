#!/usr/bin/env bash
# Measures clean debug builds of a hello program, micro compared with hand-written tonic, alternating:
# a service with default features, a service with only gRPC and Connect compared with tonic's server
# only, and a program that only calls. Each crate is outside this workspace and depends on micro by
# path, but micro is compiled like a published crate, without incremental compilation.
#
#   bash benches/hello-build.sh [ROUNDS] [PAIR…]     pairs: service lean caller program
#
# `program` only runs when it is named. It measures the built service: CPU seconds of another debug
# build after main.rs was touched, the size of the debug binary and of the stripped release binary,
# and the resident memory of the latter without calls.
#
# CPU seconds are those of all processes of a build, user and system. On an idle machine, wall seconds
# are the time that a developer waits.
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${1:-1}
pairs=("${@:2}")
[ ${#pairs[@]} -gt 0 ] || pairs=(service lean caller)
root=$PWD
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
unset RUSTFLAGS CARGO_TARGET_DIR
export CARGO_INCREMENTAL=0

# crate NAME DEPENDENCIES: creates a crate with the given main.rs and lines of Cargo.toml.
crate() {
  mkdir -p "$scratch/$1/src"
  cp Cargo.lock "$scratch/$1/"
  cat >"$scratch/$1/src/main.rs"
  printf '[package]\nname = "%s"\nversion = "0.1.0"\nedition = "2024"\n\n[dependencies]\n%s\n' \
    "$1" "$2" >"$scratch/$1/Cargo.toml"
}
# ours FEATURES, peer FEATURES: print the dependencies. Without arguments, the default features.
ours() {
  printf 'micro = { path = "%s/micro"%s }\n' "$root" "$(only "$1")"
}
peer() {
  printf 'prost = "0.14"\ntonic-prost = "0.14"\n'
  printf 'tokio = { version = "1", features = ["rt-multi-thread", "macros"] }\n'
  printf 'tonic = { version = "0.14"%s }\n' "$(only "$1")"
}
only() { [ -z "$1" ] || printf ', default-features = false, features = [%s]' "$1"; }

service=$(cat <<'RUST'
use micro::prelude::*;

#[micro::message]
struct HelloRequest {
    name: String,
}

#[micro::message]
struct HelloReply {
    greeting: String,
}

#[micro::service]
struct Greeter;

#[micro::service]
impl Greeter {
    #[micro::rpc]
    async fn hello(&self, request: HelloRequest) -> Result<HelloReply> {
        Ok(HelloReply { greeting: format!("Hello {}", request.name) })
    }
}

fn main() {
    micro::run!()
}
RUST
)
crate service-ours "$(ours '')" <<<"$service"
crate lean-ours "$(ours '"server", "host"')" <<<"$service"

crate caller-ours "$(ours '"client", "host", "mdns"')
tokio = { version = \"1\", features = [\"rt-multi-thread\", \"macros\"] }" <<'RUST'
use micro::prelude::*;

#[micro::message]
struct HelloRequest {
    name: String,
}

#[micro::message]
struct HelloReply {
    greeting: String,
}

#[micro::service(package = "greeter")]
trait Greeter {
    #[micro::rpc]
    async fn hello(&self, request: HelloRequest) -> Result<HelloReply>;
}

#[tokio::main]
async fn main() -> Result<()> {
    let greeter = GreeterClient::connect().await?;
    let reply = greeter.hello(HelloRequest { name: "Ada".into() }).await?;
    println!("{}", reply.greeting);
    Ok(())
}
RUST

service=$(cat <<'RUST'
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic_prost::ProstCodec;

#[derive(Clone, PartialEq, prost::Message)]
struct HelloRequest {
    #[prost(string, tag = "1")]
    name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct HelloReply {
    #[prost(string, tag = "1")]
    greeting: String,
}

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

struct Hello;

impl UnaryService<HelloRequest> for Hello {
    type Response = HelloReply;
    type Future = BoxFuture<Result<tonic::Response<HelloReply>, tonic::Status>>;

    fn call(&mut self, request: tonic::Request<HelloRequest>) -> Self::Future {
        Box::pin(async move {
            let greeting = format!("Hello {}", request.into_inner().name);
            Ok(tonic::Response::new(HelloReply { greeting }))
        })
    }
}

#[derive(Clone)]
struct Greeter;

impl NamedService for Greeter {
    const NAME: &'static str = "greeter.Greeter";
}

impl Service<http::Request<Body>> for Greeter {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            match request.uri().path() {
                "/greeter.Greeter/Hello" => {
                    Ok(Grpc::new(ProstCodec::default()).unary(Hello, request).await)
                }
                _ => Ok(tonic::Status::unimplemented("no such method").into_http()),
            }
        })
    }
}

#[tokio::main]
async fn main() -> Result<(), tonic::transport::Error> {
    let address = ([127, 0, 0, 1], 0).into();
    tonic::transport::Server::builder().add_service(Greeter).serve(address).await
}
RUST
)
crate service-tonic "$(peer '')" <<<"$service"
crate lean-tonic "$(peer '"codegen", "router", "server"')" <<<"$service"

crate caller-tonic "$(peer '"channel", "codegen"')" <<'RUST'
use std::error::Error;

use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Endpoint;
use tonic_prost::ProstCodec;

#[derive(Clone, PartialEq, prost::Message)]
struct HelloRequest {
    #[prost(string, tag = "1")]
    name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct HelloReply {
    #[prost(string, tag = "1")]
    greeting: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let channel = Endpoint::from_static("http://127.0.0.1:8080").connect().await?;
    let mut client = Grpc::new(channel);
    client.ready().await?;
    let path = PathAndQuery::from_static("/greeter.Greeter/Hello");
    let request = tonic::Request::new(HelloRequest { name: "Ada".into() });
    let codec = ProstCodec::<HelloRequest, HelloReply>::default();
    let reply: tonic::Response<HelloReply> = client.unary(request, path, codec).await?;
    println!("{}", reply.into_inner().greeting);
    Ok(())
}
RUST

# build NAME: makes a clean build; appends CPU and wall seconds to NAME.times, and writes the number
# of compiled packages to NAME.crates.
build() {
  local manifest=$scratch/$1/Cargo.toml TIMEFORMAT='%U %S %R'
  rm -rf "$scratch/$1/target"
  { time cargo build -q --offline --manifest-path "$manifest" --message-format json \
    >"$scratch/$1.json" 2>"$scratch/log"; } 2>"$scratch/time" || { cat "$scratch/log"; return 1; }
  awk '{ printf "%.1f %.1f\n", $1 + $2, $3 }' "$scratch/time" >>"$scratch/$1.times"
  grep -o '"reason":"compiler-artifact","package_id":"[^"]*"' "$scratch/$1.json" | sort -u |
    wc -l >"$scratch/$1.crates"
  rm -rf "$scratch/$1/target"
}
# rebuild NAME: appends CPU seconds of a build after main.rs was touched to NAME.rebuilds.
rebuild() {
  local TIMEFORMAT='%U %S'
  touch "$scratch/$1/src/main.rs"
  { time cargo build -q --offline --manifest-path "$scratch/$1/Cargo.toml" \
    2>"$scratch/log"; } 2>"$scratch/time" || { cat "$scratch/log"; return 1; }
  awk '{ printf "%.2f\n", $1 + $2 }' "$scratch/time" >>"$scratch/$1.rebuilds"
}
# resident PROGRAM: appends the resident memory of the idle program in KiB to PROGRAM.resident, once
# it has been constant for two seconds. The program listens on any free port of loopback.
resident() {
  local pid before=0 now=1 same=0
  MICRO_ADDRESS=127.0.0.1:0 HOME=$scratch XDG_RUNTIME_DIR=$scratch "$scratch/$1" \
    >"$scratch/log" 2>&1 &
  pid=$!
  for _ in $(seq 60); do
    sleep 0.5
    now=$(awk '/^VmRSS:/ { print $2 }' "/proc/$pid/status") || { cat "$scratch/log"; return 1; }
    if [ "$now" = "$before" ]; then same=$((same + 1)); else same=0; fi
    before=$now
    [ $same -lt 4 ] || break
  done
  kill "$pid"
  wait "$pid" || true # It ends by the signal.
  echo "$now" >>"$scratch/$1.resident"
}
# programs: builds, measures and prints the four numbers of `program`.
programs() {
  local name side
  for side in ours tonic; do
    name=service-$side
    cargo build -q --offline --manifest-path "$scratch/$name/Cargo.toml"
    stat -c %s "$scratch/$name/target/debug/$name" >"$scratch/$name.debug"
  done
  for _ in $(seq "$rounds"); do for side in ours tonic; do rebuild "service-$side"; done; done
  for side in ours tonic; do
    name=service-$side
    rm -rf "$scratch/$name/target"
    cargo build -q --offline --release --config profile.release.strip=true \
      --manifest-path "$scratch/$name/Cargo.toml"
    cp "$scratch/$name/target/release/$name" "$scratch/program-$side"
    rm -rf "$scratch/$name/target"
    stat -c %s "$scratch/program-$side" >"$scratch/$name.release"
  done
  for _ in $(seq "$rounds"); do for side in ours tonic; do resident "program-$side"; done; done
  compare 'rebuild after touching main.rs, s CPU' 1 service-{ours,tonic}.rebuilds
  compare 'debug binary, MB' 1e6 service-{ours,tonic}.debug
  compare 'stripped release binary, MB' 1e6 service-{ours,tonic}.release
  compare 'resident memory at rest, MiB' 1024 program-{ours,tonic}.resident
}
# compare WHAT UNIT OURS TONIC: prints the medians of two files, in this unit, and their ratio.
compare() {
  local ours peer
  ours=$(middle "$scratch/$3") peer=$(middle "$scratch/$4")
  awk "BEGIN { printf \"median: %s: ours %.2f, tonic %.2f; ratio %.2f\\n\", \
    \"$1\", $ours / $2, $peer / $2, $ours / $peer }"
}
# middle FILE: prints the median of numbers, one per line.
middle() {
  sort -n "$1" | awk '{ a[NR] = $1 } END { print (a[int((NR + 1) / 2)] + a[int(NR / 2) + 1]) / 2 }'
}
# median NAME COLUMN
median() {
  cut -d ' ' -f "$2" "$scratch/$1.times" >"$scratch/column"
  middle "$scratch/column"
}

# `program` is not a pair of clean builds.
builds=() program=
for pair in "${pairs[@]}"; do
  if [ "$pair" = program ]; then program=service; else builds+=("$pair"); fi
done
pairs=("${builds[@]}")

# Fetch missing packages before the measurement.
for pair in ${program:-} "${pairs[@]}"; do
  for side in ours tonic; do cargo fetch -q --manifest-path "$scratch/$pair-$side/Cargo.toml"; done
done
for round in $(seq "$rounds"); do
  if [ $((round % 2)) -eq 1 ]; then sides='ours tonic'; else sides='tonic ours'; fi
  for pair in "${pairs[@]}"; do
    for side in $sides; do
      build "$pair-$side"
      read -r cpu wall < <(tail -n 1 "$scratch/$pair-$side.times")
      printf 'round %s: %-7s %-5s %6s s CPU %6s s wall\n' "$round" "$pair" "$side" "$cpu" "$wall"
    done
  done
done
for pair in "${pairs[@]}"; do
  ours=$(median "$pair-ours" 1) peer=$(median "$pair-tonic" 1)
  printf 'median: %-7s ours %s s CPU, %s s wall, %s crates; tonic %s s CPU, %s s wall, %s crates; %s\n' \
    "$pair" "$ours" "$(median "$pair-ours" 2)" "$(cat "$scratch/$pair-ours.crates")" \
    "$peer" "$(median "$pair-tonic" 2)" "$(cat "$scratch/$pair-tonic.crates")" \
    "CPU ratio $(awk "BEGIN { printf \"%.2f\", $ours / $peer }")"
done
if [ -n "$program" ]; then programs; fi
