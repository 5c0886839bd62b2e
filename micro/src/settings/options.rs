//! Options: the settings as checked, typed values.

use std::fmt::Write as _;
#[cfg(feature = "file")]
use std::path::{Path, PathBuf};
#[cfg(feature = "app")]
use std::time::Duration;

#[cfg(feature = "broker")]
use crate::broker::{self, Broker};
#[cfg(feature = "client")]
use crate::client;
use crate::config::{FromText, Origin};
use crate::error::{Error, Result};
#[cfg(feature = "events")]
use crate::events::{self, Events};
#[cfg(feature = "app")]
use crate::handler::{AccessLog, Served};
use crate::registry::{self, Registry};
#[cfg(feature = "client")]
use crate::selector::Strategy;
#[cfg(feature = "server")]
use crate::server;
use crate::settings::Settings;
use crate::settings::problems::Problems;

/// The settings as typed values.
#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) registry: (String, Origin),
    /// Secret that signs the records of multicast DNS. Empty for unsigned records.
    mdns_secret: (String, Origin),
    #[cfg(feature = "events")]
    pub(crate) events: (String, Origin),
    /// Directory of the user's data. `None` if the environment was not read or does not name it.
    #[cfg(feature = "file")]
    data_dir: Option<PathBuf>,
    /// Which calls and events are logged.
    #[cfg(feature = "app")]
    pub(crate) access_log: AccessLog,
    #[cfg(feature = "app")]
    pub(crate) address: (String, Origin),
    #[cfg(feature = "server")]
    pub(crate) advertise: String,
    #[cfg(feature = "broker")]
    pub(crate) broker: (String, Origin),
    #[cfg(feature = "app")]
    pub(crate) services: Vec<String>,
    #[cfg(feature = "app")]
    pub(crate) drain_timeout: Duration,
    #[cfg(feature = "app")]
    pub(crate) deregister_delay: Duration,
    #[cfg(feature = "app")]
    #[cfg_attr(
        not(feature = "server"),
        expect(dead_code, reason = "only an app with a server registers")
    )]
    pub(crate) ttl: Duration,
    /// Interval between heartbeats. `None` for a third of the ttl.
    #[cfg(feature = "app")]
    heartbeat_interval: Option<Duration>,
    #[cfg(feature = "client")]
    pub(crate) client: client::Config,
    #[cfg(feature = "server")]
    pub(crate) server: server::Config,
}

impl Options {
    /// Reads all settings. An invalid setting is recorded as a problem and replaced with its
    /// default.
    pub(crate) fn read(settings: &Settings, problems: &mut Problems) -> Self {
        let mut read = SettingsReader { settings, problems };
        #[cfg(any(feature = "client", feature = "server"))]
        let message = read.some("limits.max_message_size");
        Self {
            registry: read.origin("registry"),
            mdns_secret: read.origin("mdns.secret"),
            #[cfg(feature = "events")]
            events: read.origin("events"),
            #[cfg(feature = "file")]
            data_dir: settings.data_dir().map(Path::to_owned),
            #[cfg(feature = "app")]
            access_log: read.access_log(),
            #[cfg(feature = "app")]
            address: read.origin("address"),
            #[cfg(feature = "server")]
            advertise: read.value("advertise"),
            #[cfg(feature = "broker")]
            broker: read.origin("broker"),
            #[cfg(feature = "app")]
            services: read.list("services"),
            #[cfg(feature = "app")]
            drain_timeout: read.value("drain_timeout"),
            #[cfg(feature = "app")]
            deregister_delay: read.value("deregister_delay"),
            #[cfg(feature = "app")]
            ttl: read.some("ttl"),
            #[cfg(feature = "app")]
            heartbeat_interval: read.heartbeat_interval(),
            #[cfg(feature = "client")]
            client: read.client(message),
            #[cfg(feature = "server")]
            server: read.server(message),
        }
    }

    #[cfg(feature = "app")]
    pub(crate) fn with_heartbeats(&self, registry: Registry) -> Registry {
        match self.heartbeat_interval {
            Some(interval) => registry.with_heartbeat_interval(interval),
            None => registry,
        }
    }

    pub(crate) fn open_registry(&self, schemes: &[registry::Scheme]) -> Result<Registry> {
        let (url, origin) = &self.registry;
        let (secret, from) = &self.mdns_secret;
        if secret.is_empty() {
            let named = |error: Error| error.context(format!("setting `registry` from {origin}"));
            return Registry::open_with(url, schemes).map_err(named);
        }
        let names = format!("settings `registry` from {origin} and `mdns.secret` from {from}");
        Registry::open_with(&with_secret(url, secret), schemes)
            .map_err(|error| error.context(names))
    }

