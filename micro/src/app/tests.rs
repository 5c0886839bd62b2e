//! Tests of building, starting and stopping an app.

use std::any::TypeId;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::app::builder::Source;
use crate::context::Context;
use crate::error::{Error, ErrorKind, OrError, Result};
use crate::events::Events;
use crate::handler::{
    Call, HttpRule, Instance, LinkedService, Location, Method, MethodInfo, Response, Served,
    Service, ServiceInfo,
};
use crate::registry::{Memory, Registry};
use crate::wrap::{Next, On, ScopedWrap, Wrap};
use micro_registry::internal::listens_on_all;

struct Ping;

impl Service for Ping {
    fn served() -> Vec<Served> {
        let info = ServiceInfo::new("ping", "ping.Ping");
        vec![Served::new(info).method(Method::unary(
            "Ping",
            |_: Arc<Self>, _: Context, (): ()| async { Ok(()) },
        ))]
    }
}

/// Two methods with the same HTTP path.
struct Twins;

impl Service for Twins {
    fn served() -> Vec<Served> {
        const A: &[HttpRule] = &[HttpRule::new("GET", "/v1/ping")];
        const B: &[HttpRule] = &[HttpRule::new("GET", "/v1/%70ing")];
        let one = |name, rules, line| {
            let serve = |_: Arc<Self>, _: Context, (): ()| async { Ok(()) };
            let method = Method::unary(name, serve).http(rules);
            method.location(Location::new("twins.rs", line))
        };
        let info = ServiceInfo::new("twins", "twins.Twins");
        vec![
            Served::new(info)
                .method(one("A", A, 3))
                .method(one("B", B, 7)),
        ]
    }
}

/// The same path as `Ping`, in another type.
struct Pong;

impl Service for Pong {
    fn served() -> Vec<Served> {
        Ping::served()
    }
}

/// A service `Health` of a package. Its response names the package.
struct Health<const SHOP: bool>;

impl<const SHOP: bool> Service for Health<SHOP> {
    fn served() -> Vec<Served> {
        let wire = if SHOP { "shop.Health" } else { "pay.Health" };
        let check = Method::unary("Check", |_: Arc<Self>, ctx: Context, (): ()| async move {
            ctx.set_response_metadata("who", if SHOP { "shop" } else { "pay" })
        });
        vec![Served::new(ServiceInfo::new("health", wire)).method(check)]
    }
}

struct Mute;

impl Service for Mute {
    fn served() -> Vec<Served> {
        Vec::new()
    }
}

struct Through;

impl Wrap for Through {
    async fn wrap<'a>(&'a self, call: Call, next: Next<'a>) -> Result<Response> {
        next.run(call).await
    }
}

fn builder() -> Builder {
    App::builder().registry(Registry::new(Memory::new()))
}

#[tokio::test]
async fn all_problems_are_reported_at_once() {
    let mut stray = ScopedWrap::new("stray", Through);
    stray.service = Some("pin");
    let mut lost = ScopedWrap::new("lost", Through);
    lost.method = Some("Pinng");
    let built = builder()
        .service(Ping)
        .service(Pong)
        .service(Mute)
        .service(Twins)
        .scoped_wrap(stray)
        .scoped_wrap(lost);
    let text = built
        .setting("ttl", "soon")
        .setting("cors", "a.example")
        .build()
        .await
        .unwrap_err()
        .to_string();
    for part in [
        "`ttl` from builder: `soon` is not a duration",
        "`/ping.Ping/Ping` is served twice",
        "; give one another `package` or `name`",
        "has no methods",
        "`GET /v1/%70ing` of `/twins.Twins/B` (twins.rs:7): `GET /v1/ping` of `/twins.Twins/A` \
         (twins.rs:3) matches the same paths",
        "setting `cors` from builder: `a.example` has no scheme",
        "wrap `stray` is for service `pin`, which is not served here; did you mean `ping`?",
        "wrap `lost` is for method `Pinng`, which is not served here; did you mean `Ping`?",
    ] {
        assert!(text.contains(part), "{part} is missing from: {text}");
    }
}

