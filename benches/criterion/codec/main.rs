//! Encoding and decoding of messages, compared with prost on the same types, and of JSON without a
//! comparison.
//!
//! Before measuring, both must produce the same bytes.

mod ours;
mod peer;

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use micro::codec::Message;

/// Memory limit of a decoded message, in bytes.
const MEMORY: usize = 4 << 20;

fn shape<O, P>(criterion: &mut Criterion, name: &str, ours: &O, peer: &P)
where
    O: Message,
    P: prost::Message + Default,
{
    let mut bytes = Vec::new();
    ours.encode(&mut bytes);
    assert_eq!(
        bytes,
        peer.encode_to_vec(),
        "{name} is not the same message"
    );
    let bytes = Bytes::from(bytes);

    let mut group = criterion.benchmark_group(format!("codec/{name}"));
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    let mut out = Vec::with_capacity(bytes.len());
    group.bench_function("encode/ours", |bencher| {
        bencher.iter(|| {
            out.clear();
            black_box(ours).encode(&mut out);
        });
    });
    group.bench_function("encode/prost", |bencher| {
        bencher.iter(|| {
            out.clear();
            black_box(peer).encode(&mut out).expect("a vector has room");
        });
    });
    group.bench_function("decode/ours", |bencher| {
        bencher.iter(|| O::decode(black_box(&bytes), MEMORY).expect("our own bytes"));
    });
    group.bench_function("decode/prost", |bencher| {
        bencher.iter(|| P::decode(black_box(&bytes).clone()).expect("the same bytes"));
    });
    let mut json = Vec::new();
    ours.encode_json(&mut json).expect("it has a JSON form");
    group.bench_function("encode/ours as JSON", |bencher| {
        bencher.iter(|| {
            out.clear();
            black_box(ours).encode_json(&mut out)
        });
    });
    group.bench_function("decode/ours as JSON", |bencher| {
        bencher.iter(|| O::decode_json(black_box(&json), MEMORY).expect("our own text"));
    });
    group.finish();
}

fn codec(criterion: &mut Criterion) {
    shape(criterion, "echo", &ours::echo(), &peer::echo());
    shape(criterion, "hello", &ours::hello(), &peer::hello());
    shape(criterion, "order", &ours::order(), &peer::order());
    shape(criterion, "numbers", &ours::numbers(), &peer::numbers());
}

criterion_group!(benches, codec);
criterion_main!(benches);
