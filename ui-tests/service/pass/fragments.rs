//! Keys, types, names and bodies that are fragments of a `macro_rules!` macro.

#![allow(dead_code)]

use micro::handler::Service;
use micro::prelude::*;

macro_rules! messages {
    ($name:ident $text:ident $topic:literal $package:literal $tag:literal $old:literal $ty:ty) => {
        #[micro::message(topic = $topic, package = $package, reserved(9, $old))]
        #[derive(Clone)]
        pub struct $name {
            #[micro(tag = $tag, name = $package, json = $package)]
            number: $ty,
        }

        #[micro::message(oneof)]
        enum $text {
            #[micro(tag = $tag)]
            Number($ty),
        }
    };
    (plain $vis:vis $name:ident $meta:meta $ty:ty) => {
        #[$meta]
        #[micro::message]
        $vis struct $name {
            $vis values: Option<$ty>,
        }
    };
    (item $item:item) => {
        #[micro::message]
        $item
    };
}

messages! { Event Choice "a.b" "shop" 3 "old" i32 }
messages! { plain pub(crate) Plain derive(Clone) Box<Inner> }
messages! { item #[derive(Clone)] struct Inner { value: i32 } }

macro_rules! functions {
    ($topic:literal $queue:literal $count:literal $time:literal $name:literal $event:ty, $other:literal) => {
        #[micro::subscribe($topic, queue = $queue, concurrency = $count, retries = $count,
            backoff = $time, dead_letter = $topic, timeout = $time)]
        async fn subscriber(_event: $event) {}

        #[micro::subscribe(stream = $name, group = $name, from = $other)]
        async fn durable(_event: $event) {}

        #[micro::every($time)]
        async fn periodic() {}

        #[micro::wrap(order = $count, on = $queue, service = $name, method = $name)]
        async fn around(call: Call, next: Next<'_>) -> Result<Response> {
            next.run(call).await
        }
    };
}

functions! { "a.b" "rpc" 3 "1s" "name" Event, "latest" }

macro_rules! service {
    (types $name:literal $init:path, $value:expr, $ty:ty) => {
        #[micro::service(name = $name, package = $name, version = $name, metadata(key = $name))]
        pub struct Served {
            #[micro(value = $value)]
            value: $ty,
        }

        #[micro::service(init = $init)]
        pub struct Made;
    };
    (methods $service:ty, $request:ty, $reply:ty, $name:literal $http:literal $time:literal $size:literal $body:block) => {
        #[micro::service]
        impl $service {
            #[micro::rpc(name = $name, timeout = $time, max_message_size = $size,
                http($http, body = "*"))]
            async fn first(&self, request: $request) -> $reply {
                let _ = self.value;
                Ok(request)
            }

            #[micro::rpc(http = [$http])]
            async fn second(&self, _request: $request) -> $reply $body
        }
    };
    (function $service:path, $name:ident, $request:ty, $reply:ty) => {
        #[micro::rpc(service = $service)]
        async fn $name(service: &$service, request: $request) -> $reply {
            let _ = service;
            Ok(request)
        }
    };
}

async fn make() -> Result<Made> {
    Ok(Made)
}

service! { types "name" make, 1 + 2, u64 }
service! {
    methods Served, Event, Result<Event>, "First" "POST /x" "1s" "1MiB" {
        Err(Error::internal("never called"))
    }
}
service! { function Served, third, Event, micro::Result<Event> }

macro_rules! init {
    ($name:ident $init:ident) => {
        #[micro::service(init = $init)]
        pub struct $name;
    };
}

async fn make_other() -> Result<Other> {
    Ok(Other)
}

init! { Other make_other }

fn main() {
    let methods: usize = Served::served().iter().map(|table| table.iter().count()).sum();
    assert_eq!(methods, 3);
}

macro_rules! injected {
    ($name:ident $ty:ty, $client:ident) => {
        #[micro::service]
        pub struct $name {
            made: $ty,
            client: $client,
        }
    };
}

injected! { Injected OtherClient, MadeClient }
