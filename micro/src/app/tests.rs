//! Tests of building, starting and stopping an app.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::events::Events;
use crate::handler::{Call, HttpRule, Location, Method, Response, Served, Service, ServiceInfo};
use crate::registry::{Memory, Registry};
use crate::wrap::{Next, On, ScopedWrap, Wrap};

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
    assert_eq!(error.kind(), crate::error::ErrorKind::Unavailable);
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
