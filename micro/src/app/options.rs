//! Options: the settings as values of their types, checked.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::app::problems::Problems;
use crate::app::settings::Settings;
use crate::broker::Broker;
use crate::client;
use crate::config::{FromText, Origin};
use crate::error::{Error, Result};
use crate::events::{self, Events};
use crate::handler::Served;
use crate::registry::Registry;
use crate::selector::Strategy;
use crate::server;

/// The settings as values of their types.
#[derive(Debug, Clone)]
pub(super) struct Options {
    pub(super) advertise: String,
    pub(super) registry: (String, Origin),
    pub(super) events: (String, Origin),
    /// Where the user's data is; none when nobody may look.
    data_dir: Option<PathBuf>,
    pub(super) address: (String, Origin),
    pub(super) broker: (String, Origin),
    pub(super) services: Vec<String>,
    pub(super) drain: Duration,
    pub(super) settle: Duration,
    pub(super) ttl: Duration,
    pub(super) client: client::Config,
    pub(super) server: server::Config,
}

impl Options {
    /// Reads all settings; wrong ones are noted and replaced by the default.
    pub(super) fn read(settings: &Settings, problems: &mut Problems) -> Self {
        let mut read = Read { settings, problems };
        let address = read.origin("address");
        let mut server = server::Config::default();
        server.address.clone_from(&address.0);
        server.reflection = read.value("reflection");
        server.cors = read.cors();
        server.limits = read.limits();
        server.compression = read.compression();
        let client = client::Config {
            message_limit: server.limits.message,
            timeout: read.some("timeout"),
            strategy: read.strategy(),
            ..client::Config::default()
        };
        let services: String = read.value("services");
        Self {
            advertise: read.value("advertise"),
            registry: read.origin("registry"),
            events: read.origin("events"),
            data_dir: settings.data_dir().map(Path::to_owned),
            broker: read.origin("broker"),
            address,
            services: services
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
            drain: read.value("drain"),
            settle: read.value("settle"),
            ttl: read.some("ttl"),
            client,
            server,
        }
    }

    pub(super) fn open_registry(&self) -> Result<Registry> {
        let (url, origin) = &self.registry;
        let named = |error: Error| error.context(format!("setting `registry` from {origin}"));
        Registry::open(url).map_err(named)
    }

    /// Opens the events of a program. `file://` alone is a directory of its own among the user's
    /// data, as one process has it at a time.
    pub(super) fn open_events(&self, program: &str) -> Result<Events> {
        let (url, origin) = &self.events;
        let rest = url
            .strip_prefix("file")
            .map(|rest| rest.strip_prefix("://").unwrap_or(rest));
        let opened = match (rest, &self.data_dir) {
            (Some(rest), Some(data)) if rest.is_empty() || rest.starts_with('?') => {
                let dir = events::File::default_dir(data, program);
                Events::open(&format!("file://{}{rest}", dir.display()))
            }
            _ => Events::open(url),
        };
        opened.map_err(|error| error.context(format!("setting `events` from {origin}")))
    }

    /// Opens the broker; where nobody said which, one within the process for an app that has no
    /// port.
    pub(super) fn open_broker(&self, listen: bool) -> Result<Broker> {
        let (url, origin) = &self.broker;
        let url = match origin {
            Origin::Default if !listen => "memory://",
            _ => url,
        };
        let named = |error: Error| error.context(format!("setting `broker` from {origin}"));
        Broker::open(url).map_err(named)
    }

    /// Whether a service is to be served: one of its names is selected, or nothing is.
    pub(super) fn selects(&self, served: &[Served]) -> bool {
        self.services.is_empty()
            || served
                .iter()
                .any(|one| self.services.iter().any(|name| name == one.info().name))
    }

    /// Notes selected names that no service has.
    pub(super) fn check_selection<'a>(
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

/// Reads settings one by one and notes what is wrong.
struct Read<'a> {
    settings: &'a Settings,
    problems: &'a mut Problems,
}

impl Read<'_> {
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

    fn value<T: FromText>(&mut self, key: &str) -> T {
        self.origin(key).0
    }

    /// A count or length of which there has to be some.
    fn some<T: FromText + Default + PartialEq>(&mut self, key: &str) -> T {
        let (value, origin) = self.origin(key);
        if value == T::default() {
            self.problems.add(Error::invalid_argument(format!(
                "setting `{key}` from {origin} has to be more than zero"
            )));
        }
        value
    }

    fn limits(&mut self) -> server::Limits {
        let streams: usize = self.some("limits.streams");
        server::Limits {
            message: self.some("limits.message"),
            metadata: self.some("limits.metadata"),
            streams: u32::try_from(streams).unwrap_or(u32::MAX),
            connections: self.some("limits.connections"),
            header_timeout: self.some("limits.header_timeout"),
            stall_timeout: self.some("limits.stall_timeout"),
            stream_idle_timeout: self.value("limits.stream_idle_timeout"),
            keep_alive: self.some("limits.keep_alive"),
            keep_alive_timeout: self.some("limits.keep_alive_timeout"),
        }
    }

    fn cors(&mut self) -> server::Cors {
        let (text, origin) = self.origin::<String>("cors");
        let parsed = server::Cors::parse(&text);
        let named = |error: Error| error.context(format!("setting `cors` from {origin}"));
        self.problems
            .take(parsed.map_err(named))
            .unwrap_or_default()
    }

    fn compression(&mut self) -> server::Replies {
        let (name, origin) = self.origin::<String>("compression");
        let mut replies = server::Replies::named(&name).unwrap_or_else(|error| {
            let context = format!("setting `compression` from {origin}");
            self.problems.add(error.context(context));
            server::Replies::default()
        });
        replies.from = self.value("compress_from");
        replies
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::keys::KEYS;

    #[test]
    fn defaults_are_right() {
        let mut problems = Problems::default();
        let options = Options::read(&Settings::new(), &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(options.server.limits.message, 4 << 20);
        assert_eq!(options.ttl, Duration::from_secs(15));
    }

    #[test]
    fn every_wrong_setting_is_reported() {
        let mut settings = Settings::new();
        let typed = [
            "ttl",
            "drain",
            "settle",
            "timeout",
            "strategy",
            "reflection",
            "cors",
            "compression",
            "limits.stream_idle_timeout",
        ];
        for key in typed.iter().chain(&["limits.message", "limits.streams"]) {
            settings.set(key, "wrong").unwrap();
        }
        let mut problems = Problems::default();
        Options::read(&settings, &mut problems);
        let text = problems.finish("wrong").unwrap_err().to_string();
        assert!(text.starts_with("wrong; 11 problems:"), "{text}");
        assert!(KEYS.len() > 10);
    }

    #[test]
    fn nothing_of_what_is_needed_is_reported() {
        let mut settings = Settings::new();
        for (key, none) in [("ttl", "0s"), ("limits.streams", "0"), ("drain", "0s")] {
            settings.set(key, none).unwrap();
        }
        let mut problems = Problems::default();
        Options::read(&settings, &mut problems);
        let text = problems.finish("wrong").unwrap_err().to_string();
        assert!(text.starts_with("wrong; 2 problems:"), "{text}");
        assert!(text.contains("`ttl` from"), "{text}");
        assert!(text.contains("has to be more than zero"), "{text}");
    }
}
