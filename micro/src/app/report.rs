//! The start-up report: one readable block.

use std::fmt::Write;
use std::net::SocketAddr;

use crate::app::Inner;
use crate::registry::Registration;

/// Says what runs, where, and why there.
pub(super) fn ready(app: &Inner, address: Option<SocketAddr>, nodes: &[Registration]) {
    if tracing::enabled!(tracing::Level::INFO) {
        let text = ready_text(app, address, nodes);
        tracing::info!("{text}");
    }
}

fn ready_text(app: &Inner, address: Option<SocketAddr>, nodes: &[Registration]) -> String {
    let mut text = format!("{} {} is ready", app.name, app.version);
    let mut line = |key: &str, value: String| {
        // Writing to a `String` cannot fail.
        write!(text, "\n  {key:<9} {value}").expect("a string takes any text");
    };
    match address {
        Some(address) => line("address", format!("{address} ({})", app.options.address.1)),
        None => line(
            "address",
            "none; nothing is served to the outside".to_owned(),
        ),
    }
    line(
        "registry",
        format!("{} ({})", app.registry.scheme(), app.options.registry.1),
    );
    for registration in nodes {
        let node = registration.node();
        line("node", format!("{} at {}", node.id, node.address));
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
    if !app.wraps.is_empty() {
        let mut wraps: Vec<_> = app
            .wraps
            .iter()
            .map(|wrap| (wrap.order, wrap.name))
            .collect();
        wraps.sort_unstable();
        let wraps: Vec<_> = wraps
            .iter()
            .map(|(order, name)| format!("{name} ({order})"))
            .collect();
        line("wraps", wraps.join(", "));
    }
    text
}
