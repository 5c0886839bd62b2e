//! The path between the wire and a handler: finding the route, decoding, framing, encoding.

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use micro::Context;
use micro::codec::{Codec, Message};
use micro::handler::{
    Body, Call, FromCall, Method, Parts, Payload, Resources, Route, Router, ServiceInfo,
};

const MEMORY: usize = 4 << 20;

#[micro::message]
struct Echo {
    data: Vec<u8>,
}

struct Service;

/// Values that the app holds and a method takes as parameters.
struct Prices;
struct Stock;

fn router() -> Router {
    let resources = Resources::new();
    let held = [
        resources.insert::<Prices>(Prices),
        resources.insert::<Stock>(Stock),
    ];
    assert!(held.iter().all(Result::is_ok), "nothing is frozen yet");
    // The app's builder does the same.
    resources.freeze();
    let plain = Method::unary("Echo", |_: Arc<Service>, _: Context, echo: Echo| async {
        Ok(echo)
    });
    let injected = Method::unary_from_parts("Injected", |parts: Parts, echo: Echo| async move {
        black_box(<Arc<Prices>>::from_call(&parts)?);
        black_box(<Arc<Stock>>::from_call(&parts)?);
        Ok(echo)
    });
    let info = ServiceInfo::new("echo", "echo.Echo");
    let mut router = Router::new();
    for method in [plain, injected] {
        let route = Route::new(info, &method, Arc::new(Service), resources.clone());
        router.add(route).expect("each path once");
    }
    router
}

/// Serves one call as a server does: from request bytes, with a route and a context, to response
/// bytes.
async fn serve(router: &Router, path: &str, request: &Bytes, out: &mut Vec<u8>) {
    let route = router.get(path).expect("one of the two routes");
    let payload = Payload::Encoded {
        codec: Codec::Protobuf,
        bytes: request.clone(),
        memory: MEMORY,
    };
    let call = Call::new(
        Context::new(),
        Arc::clone(&route.method),
        Body::One(payload),
    );
    let reply = route.run(call).await.expect("the handler answers");
    let (_, body, _) = reply.into_parts();
    let answer = body.into_one().expect("one answer");
    out.clear();
    answer
        .write(Codec::Protobuf, out)
        .expect("protobuf has no limits");
}

fn dispatch(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime without I/O");
    let echo = Echo {
        data: vec![b'x'; 100],
    };
    let mut bytes = Vec::new();
    echo.encode(&mut bytes);
    let bytes = Bytes::from(bytes);
    let mut out = Vec::with_capacity(bytes.len());
    let router = router();

    let mut group = criterion.benchmark_group("dispatch");
    let paths = [
        ("unary", "/echo.Echo/Echo"),
        ("two injected parameters", "/echo.Echo/Injected"),
    ];
    for (name, path) in paths {
        group.bench_function(name, |bencher| {
            bencher.iter(|| runtime.block_on(serve(&router, path, black_box(&bytes), &mut out)));
        });
        assert_eq!(out, bytes, "the answer is not the request");
    }
    group.bench_function("only the runtime", |bencher| {
        bencher.iter(|| runtime.block_on(async { black_box(&bytes).len() }));
    });
    group.bench_function("only the codec", |bencher| {
        bencher.iter(|| {
            let echo = Echo::decode(black_box(&bytes), MEMORY).expect("our own bytes");
            out.clear();
            echo.encode(&mut out);
        });
    });
    group.finish();
}

criterion_group!(benches, dispatch);
criterion_main!(benches);