    /// Opens the events of a program. `file://` without a path uses a directory per program within
    /// the user's data, because only one process at a time can open a directory.
    #[cfg(feature = "events")]
    #[cfg_attr(not(feature = "file"), expect(unused_variables))]
    pub(crate) fn open_events(&self, program: &str, schemes: &[events::Scheme]) -> Result<Events> {
        let (url, origin) = &self.events;
        #[cfg(feature = "file")]
        let url = &self.with_default_dir(url, program);
        Events::open_with(url, schemes)
            .map_err(|error| error.context(format!("setting `events` from {origin}")))
    }

    /// Adds the directory of the program to `file://` without a path.
    #[cfg(feature = "file")]
    fn with_default_dir(&self, url: &str, program: &str) -> String {
        let rest = url
            .strip_prefix("file")
            .map(|rest| rest.strip_prefix("://").unwrap_or(rest));
        match (rest, &self.data_dir) {
            (Some(rest), Some(data)) if rest.is_empty() || rest.starts_with('?') => {
                let dir = events::File::default_dir(data, program);
                format!("file://{}{rest}", dir.display())
            }
            _ => url.to_owned(),
        }
    }

    /// Opens the broker. If the setting `broker` has its default, an app without a port uses a
    /// broker within the process.
    #[cfg(feature = "broker")]
    pub(crate) fn open_broker(&self, listen: bool, schemes: &[broker::Scheme]) -> Result<Broker> {
        let (url, origin) = &self.broker;
        let url = match origin {
            Origin::Default if !listen => "memory://",
            _ => url,
        };
        let named = |error: Error| error.context(format!("setting `broker` from {origin}"));
        Broker::open_with(url, schemes).map_err(named)
    }

    /// Whether a service is to be served: one of its names is selected, or no services are
    /// selected.
    #[cfg(feature = "app")]
    pub(crate) fn selects(&self, served: &[Served]) -> bool {
        self.services.is_empty()
            || served
                .iter()
                .any(|one| self.services.iter().any(|name| name == one.info().name))
    }

    /// Records a problem for each selected name that is not the name of a service.
    #[cfg(feature = "app")]
    pub(crate) fn check_selection<'a>(
        &self,
        served: impl Iterator<Item = &'a Served>,
        problems: &mut Problems,
    ) {
        let known: Vec<&str> = served.map(|served| served.info().name).collect();
        for name in self
            .services
            .iter()
            .filter(|name| !known.contains(&name.as_str()))
        {
            problems.add(Error::invalid_argument(format!(
                "setting `services`: no service `{name}` is linked; linked: `{}`",
                known.join("`, `")
            )));
        }
    }
}

/// Reads settings one by one and records the problems.
struct SettingsReader<'a> {
    settings: &'a Settings,
    problems: &'a mut Problems,
}

