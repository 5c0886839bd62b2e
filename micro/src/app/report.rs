//! The start-up report, logged as one block of text.

use std::fmt::Write;
#[cfg(feature = "server")]
use std::net::Ipv4Addr;
use std::net::SocketAddr;

use crate::app::Inner;
#[cfg(feature = "server")]
use crate::app::example;
#[cfg(feature = "broker")]
use crate::broker::Subscriber;
use crate::registry::Node;
use micro_message::internal::sort_by;

/// Logs the app's address, a command that calls a method, registry, nodes, services, subscribers,
/// periodic work and wraps. Address and registry are logged with the sources of their settings.
pub(super) fn ready(app: &Inner, address: Option<SocketAddr>, nodes: &[Node]) {
    if tracing::enabled!(tracing::Level::INFO) {
        let text = ready_text(app, address, nodes);
        tracing::info!("{text}");
    }
}

fn ready_text(app: &Inner, address: Option<SocketAddr>, nodes: &[Node]) -> String {
    let mut text = format!("{} {} is ready", app.name, app.version);
    let mut line = |key: &str, value: String| {
        // Writing to a `String` cannot fail.
        write!(text, "\n  {key:<9} {value}").expect("a string takes any text");
    };
    match address {
        Some(address) => {
            line("address", format!("{address} ({})", app.options.address.1));
            #[cfg(feature = "server")]
            line("open", urls(address, nodes).join("  "));
        }
        None => line(
            "address",
            "none; nothing is served to the outside".to_owned(),
        ),
    }
    line(
        "registry",
        format!("{} ({})", app.registry.scheme(), app.options.registry.1),
    );
    for node in nodes {
        line("node", format!("{} at {}", node.id, node.address));
    }
    #[cfg(feature = "server")]
    if let Some(reason) = app.health.server().unready() {
        line("not ready", reason);
    }
    for service in app.router.services() {
        let routes = app.router.routes();
        let own = routes
            .iter()
            .filter(|route| route.service.wire == service.wire);
        let methods: Vec<&str> = own.map(|route| route.method.name()).collect();
        line(
            "service",
            format!(
                "{} {} as {}: {}",
                service.name,
                service.version,
                service.wire,
                methods.join(", ")
            ),
        );
    }
    #[cfg(all(feature = "server", feature = "tower"))]
    for path in app.mounts.paths() {
        line("mounted", format!("a tower service at {path}"));
    }
    #[cfg(feature = "broker")]
    for listener in &app.listeners {
        let (key, value) = heard(&listener.subscriber);
        line(key, value);
    }
    for work in &app.works {
        line("every", format!("{:?}: {}", work.period, work.name));
    }
    if !app.wraps.is_empty() {
        let mut wraps: Vec<_> = app
            .wraps
            .iter()
            .map(|wrap| (wrap.order, wrap.name))
            .collect();
        sort_by(&mut wraps, Ord::cmp);
        let wraps: Vec<_> = wraps
            .iter()
            .map(|(order, name)| format!("{name} ({order})"))
            .collect();
        line("wraps", wraps.join(", "));
    }
    #[cfg(feature = "server")]
    if let Some(address) = address {
        let urls = urls(address, nodes);
        if let Some(command) = example::command(&app.router, &urls[0]) {
            line("try", command);
        }
    }
    text
}

/// Returns the addresses as a browser opens them: first one that works on this machine.
#[cfg(feature = "server")]
fn urls(address: SocketAddr, nodes: &[Node]) -> Vec<String> {
    let mut local = address;
    if address.ip().is_unspecified() {
        local.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    let mut urls = vec![format!("http://{local}/")];
    for node in nodes {
        let url = format!("http://{}/", node.address);
        if !urls.contains(&url) {
            urls.push(url);
        }
    }
    urls
}

/// Returns the kind of the subscriber and a line with its topic or stream, its name, and its queue
/// or group.
#[cfg(feature = "broker")]
fn heard(subscriber: &Subscriber) -> (&'static str, String) {
    let name = subscriber.name;
    match (&subscriber.durable, &subscriber.options.queue) {
        (Some(durable), _) => {
            let group = durable.group.unwrap_or(name);
            (
                "stream",
                format!("{}: {name} (group {group})", durable.stream),
            )
        }
        (None, Some(queue)) => {
            let topic = subscriber.pattern;
            ("topic", format!("{topic}: {name} (queue {queue})"))
        }
        (None, None) => ("topic", format!("{}: {name}", subscriber.pattern)),
    }
}

#[cfg(all(test, feature = "broker"))]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::app::App;
    use crate::broker::Durable;
    use crate::broker::{Event, Options};
    use crate::handler::Parts;

    #[cfg(feature = "server")]
    #[tokio::test]
    async fn addresses_can_be_opened() {
        let app = App::builder().in_process().build().await.unwrap();
        for (address, url) in [
            ("127.0.0.1:81", "http://127.0.0.1:81/"),
            ("0.0.0.0:81", "http://127.0.0.1:81/"),
            ("[::]:81", "http://127.0.0.1:81/"),
            ("[::1]:81", "http://[::1]:81/"),
        ] {
            let text = ready_text(&app.0, Some(address.parse().unwrap()), &[]);
            let expected = format!("\n  open      {url}\n");
            assert!(text.contains(&expected), "{text}");
        }
    }

    #[tokio::test]
    async fn what_is_heard_and_done_by_the_clock_is_named() {
        let hear = |name| Subscriber::new(name, "orders.*", |_: Parts, _: Event| async { Ok(()) });
        let app = App::builder()
            .in_process()
            .subscriber(hear("bill").options(Options::new().queue("bills")))
            .subscriber(hear("watch"))
            .every(Duration::from_secs(30), "sweep", |_| {
                Box::pin(async { Ok(()) })
            })
            .build()
            .await
            .unwrap();
        let text = ready_text(&app.0, None, &[]);
        for expected in [
            "\n  topic     orders.*: bill (queue bills)\n",
            "\n  topic     orders.*: watch\n",
            "\n  every     30s: sweep",
        ] {
            assert!(text.contains(expected), "{text}");
        }
        let pack = hear("pack").durable(Durable::new("orders.placed"));
        let expected = "orders.placed: pack (group pack)".to_owned();
        assert_eq!(heard(&pack), ("stream", expected));
    }
}