#[tokio::test]
async fn an_unknown_setting_is_reported_with_a_suggestion() {
    let error = builder().setting("adress", "x").build().await.unwrap_err();
    assert!(
        error.message().contains("did you mean `address`?"),
        "{error}"
    );
}

#[tokio::test]
async fn selection_serves_what_it_names_and_reports_what_it_does_not_find() {
    let error = builder()
        .service(Ping)
        .setting("services", "ping,cart")
        .build()
        .await
        .unwrap_err();
    assert!(
        error
            .message()
            .contains("no service `cart` is linked; linked: `ping`"),
        "{error}"
    );
}

#[tokio::test]
async fn client_filters_may_name_services_elsewhere() {
    let mut remote = ScopedWrap::new("remote", Through);
    (remote.on, remote.service) = (On::Client, Some("elsewhere"));
    builder()
        .service(Ping)
        .scoped_wrap(remote)
        .build()
        .await
        .unwrap();
}

#[tokio::test]
async fn hooks_run_in_their_moments_and_a_failing_start_hook_keeps_the_app_from_starting() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = |moment, by: usize| {
        let count = Arc::clone(&count);
        move |builder: Builder| {
            builder.on(moment, "count", move |_| {
                count.fetch_add(by, Ordering::SeqCst);
                Box::pin(async { Ok(()) })
            })
        }
    };
    let app = counted(Phase::Stop, 100)(counted(Phase::Ready, 10)(counted(Phase::Start, 1)(
        builder(),
    )));
    // The app serves nothing, so it ends with its last ready hook.
    app.build().await.unwrap().run().await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 111);

    let failing = builder().on(Phase::Start, "open", |_| {
        Box::pin(async { Err(Error::unavailable("no database")) })
    });
    let error = failing.build().await.unwrap().run().await.unwrap_err();
    assert_eq!(error.message(), "start hook `open`: no database");
}

#[tokio::test]
async fn a_failing_ready_hook_stops_the_app_with_its_error() {
    let app = builder().service(Ping).on(Phase::Ready, "greet", |_| {
        Box::pin(async { Err(Error::internal("nobody home")) })
    });
    let error = app.build().await.unwrap().run().await.unwrap_err();
    assert_eq!(error.message(), "ready hook `greet`: nobody home");
}

#[tokio::test]
async fn a_running_app_is_registered_until_it_stops() {
    let registry = Registry::new(Memory::new());
    let app = App::builder()
        .registry(registry.clone())
        .service(Ping)
        .setting("deregister_delay", "0ms");
    let running = app.build().await.unwrap().start().await.unwrap();
    let nodes = registry.lookup("ping").await.unwrap();
    assert_eq!(nodes.len(), 1);
    assert_eq!(nodes[0].address, running.address().unwrap().to_string());
    assert_eq!(nodes[0].methods, ["/ping.Ping/Ping"]);
    let drained = running.stop().await;
    assert!(drained.cut.is_empty());
    assert!(registry.lookup("ping").await.unwrap().is_empty());
}

/// Calls a method over the network. Returns the metadata `who` of the response.
async fn who(running: &Running, path: &'static str, address: Option<&str>) -> Result<String> {
    let method = Arc::new(MethodInfo::new("health", path));
    let mut call = running.client().call::<()>(&method, ()).remote();
    if let Some(address) = address {
        call = call.address(address);
    }
    let response = call.timeout(Duration::from_secs(10)).send().await?;
    Ok(response.metadata.get("who").unwrap_or_default().to_owned())
}