impl SettingsReader<'_> {
    fn origin<T: FromText>(&mut self, key: &str) -> (T, Origin) {
        match self.settings.get(key) {
            Ok(found) => found,
            Err(problem) => {
                self.problems.add(problem);
                Settings::new()
                    .get(key)
                    .expect("every key has a default of its type")
            }
        }
    }

    #[cfg(feature = "app")]
    fn value<T: FromText>(&mut self, key: &str) -> T {
        self.origin(key).0
    }

    /// Reads a number or a duration that must not be zero.
    fn some<T: FromText + Default + PartialEq>(&mut self, key: &str) -> T {
        let (value, origin) = self.origin(key);
        if value == T::default() {
            self.problems.add(Error::invalid_argument(format!(
                "setting `{key}` from {origin} has to be more than zero"
            )));
        }
        value
    }

    /// Reads the interval between heartbeats. It must be less than the ttl, or the registration
    /// would expire between two of them.
    #[cfg(feature = "app")]
    fn heartbeat_interval(&mut self) -> Option<Duration> {
        let (interval, origin) = self.origin::<Option<Duration>>("heartbeat_interval");
        let interval = interval?;
        let Ok((ttl, ttl_origin)) = self.settings.get::<Duration>("ttl") else {
            // Reported where `ttl` is read.
            return None;
        };
        if !interval.is_zero() && interval < ttl {
            return Some(interval);
        }
        self.problems.add(Error::invalid_argument(format!(
            "setting `heartbeat_interval` from {origin} is {interval:?}; it has to be more than \
             zero and less than `ttl`, which is {ttl:?} from {ttl_origin}"
        )));
        None
    }

    /// Reads a list of names, separated by commas.
    #[cfg(feature = "app")]
    fn list(&mut self, key: &str) -> Vec<String> {
        let text: String = self.value(key);
        let names = text.split(',').map(str::trim);
        names
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect()
    }

    #[cfg(feature = "app")]
    fn access_log(&mut self) -> AccessLog {
        let (name, origin) = self.origin::<String>("access_log");
        let named = |error: Error| error.context(format!("setting `access_log` from {origin}"));
        self.problems
            .take(AccessLog::named(&name).map_err(named))
            .unwrap_or_default()
    }

    #[cfg(feature = "client")]
    fn client(&mut self, max_message_size: usize) -> client::Config {
        let mut config = client::Config::default();
        config.max_message_size = max_message_size;
        config.timeout = self.some("timeout");
        config.discovery_timeout = self.some("discovery_timeout");
        config.strategy = self.strategy();
        config
    }

    #[cfg(feature = "server")]
    fn server(&mut self, max_message_size: usize) -> server::Config {
        let mut config = server::Config::default();
        config.address = self.value("address");
        config.reflection = self.value("reflection");
        config.cors = self.cors();
        config.names = host_of(&self.value::<String>("advertise"));
        config.limits = self.limits();
        config.limits.max_message_size = max_message_size;
        config.compression = self.compression();
        config
    }

    #[cfg(feature = "server")]
    fn limits(&mut self) -> server::Limits {
        let streams: usize = self.some("limits.max_streams");
        let mut limits = server::Limits::default();
        limits.max_metadata_size = self.some("limits.max_metadata_size");
        limits.max_streams = u32::try_from(streams).unwrap_or(u32::MAX);
        limits.max_connections = self.some("limits.max_connections");
        limits.max_connections_per_address = self.value("limits.max_connections_per_address");
        limits.connection_receive_buffer = self.some("limits.connection_receive_buffer");
        limits.connection_send_buffer = self.some("limits.connection_send_buffer");
        limits.server_receive_buffer = self.some("limits.server_receive_buffer");
        limits.connection_request_buffer = self.some("limits.connection_request_buffer");
        limits.server_request_buffer = self.some("limits.server_request_buffer");
        limits.server_send_buffer = self.some("limits.server_send_buffer");
        limits.header_timeout = self.some("limits.header_timeout");
        limits.http1_keep_alive_timeout = self.some("limits.http1_keep_alive_timeout");
        limits.stall_timeout = self.some("limits.stall_timeout");
        limits.stream_idle_timeout = self.value("limits.stream_idle_timeout");
        limits.keep_alive_interval = self.some("limits.keep_alive_interval");
        limits.keep_alive_timeout = self.some("limits.keep_alive_timeout");
        limits
    }

    #[cfg(feature = "server")]
    fn cors(&mut self) -> server::Cors {
        let (text, origin) = self.origin::<String>("cors");
        let parsed = server::Cors::parse(&text);
        let named = |error: Error| error.context(format!("setting `cors` from {origin}"));
        self.problems
            .take(parsed.map_err(named))
            .unwrap_or_default()
    }

    #[cfg(feature = "server")]
    fn compression(&mut self) -> server::ResponseCompression {
        let (name, origin) = self.origin::<String>("compression");
        let mut replies = server::ResponseCompression::named(&name).unwrap_or_else(|error| {
            let context = format!("setting `compression` from {origin}");
            self.problems.add(error.context(context));
            server::ResponseCompression::default()
        });
        replies.min_size = self.value("compression_min_size");
        replies
    }

    #[cfg(feature = "client")]
    fn strategy(&mut self) -> Strategy {
        let (text, origin) = self.origin::<String>("strategy");
        match text.as_str() {
            "least_loaded" => Strategy::LeastLoaded,
            "round_robin" => Strategy::RoundRobin,
            "random" => Strategy::Random,
            _ => {
                self.problems.add(Error::invalid_argument(format!(
                    "setting `strategy` from {origin}: `{}` is not `least_loaded`, `round_robin` \
                     or `random`",
                    text.escape_debug()
                )));
                Strategy::default()
            }
        }
    }
}

/// Returns the host of an advertised address. The port is optional.
#[cfg(feature = "server")]
fn host_of(advertise: &str) -> Vec<String> {
    let host = match advertise.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => host,
        _ => advertise,
    };
    let host = Some(host.to_owned()).filter(|host| !host.is_empty());
    host.into_iter().collect()
}

/// Adds the secret to each `mdns` in a registry's URL.
fn with_secret(url: &str, secret: &str) -> String {
    let mut with = String::new();
    for part in url.split_inclusive(['+', ',']) {
        let (name, end) = match part.strip_suffix(['+', ',']) {
            Some(name) => (name, &part[name.len()..]),
            None => (part, ""),
        };
        if matches!(name, "mdns" | "mdns://") {
            with.push_str("mdns://?secret=");
            // Every byte is percent-encoded, so that no character of the secret has a meaning in
            // the URL.
            for byte in secret.bytes() {
                // Writing to a `String` cannot fail.
                let _ = write!(with, "%{byte:02x}");
            }
        } else {
            with.push_str(name);
        }
        with.push_str(end);
    }
    with
}

