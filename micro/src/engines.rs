//! The engines that this build's features turn on. They are announced to their subsystems in the
//! same way as those of other crates. Features that are off are announced, too, so that errors can
//! name them.

#![cfg_attr(
    feature = "linkme",
    allow(
        unsafe_code,
        reason = "an announcement is placed in a section of the binary"
    )
)]

#[cfg(feature = "_registry")]
mod registries {
    #[cfg(any(feature = "host", feature = "mdns"))]
    use micro_registry::Registry;
    use micro_registry::registry_scheme;

    #[cfg(feature = "host")]
    registry_scheme!("host", |rest| micro_host::Host::open(rest)
        .map(Registry::new));
    #[cfg(not(feature = "host"))]
    registry_scheme!("host", off "host");

    #[cfg(feature = "mdns")]
    registry_scheme!("mdns", |rest| micro_mdns::Mdns::open(rest)
        .map(Registry::new));
    #[cfg(not(feature = "mdns"))]
    registry_scheme!("mdns", off "mdns");
}

#[cfg(feature = "broker")]
mod brokers {
    use micro_broker::broker_scheme;

    #[cfg(feature = "http")]
    broker_scheme!("http", |rest| micro_http::Http::open(rest)
        .map(micro_broker::Broker::new));
    #[cfg(not(feature = "http"))]
    broker_scheme!("http", off "http");
}

#[cfg(feature = "events")]
mod logs {
    use micro_events::events_scheme;

    #[cfg(feature = "file")]
    events_scheme!("file", |rest| micro_file::File::open(rest)
        .map(micro_events::Events::new));
    #[cfg(not(feature = "file"))]
    events_scheme!("file", off "file");
}