#[tokio::test]
async fn services_of_two_packages_may_have_one_name_and_are_not_mixed() {
    let registry = Registry::new(Memory::new());
    let app = App::builder().registry(registry.clone());
    let app = app.service(Health::<true>).service(Health::<false>);
    let running = app.build().await.unwrap().start().await.unwrap();
    let nodes = registry.lookup("health").await.unwrap();
    let methods: Vec<_> = nodes.iter().map(|node| node.methods.concat()).collect();
    assert_eq!(methods, ["/pay.Health/Check", "/shop.Health/Check"]);
    for _ in 0..10 {
        assert_eq!(
            who(&running, "/shop.Health/Check", None).await.unwrap(),
            "shop"
        );
        assert_eq!(
            who(&running, "/pay.Health/Check", None).await.unwrap(),
            "pay"
        );
    }
    // Go Micro's client does not know packages.
    let address = running.address().unwrap().to_string();
    let error = who(&running, "/health.Health/Check", Some(&address));
    let error = error.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unimplemented);
    assert_eq!(
        error.message(),
        "`/health.Health/Check` is ambiguous, it may mean `/pay.Health/Check` or \
         `/shop.Health/Check`; call one of these paths"
    );
}

#[tokio::test]
async fn client_of_go_micro_finds_a_method_whatever_its_package() {
    let app = builder().service(Health::<true>);
    let running = app.build().await.unwrap().start().await.unwrap();
    let address = running.address().unwrap().to_string();
    for path in ["/health.Health/Check", "/shop.Health/Check"] {
        let who = who(&running, path, Some(&address)).await.unwrap();
        assert_eq!(who, "shop", "{path}");
    }
    let error = who(&running, "/pay.Health/Check", Some(&address)).await;
    assert!(error.unwrap_err().message().contains("no service at"));
}

#[tokio::test]
async fn name_on_a_struct_that_serves_only_contracts_is_refused() {
    const fn record(name: &'static str) -> LinkedService {
        LinkedService {
            info: ServiceInfo::new(name, "carts.CartStore"),
            type_id: TypeId::of::<Ping>,
            build: |_| Box::pin(async { Ok(Arc::new(Ping) as Instance) }),
            served: Ping::served,
            location: Location::new("carts.rs", 3),
        }
    }
    static RENAMED: LinkedService = record("carts");
    static DEFAULT: LinkedService = record("cart-store");
    static SAME: LinkedService = record("ping");
    for (record, fails) in [(&RENAMED, true), (&DEFAULT, false), (&SAME, false)] {
        let mut app = builder();
        app.sources.push(Source::Linked(record));
        let built = app.build().await;
        assert_eq!(built.is_err(), fails, "{}", record.info.name);
        if let Err(error) = built {
            let expected = "carts.rs:3: `name = \"carts\"` on `CartStore` has no effect: it only \
                        implements contracts, which register as `ping`; remove it, or put it on \
                        the trait";
            assert!(error.message().contains(expected), "{error}");
        }
    }
}

#[tokio::test]
async fn app_on_all_addresses_registers_addresses_that_others_can_use() {
    let registry = Registry::new(Memory::new());
    let app = App::builder().registry(registry.clone()).service(Ping);
    let app = app.setting("address", "0.0.0.0:0").build().await.unwrap();
    let running = app.start().await.unwrap();
    let node = registry.lookup("ping").await.unwrap().remove(0);
    let listens = running.address().unwrap();
    assert_eq!(listens_on_all(&node), Some(listens.ip()));
    for address in node.other_addresses.iter().chain([&node.address]) {
        let address: SocketAddr = address.parse().unwrap();
        assert!(!address.ip().is_unspecified(), "{address}");
        assert_eq!(address.port(), listens.port());
        TcpStream::connect(address).await.unwrap();
    }
}

#[tokio::test]
async fn two_apps_in_one_process_do_not_know_of_each_other() {
    let one = builder().service(Ping).in_process().build().await.unwrap();
    let other = builder().in_process().build().await.unwrap();
    assert_eq!(one.router().routes().len(), 1);
    assert!(other.router().routes().is_empty());
    assert!(other.resources().get::<Ping>().is_err());
}

