#!/usr/bin/env bash
# What a clean debug build of a hello service costs: ours with default features beside hand-written
# tonic, in alternation. Each crate stands outside this workspace and takes us by path, yet compiled
# as cargo compiles a published crate: not for a next time.
#
#   bash benches/hello-build.sh [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${1:-3}
root=$PWD
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
unset RUSTFLAGS CARGO_TARGET_DIR
export CARGO_INCREMENTAL=0

crate() {
  mkdir -p "$scratch/$1/src"
  cp Cargo.lock "$scratch/$1/"
  cat >"$scratch/$1/src/main.rs"
}

crate ours <<'RUST'
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
cat >"$scratch/ours/Cargo.toml" <<TOML
[package]
name = "ours"
version = "0.1.0"
edition = "2024"

[dependencies]
micro = { path = "$root/micro" }
TOML

crate peer <<'RUST'
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
    let address = ([127, 0, 0, 1], 8080).into();
    tonic::transport::Server::builder().add_service(Greeter).serve(address).await
}
RUST
cat >"$scratch/peer/Cargo.toml" <<'TOML'
[package]
name = "peer"
version = "0.1.0"
edition = "2024"

[dependencies]
prost = "0.14"
tokio = { version = "1", features = ["rt-multi-thread", "macros"] }
tonic = "0.14"
tonic-prost = "0.14"
TOML

# crates NAME: how many packages a build compiles. seconds NAME: how long a clean one takes.
crates() {
  rm -rf "$scratch/$1/target"
  cargo build -q --manifest-path "$scratch/$1/Cargo.toml" --message-format json |
    grep -o '"reason":"compiler-artifact","package_id":"[^"]*"' | sort -u | wc -l
}
seconds() {
  rm -rf "$scratch/$1/target"
  local start end
  start=$(date +%s%N)
  cargo build -q --offline --manifest-path "$scratch/$1/Cargo.toml"
  end=$(date +%s%N)
  awk "BEGIN { printf \"%.1f\", ($end - $start) / 1e9 }"
}
median() { sort -n | awk '{ a[NR] = $1 } END { print (a[int((NR + 1) / 2)] + a[int(NR / 2) + 1]) / 2 }'; }

# The first build fetches what is missing, and is not timed.
printf 'crates: ours %s, tonic %s\n' "$(crates ours)" "$(crates peer)"
for round in $(seq "$rounds"); do
  if [ $((round % 2)) -eq 1 ]; then order='ours peer'; else order='peer ours'; fi
  for name in $order; do seconds "$name" >"$scratch/last"; cat "$scratch/last" >>"$scratch/$name.times"; echo >>"$scratch/$name.times"; done
  printf 'round %s: ours %s s, tonic %s s\n' "$round" \
    "$(tail -n 1 "$scratch/ours.times")" "$(tail -n 1 "$scratch/peer.times")"
done
ours=$(median <"$scratch/ours.times")
peer=$(median <"$scratch/peer.times")
printf 'median: ours %s s, tonic %s s, ratio %s\n' "$ours" "$peer" \
  "$(awk "BEGIN { printf \"%.2f\", $ours / $peer }")"
