//! Every setting of the app, in one table.

/// One setting: its key, its default, what it does.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Key {
    /// The key in `micro.toml`; a dot stands for a table.
    pub name: &'static str,
    /// The value when nobody sets it.
    pub default: &'static str,
    /// What it does, with units.
    pub doc: &'static str,
}

macro_rules! keys {
    ($($name:literal = $default:expr, $doc:literal;)*) => {
        /// Every setting of the app.
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
    "address" = "127.0.0.1:0", "where to listen, `host:port`; port 0 takes a free one";
    "advertise" = "", "where others reach this node; guessed from `address` when empty";
    "broker" = BROKER, "how events travel between publishers and subscribers, a URL";
    "compression" = "none", "with what replies are compressed for who accepts it: none, gzip, zstd";
    "compression_min_size" = "1KiB", "the size from which replies are compressed";
    "cors" = "", "origins whose pages may call, with commas; `*` is all, empty is none";
    "deregister_delay" = "250ms",
        "how long to serve on after leaving the registry, so that clients notice";
    "drain_timeout" = "30s", "how long running calls may take to finish when the app stops";
    "events" = EVENTS, "where durable streams are kept; `file://` alone: with the user's data";
    "limits.connection_receive_buffer" = "16MiB", "half-received messages of one connection";
    "limits.connection_send_buffer" = "40MiB", "responses that one connection has not taken yet";
    "limits.header_timeout" = "10s", "how long a connection may take to send a request's head";
    "limits.keep_alive_interval" = "20s",
        "the silence after which a client is asked for a sign of life";
    "limits.keep_alive_timeout" = "10s", "how long that may take";
    "limits.max_connections" = "16384", "open connections; more are closed at once";
    "limits.max_message_size" = "4MiB", "the size of one message that is received";
    "limits.max_metadata_size" = "16KiB", "the size of a request's metadata";
    "limits.max_streams" = "1024", "calls in flight on one connection";
    "limits.server_receive_buffer" = "512MiB", "half-received messages of all connections";
    "limits.server_send_buffer" = "512MiB", "responses that all connections have not taken yet";
    "limits.stall_timeout" = "30s", "how long a message that has begun may make no progress";
    "limits.stream_idle_timeout" = "none", "how long a stream may carry no message, or `none`";
    "log" = "info", "what is logged: `info`, or `warn,my_crate=debug`";
    "mdns.secret" = "", "signs the records of multicast DNS; with it, unsigned ones are ignored";
    "reflection" = "true", "whether clients may ask for the schema: reflection, /openapi";
    "registry" = REGISTRY, "where nodes are found, one URL or several joined by `+`";
    "services" = "", "which linked services to serve, by name, with commas; all when empty";
    "strategy" = "least_loaded", "how clients pick a node: least_loaded, round_robin, random";
    "timeout" = "30s", "how long a call may take when neither caller nor method says";
    "ttl" = "15s", "how long a registration lives after its last heartbeat";
}

impl Key {
    /// Whether its value is never shown.
    pub(crate) fn is_secret(&self) -> bool {
        self.name == "mdns.secret"
    }

    /// The setting of a name.
    pub fn find(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// The environment variable of the setting: `limits.max_message_size` is
    /// `MICRO_LIMITS_MAX_MESSAGE_SIZE`.
    pub fn variable(&self) -> String {
        format!("MICRO_{}", self.name.replace('.', "_").to_ascii_uppercase())
    }
}

/// The known word nearest to a wrong one, if it is near enough to be meant. Two neighbours that
/// were swapped count as one edit.
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