#[tokio::test]
async fn a_dropped_app_leaves_nothing_behind() {
    let shared = Arc::new(());
    let app = builder()
        .service(Ping)
        .provide(Arc::clone(&shared))
        .in_process();
    let app = app.build().await.unwrap();
    assert!(Arc::strong_count(&shared) > 1);
    drop(app);
    assert_eq!(Arc::strong_count(&shared), 1);
}

#[tokio::test]
async fn events_are_closed_when_the_app_stops() {
    let app = builder().events(Events::open("memory://").unwrap());
    let app = app.build().await.unwrap();
    let events = app.resources().get::<Events>().unwrap();
    let running = app.start().await.unwrap();
    events.append_to("a", "x").await.unwrap();
    running.stop().await;
    let error = events.append_to("a", "x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn without_the_environment_events_have_no_place_and_say_so_when_used() {
    let app = builder().build().await.unwrap();
    let events = app.resources().get::<Events>().unwrap();
    assert_eq!(events.scheme(), "file");
    let error = events.topics().await.unwrap_err();
    assert!(
        error.message().contains("say `MICRO_EVENTS=file:///path`"),
        "{error}"
    );
    let wrong = builder()
        .setting("events", "tape://")
        .build()
        .await
        .unwrap_err();
    assert!(
        wrong
            .message()
            .contains("setting `events` from builder: there is no events"),
        "{wrong}"
    );
}

/// Waits until the registry has this number of nodes of a service.
async fn has_nodes(registry: &Registry, service: &str, count: usize) {
    let waiting = async {
        while registry.lookup(service).await.unwrap().len() != count {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    within(waiting).await;
}

/// Panics when a future takes too long, so that a test cannot hang.
async fn within<T>(future: impl Future<Output = T>) -> T {
    let limited = tokio::time::timeout(Duration::from_secs(30), future);
    limited.await.expect("finished in time")
}

/// Sends a GET over HTTP/1.1 and reads the response, which has a body of one line.
async fn get(tcp: &mut TcpStream, path: &str) -> String {
    let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    tcp.write_all(head.as_bytes()).await.unwrap();
    let mut all = String::new();
    let mut part = [0; 1024];
    while !all.contains("\r\n\r\n") || !all.ends_with('\n') {
        let count = within(tcp.read(&mut part)).await.unwrap();
        assert!(count > 0, "closed after {all:?}");
        all.push_str(std::str::from_utf8(&part[..count]).unwrap());
    }
    all.to_ascii_lowercase()
}

/// A service with a handle of its own health, in a field and in a method.
#[micro::service]
struct Warm {
    health: crate::app::Health,
}

#[micro::service]
impl Warm {
    #[micro::rpc]
    async fn cool(&self, health: crate::app::Health, _context: Context) -> Result<()> {
        health.set_not_ready("cold");
        Ok(())
    }
}

#[tokio::test]
async fn service_is_registered_while_it_is_ready() {
    let registry = Registry::new(Memory::new());
    let app = App::builder()
        .registry(registry.clone())
        .linked_service::<Warm>()
        .service(Ping)
        .setting("deregister_delay", "0ms");
    let app = app.build().await.unwrap();
    let warm = app.resources().get::<Warm>().unwrap();
    warm.health.set_not_ready("warming up");
    let running = app.start().await.unwrap();
    has_nodes(&registry, "warm", 0).await;
    has_nodes(&registry, "ping", 1).await;
    let mut tcp = TcpStream::connect(running.address().unwrap())
        .await
        .unwrap();
    let unready = get(&mut tcp, "/readyz").await;
    assert!(unready.starts_with("http/1.1 503 "), "{unready}");
    assert!(unready.ends_with("`warm.warm`: warming up\n"), "{unready}");

    warm.health.set_ready();
    has_nodes(&registry, "warm", 1).await;
    let ready = get(&mut tcp, "/readyz").await;
    assert!(ready.starts_with("http/1.1 200 "), "{ready}");

    // A method's parameter is the health of its service.
    WarmClient::new(running.client().clone())
        .cool()
        .await
        .unwrap();
    has_nodes(&registry, "warm", 0).await;
    assert!(!warm.health.is_ready() && app.health().is_ready());

    // The handle of the app sets all services.
    warm.health.set_ready();
    has_nodes(&registry, "warm", 1).await;
    app.health().set_not_ready("a lock is held by another node");
    has_nodes(&registry, "warm", 0).await;
    has_nodes(&registry, "ping", 0).await;
    assert!(!warm.health.is_ready());
    app.health().set_ready();
    has_nodes(&registry, "ping", 1).await;
    drop(tcp);
    running.stop().await;
    has_nodes(&registry, "ping", 0).await;
    has_nodes(&registry, "warm", 0).await;
}

#[tokio::test]
async fn all_fields_that_cannot_be_injected_are_reported() {
    let app = builder().linked_service::<Needy>();
    let error = app.build().await.unwrap_err().to_string();
    for part in [
        "micro/src/app/tests.rs:",
        "cannot make `needy`: 2 fields:",
        "field `_number` of `Needy`: the app holds no `u8`",
        "field `_text` of `Needy`: the app holds no `alloc::string::String`",
    ] {
        assert!(error.contains(part), "{part} is missing from: {error}");
    }
}

/// A service with two fields that the app cannot inject unless it is given both.
#[micro::service]
struct Needy {
    _number: Arc<u8>,
    _text: Arc<String>,
    #[micro(default)]
    _count: u64,
}

#[micro::service]
impl Needy {
    #[micro::rpc]
    async fn need(&self) -> Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn tasks_are_asked_to_end_after_the_calls_and_cut_at_the_end_of_the_drain() {
    let app = builder().service(Ping).setting("drain_timeout", "0s");
    let app = app.build().await.unwrap();
    let tasks = app.tasks();
    let (ended, mut has_ended) = tokio::sync::oneshot::channel();
    let stopping = tasks.clone();
    tasks.spawn("flush", async move {
        stopping.stopping().await;
        ended.send(()).expect("the test waits");
    });
    tasks.spawn("endless", std::future::pending::<()>());
    let running = app.start().await.unwrap();
    assert!(has_ended.try_recv().is_err());
    let stopped = within(running.stop()).await;
    assert_eq!(stopped.cut_tasks, ["endless"]);
    has_ended.await.unwrap();
}

#[tokio::test]
async fn an_app_that_serves_nothing_ends_with_its_last_task() {
    let app = builder().in_process().build().await.unwrap();
    let (end, ends) = tokio::sync::oneshot::channel();
    app.tasks().spawn("wait", async move {
        ends.await.or_internal("the test has ended")
    });
    let running = tokio::spawn(async move { app.run().await });
    end.send(()).unwrap();
    within(running).await.unwrap().unwrap();
}

#[tokio::test]
async fn the_stop_waits_for_others_only_if_somebody_may_have_seen_the_app() {
    let start = || async {
        let app = builder().service(Ping).setting("deregister_delay", "1h");
        let app = app.build().await.unwrap();
        (app.stop_handle(), app.start().await.unwrap())
    };
    let (_, running) = start().await;
    within(running.stop()).await;

    let (stop, running) = start().await;
    let mut tcp = TcpStream::connect(running.address().unwrap())
        .await
        .unwrap();
    let alive = get(&mut tcp, "/healthz").await;
    assert!(!alive.contains("connection: close"), "{alive}");
    let stopping = tokio::spawn(running.stop());
    stop.requested().await;
    within(async {
        // During the delay the app serves, and closes its connections.
        while !get(&mut tcp, "/healthz")
            .await
            .contains("connection: close")
        {}
    })
    .await;
    assert!(!stopping.is_finished());
    stopping.abort();
}