#[cfg(all(test, feature = "client", feature = "server"))]
mod tests {
    use super::*;
    use crate::settings::keys::KEYS;

    #[test]
    fn defaults_are_right() {
        let mut problems = Problems::default();
        let options = Options::read(&Settings::new(), &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(options.server.limits.max_message_size, 4 << 20);
        assert_eq!(options.ttl, Duration::from_secs(30));
    }

    #[test]
    fn every_wrong_setting_is_reported() {
        let mut settings = Settings::new();
        let typed = [
            "access_log",
            "ttl",
            "drain_timeout",
            "deregister_delay",
            "heartbeat_interval",
            "timeout",
            "strategy",
            "reflection",
            "cors",
            "compression",
            "limits.stream_idle_timeout",
        ];
        for key in typed
            .iter()
            .chain(&["limits.max_message_size", "limits.max_streams"])
        {
            settings.set(key, "wrong").unwrap();
        }
        let mut problems = Problems::default();
        Options::read(&settings, &mut problems);
        let text = problems.finish("wrong").unwrap_err().to_string();
        assert!(text.starts_with("wrong; 13 problems:"), "{text}");
        assert!(KEYS.len() > 10);
    }

    #[test]
    fn heartbeat_interval_has_to_be_shorter_than_the_ttl() {
        let read = |interval: &str, ttl: &str| {
            let mut settings = Settings::new();
            settings.set("heartbeat_interval", interval).unwrap();
            settings.set("ttl", ttl).unwrap();
            let mut problems = Problems::default();
            let options = Options::read(&settings, &mut problems);
            problems
                .finish("wrong")
                .map(|()| options.heartbeat_interval)
        };
        assert_eq!(read("none", "2s").unwrap(), None);
        let second = Duration::from_secs(1);
        assert_eq!(read("1s", "2s").unwrap(), Some(second));
        for (interval, ttl) in [("2s", "2s"), ("15s", "3s"), ("0ns", "3s")] {
            let text = read(&interval.replace('n', ""), ttl)
                .unwrap_err()
                .to_string();
            let expected = format!(
                "setting `heartbeat_interval` from builder is {interval}; it has to be more than \
                 zero and less than `ttl`, which is {ttl} from builder"
            );
            assert!(text.contains(&expected), "{text}");
        }
        let text = read("15s", "soon").unwrap_err().to_string();
        assert!(!text.contains("heartbeat_interval"), "{text}");
    }

    #[test]
    fn nothing_of_what_is_needed_is_reported() {
        let mut settings = Settings::new();
        for (key, none) in [
            ("ttl", "0s"),
            ("limits.max_streams", "0"),
            ("drain_timeout", "0s"),
        ] {
            settings.set(key, none).unwrap();
        }
        let mut problems = Problems::default();
        Options::read(&settings, &mut problems);
        let text = problems.finish("wrong").unwrap_err().to_string();
        assert!(text.starts_with("wrong; 2 problems:"), "{text}");
        assert!(text.contains("`ttl` from"), "{text}");
        assert!(text.contains("has to be more than zero"), "{text}");
    }

    #[test]
    fn host_that_is_advertised_is_a_name_of_the_server() {
        for (advertise, names) in [
            ("", &[][..]),
            ("node-1.example", &["node-1.example"]),
            ("node-1.example:80", &["node-1.example"]),
        ] {
            assert_eq!(host_of(advertise), names, "{advertise}");
        }
    }

    #[test]
    fn secret_goes_to_multicast_dns_alone() {
        for (url, expected) in [
            ("mdns", "mdns://?secret=%61%2b"),
            ("mdns://", "mdns://?secret=%61%2b"),
            ("host+mdns", "host+mdns://?secret=%61%2b"),
            ("mdns://,host:///a", "mdns://?secret=%61%2b,host:///a"),
            ("static://mdns=a:1", "static://mdns=a:1"),
            ("host", "host"),
        ] {
            assert_eq!(with_secret(url, "a+"), expected);
        }
    }

    #[cfg(all(feature = "mdns", feature = "host"))]
    #[test]
    fn secret_that_is_too_short_is_a_problem_and_is_not_shown() {
        let mut settings = Settings::new();
        settings.set("mdns.secret", "swordfish").unwrap();
        let mut problems = Problems::default();
        let options = Options::read(&settings, &mut problems);
        let error = options.open_registry(&[]).unwrap_err();
        assert!(
            error.chain().contains("`mdns.secret` from builder"),
            "{error}"
        );
        assert!(!error.chain().contains("swordfish"), "{error}");
        settings
            .set("mdns.secret", "a sentence, long enough + odd")
            .unwrap();
        let options = Options::read(&settings, &mut problems);
        let registry = options.open_registry(&[]).unwrap();
        assert_eq!(registry.scheme(), "host+mdns");
    }
}
