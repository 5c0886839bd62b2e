//! All settings of the app, in one table.

/// A setting: its key, its default and its description.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Key {
    /// The key in `micro.toml`. A dot separates the table from the key within it.
    pub name: &'static str,
    /// The default value.
    pub default: &'static str,
    /// Description, with units.
    pub doc: &'static str,
}

macro_rules! keys {
    ($($name:literal = $default:expr, $doc:literal;)*) => {
        /// All settings of the app.
        pub const KEYS: &[Key] =
            &[$(Key { name: $name, default: $default, doc: $doc },)*];
    };
}

const BROKER: &str = if cfg!(feature = "http") {
    "http"
} else {
    "memory"
};
const EVENTS: &str = if cfg!(feature = "file") {
    "file://"
} else {
    "memory"
};
const REGISTRY: &str = match (cfg!(feature = "host"), cfg!(feature = "mdns")) {
    (true, true) => "host+mdns",
    (true, false) => "host",
    (false, true) => "mdns",
    (false, false) => "memory",
};

keys! {
    "access_log" = "errors",
        "calls and events to log: errors (failures that need attention), all or off";
    "address" = "127.0.0.1:0",
        "address to listen on, `host:port`, or `:port` for all interfaces; port 0 takes a free one";
    "advertise" = "", "address at which others reach this node; guessed from `address` when empty";
    "broker" = BROKER, "URL of the broker that carries events";
    "compression" = "none",
        "compression of responses to clients that accept it: none, gzip or zstd";
    "compression_min_size" = "1KiB", "size from which responses are compressed";
    "cors" = "", "origins whose pages may call, separated by commas; `*` allows all, empty none";
    "deregister_delay" = "250ms",
        "time to keep serving after deregistering, so that clients notice";
    "discovery_timeout" = "5s",
        "time that a call waits for a first node of its service; its own timeout applies as well";
    "drain_timeout" = "30s", "time for running calls to finish when the app stops";
    "events" = EVENTS,
        "URL of the durable log; `file://` alone is a directory among the user's data";
    "heartbeat_interval" = "none",
        "time between heartbeats of a registration, less than `ttl`; none for a third of it";
    "limits.connection_receive_buffer" = "16MiB",
        "maximum size of the half-received messages of one connection";
    "limits.connection_request_buffer" = "32MiB",
        "maximum size of one connection's requests whose handlers run; further ones wait";
    "limits.connection_send_buffer" = "40MiB",
        "maximum size of the responses that one connection has not taken yet";
    "limits.header_timeout" = "10s", "time for a connection to send the head of a request";
    "limits.http1_keep_alive_timeout" = "75s",
        "time that an HTTP/1 connection may be idle; longer than that of a proxy in front";
    "limits.keep_alive_interval" = "20s", "interval between HTTP/2 keep-alive pings";
    "limits.keep_alive_timeout" = "10s", "time for a client to answer a keep-alive ping";
    "limits.max_connections" = "16384", "maximum number of connections; further ones are closed";
    "limits.max_connections_per_address" = "none",
        "maximum number of connections of one IP address, for example `256`; a proxy is one address";
    "limits.max_message_size" = "4MiB", "maximum size of one received message";
    "limits.max_metadata_size" = "16KiB", "maximum size of a request's metadata";
    "limits.max_streams" = "1024", "maximum number of calls in flight on one connection";
    "limits.server_receive_buffer" = "512MiB",
        "maximum size of the half-received messages of all connections";
    "limits.server_request_buffer" = "512MiB",
        "maximum size of the requests of all connections whose handlers run";
    "limits.server_send_buffer" = "512MiB",
        "maximum size of the responses that all connections have not taken yet";
    "limits.stall_timeout" = "30s", "time without progress after which a message is given up";
    "limits.stream_idle_timeout" = "none", "time without a message after which a stream ends";
    "log" = "info", "log filter: a level, or levels by crate such as `warn,my_crate=debug`";
    "mdns.secret" = "",
        "secret that signs the records of multicast DNS; unsigned records are then ignored";
    "reflection" = "true", "whether the schema is served: gRPC reflection and /openapi";
    "registry" = REGISTRY, "registries in which nodes are found: URLs joined by `+`";
    "services" = "", "names of the linked services to serve, separated by commas; empty for all";
    "strategy" = "least_loaded",
        "how clients pick a node: least_loaded, round_robin or random";
    "timeout" = "30s", "timeout of calls for which neither caller nor method sets one";
    "ttl" = "30s", "time that a registration lives after its last heartbeat";
}

impl Key {
    /// Whether the value is secret. Secret values are never shown.
    pub(crate) fn is_secret(&self) -> bool {
        self.name == "mdns.secret"
    }

    /// Whether the value is a list, which a file may write as an array.
    pub(crate) fn takes_list(&self) -> bool {
        matches!(self.name, "cors" | "log" | "registry" | "services")
    }

    /// Returns the setting with a name.
    pub fn find(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// Returns the environment variable of the setting. For `limits.max_message_size` it is
    /// `MICRO_LIMITS_MAX_MESSAGE_SIZE`.
    pub fn variable(&self) -> String {
        format!("MICRO_{}", self.name.replace('.', "_").to_ascii_uppercase())
    }
}

/// Returns the known word that is most similar to a wrong one, if they differ only by a typo. Two
/// swapped neighbouring characters count as one edit.
pub(crate) fn nearest<'a>(
    wrong: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    known
        .into_iter()
        .map(|word| (strsim::osa_distance(wrong, word), word))
        .filter(|(distance, word)| *distance <= 1 + word.len() / 5)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_key_and_a_stranger_none() {
        let known = || KEYS.iter().map(|key| key.name);
        assert_eq!(nearest("adress", known()), Some("address"));
        assert_eq!(nearest("registy", known()), Some("registry"));
        assert_eq!(nearest("tlt", known()), Some("ttl"));
        assert_eq!(nearest("colour", known()), None);
    }

    #[test]
    fn keys_are_sorted_and_each_has_a_variable() {
        assert!(KEYS.is_sorted_by_key(|key| key.name));
        assert_eq!(
            Key::find("limits.max_message_size").unwrap().variable(),
            "MICRO_LIMITS_MAX_MESSAGE_SIZE"
        );
    }
}
