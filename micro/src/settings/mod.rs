//! Settings from defaults, `micro.toml`, the environment and the program, in this order. Each value
//! keeps track of its source.
//!
//! # Examples
//!
//! ```
//! use micro::settings::{KEYS, Settings};
//!
//! for key in KEYS {
//!     println!("{:28} {:20} {}", key.variable(), key.default, key.doc);
//! }
//!
//! let mut settings = Settings::new();
//! settings.set("drain_timeout", "1m")?;
//! assert_eq!(settings.get::<String>("drain_timeout")?.0, "1m");
//!
//! let error = settings.set("drain_timeuot", "1m").unwrap_err();
//! assert!(error.message().contains("did you mean `drain_timeout`?"));
//! # Ok::<(), micro::Error>(())
//! ```

mod file;
#[cfg(feature = "app")]
pub(crate) mod help;
pub(crate) mod keys;
pub(crate) mod options;
pub(crate) mod problems;

use std::fmt;
use std::path::{Path, PathBuf};

use self::keys::nearest;
pub use self::keys::{KEYS, Key};
use crate::config::{FromText, Layers, Origin};
use crate::error::{Error, Result};
use crate::settings::problems::Problems;

/// The file that is read from the working directory, unless `MICRO_CONFIG` names another one.
const FILE: &str = "micro.toml";

/// The variable that names the settings file.
const FILE_VARIABLE: &str = "MICRO_CONFIG";

/// Prefix of the variables of all settings.
const PREFIX: &str = "MICRO_";

/// The variable that makes `micro::run!` print all settings.
const HELP_VARIABLE: &str = "MICRO_HELP";

/// The variable by which platforms tell a program the port to listen on.
const PORT_VARIABLE: &str = "PORT";

/// The settings of an app.
///
/// Values come from defaults, then `micro.toml`, then the environment (`MICRO_ADDRESS`), then
/// [`set`](Self::set). Later sources override earlier ones. A variable that is empty counts as
/// unset.
#[derive(Clone)]
pub struct Settings {
    layers: Layers,
    /// Directory of the user's data. `None` if the environment was not read or does not name it.
    data_dir: Option<PathBuf>,
    /// Variables with the prefix of settings that are not settings. They are logged once logging
    /// has started.
    strangers: Vec<String>,
}

impl Settings {
    /// Creates settings with the default values.
    pub fn new() -> Self {
        let mut layers = Layers::new();
        for key in KEYS {
            layers.set(key.name, key.default, Origin::Default);
        }
        Self {
            layers,
            data_dir: None,
            strangers: Vec::new(),
        }
    }

    /// Loads the defaults, `micro.toml` in the working directory (or the file that `MICRO_CONFIG`
    /// names), and the environment.
    ///
    /// The variable `PORT` sets the port of `address` if `MICRO_ADDRESS` is unset. Platforms that
    /// set it expect the program to listen on all interfaces: without an address in the file, the
    /// host is `0.0.0.0`. With one, its host remains.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if the file cannot be read, is not TOML or contains an unknown setting or
    /// table, if the name of a variable is similar to that of a setting, and if `PORT` is not a
    /// port.
    #[expect(clippy::disallowed_methods, reason = "here the environment is read")]
    pub fn load() -> Result<Self> {
        let mut settings = Self::new();
        match std::env::var_os(FILE_VARIABLE).filter(|path| !path.is_empty()) {
            Some(path) => settings.file(Path::new(&path))?,
            None if Path::new(FILE).exists() => settings.file(Path::new(FILE))?,
            None => {}
        }
        settings.variables(std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }))?;
        settings.data_dir = data_dir(|name| std::env::var_os(name).map(PathBuf::from));
        Ok(settings)
    }

    /// Returns the directory of the user's data, or `None` if the environment was not read or does
    /// not name it.
    #[cfg(feature = "file")]
    pub(crate) fn data_dir(&self) -> Option<&Path> {
        self.data_dir.as_deref()
    }

    /// Adds a TOML file.
    fn file(&mut self, path: &Path) -> Result<()> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::invalid_argument(format!("cannot read the settings file {shown}"))
                .with_source(error)
        })?;
        let mut layers = self.layers.clone();
        layers.toml(&text, &shown)?;
        file::check(&text, &shown)?;
        self.layers = layers;
        Ok(())
    }

    /// Adds the variables that are settings, except empty ones. A variable that looks like a
    /// misspelled setting is an error.
    fn variables(&mut self, variables: impl Iterator<Item = (String, String)>) -> Result<()> {
        let known: Vec<(String, &Key)> = KEYS.iter().map(|key| (key.variable(), key)).collect();
        let mut problems = Problems::default();
        let mut port = None;
        for (name, value) in variables.filter(|(_, value)| !value.is_empty()) {
            if name == PORT_VARIABLE {
                port = Some(value);
            } else if let Some((_, key)) = known.iter().find(|(known, _)| *known == name) {
                self.layers.set(key.name, value, Origin::Environment(name));
            } else if name.starts_with(PREFIX) && !OTHER_VARIABLES.contains(&&*name) {
                let names = known.iter().map(|(known, _)| known.as_str());
                match suggestion(&name, names.chain(OTHER_VARIABLES)) {
                    Some(suggestion) => problems.add(Error::invalid_argument(format!(
                        "no setting `{name}`; did you mean `{suggestion}`?"
                    ))),
                    None => self.strangers.push(name),
                }
            }
        }
        if let Some(port) = port {
            problems.take(self.port(&port));
        }
        problems.finish("the environment is invalid")
    }

    /// Sets the port of `address`, unless the environment sets the whole address.
    fn port(&mut self, port: &str) -> Result<()> {
        let (address, origin) = self.get::<String>("address")?;
        if matches!(origin, Origin::Environment(_)) {
            return Ok(());
        }
        let port: u16 = port.trim().parse().map_err(|_| {
            Error::invalid_argument(format!(
                "the variable `{PORT_VARIABLE}` is `{}`, which is not a port; unset it or set \
                 `MICRO_ADDRESS`, which is used instead",
                port.escape_debug()
            ))
        })?;
        let host = match address.rsplit_once(':') {
            Some((host, _)) if origin != Origin::Default => host,
            _ => "0.0.0.0",
        };
        let origin = Origin::Environment(PORT_VARIABLE.to_owned());
        self.layers.set("address", format!("{host}:{port}"), origin);
        Ok(())
    }

    /// Logs the variables that look like settings but are not. Call it after logging has started.
    #[cfg(feature = "app")]
    pub(crate) fn log_unknown_variables(&self) {
        for variable in &self.strangers {
            tracing::warn!(variable, "not a setting");
        }
    }

    /// Sets a value from the program. It overrides file and environment.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if there is no such setting. The message suggests a similar one.
    pub fn set(&mut self, key: &str, value: impl Into<String>) -> Result<()> {
        if Key::find(key).is_none() {
            return Err(unknown(key, &Origin::Builder));
        }
        self.layers.set(key, value, Origin::Builder);
        Ok(())
    }

    /// Returns a setting and its source.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if there is no such setting or its value is not a `T`.
    pub fn get<T: FromText>(&self, key: &str) -> Result<(T, Origin)> {
        self.layers
            .get(key)?
            .ok_or_else(|| unknown(key, &Origin::Builder))
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = |key: &Key| {
            let value = self.get::<String>(key.name);
            value.map(|(text, origin)| (shown(key, text), origin))
        };
        f.debug_map()
            .entries(KEYS.iter().map(|key| (key.name, value(key))))
            .finish()
    }
}

/// Variables with the prefix of settings that are not settings.
const OTHER_VARIABLES: [&str; 2] = [FILE_VARIABLE, HELP_VARIABLE];

/// Returns a value without secrets, including secrets in URLs.
fn shown(key: &Key, value: String) -> String {
    if key.is_secret() && !value.is_empty() {
        return "..".to_owned();
    }
    match value.split_once("secret=") {
        Some((before, _)) => format!("{before}secret=.."),
        None => value,
    }
}

/// Returns `$XDG_DATA_HOME`, or `%LOCALAPPDATA%` on Windows, or `~/.local/share`.
fn data_dir(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let absolute = |name| variable(name).filter(|path| path.is_absolute());
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("LOCALAPPDATA"))
        .or_else(|| absolute("HOME").map(|home| home.join(".local").join("share")))
}

/// Returns the known variable that is most similar to a wrong one. The common prefix does not count
/// as similarity.
fn suggestion<'a>(wrong: &str, known: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let rest = |name: &'a str| name.strip_prefix(PREFIX);
    let near = nearest(wrong.strip_prefix(PREFIX)?, known.clone().filter_map(rest))?;
    known.into_iter().find(|name| rest(name) == Some(near))
}

fn unknown(key: &str, origin: &Origin) -> Error {
    let known = || KEYS.iter().map(|key| key.name);
    let hint = match nearest(key, known()) {
        Some(suggestion) => format!("did you mean `{suggestion}`?"),
        None => format!("known: `{}`", known().collect::<Vec<_>>().join("`, `")),
    };
    Error::invalid_argument(format!(
        "no setting `{}` ({origin}); {hint}",
        key.escape_debug()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_file(text: &str) -> Result<Settings> {
        let file = std::env::temp_dir().join(format!(
            "micro-settings-{}-{:?}.toml",
            std::process::id(),
            std::thread::current().id()
        ));
        std::fs::write(&file, text).unwrap();
        let mut settings = Settings::new();
        let result = settings.file(&file).map(|()| settings);
        std::fs::remove_file(&file).unwrap();
        result
    }

    fn owned(variables: &[(&str, &str)]) -> impl Iterator<Item = (String, String)> {
        let owned = variables
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        owned.collect::<Vec<_>>().into_iter()
    }

    #[test]
    fn program_beats_environment_beats_file_beats_default() {
        let mut settings =
            with_file("ttl = \"1s\"\ndrain_timeout = \"1s\"\nlog = \"warn\"").unwrap();
        let variables = [
            ("MICRO_TTL", "2s"),
            ("MICRO_DRAIN_TIMEOUT", "2s"),
            ("HOME", "x"),
        ];
        settings.variables(owned(&variables)).unwrap();
        settings.set("drain_timeout", "3s").unwrap();
        let get = |key| settings.get::<String>(key).unwrap();
        assert_eq!(get("drain_timeout"), ("3s".into(), Origin::Builder));
        assert_eq!(
            get("ttl"),
            ("2s".into(), Origin::Environment("MICRO_TTL".into()))
        );
        assert!(matches!(get("log"), (value, Origin::File(_)) if value == "warn"));
        assert_eq!(get("deregister_delay").1, Origin::Default);
    }

    #[test]
    fn unknown_keys_in_the_file_are_all_reported_with_a_suggestion() {
        let error = with_file("adress = \"x\"\n[limits]\nmax_mesage_size = 3").unwrap_err();
        let text = error.to_string();
        assert!(text.contains(".toml:1); did you mean `address`?"), "{text}");
        assert!(
            text.contains(".toml:3); did you mean `limits.max_message_size`?"),
            "{text}"
        );
    }

    #[test]
    fn unknown_tables_and_lists_are_refused_with_line_and_suggestion() {
        for (text, expected) in [
            (
                "\n[limts]\nmax_streams = 3",
                ":2); did you mean `[limits]`?",
            ),
            ("[limts]", ":1); did you mean `[limits]`?"),
            (
                "[cart]\nfree = 1",
                ":1); tables of the program itself are below `[app]`",
            ),
            ("[[cart]]\nfree = 1", ":1)"),
            ("limits = 3", ":1)"),
            ("[limits.max_streams]\na = 1", "`limits.max_streams` ("),
            ("[limits.deep]\na = 1", ":1)"),
            ("[address]\nhost = \"x\"", ":1) is a table; write one value"),
            (
                "\naddress = [\"a:1\", \"b:2\"]",
                ":2) is a list; write one value",
            ),
            ("services = [[\"a\"]]", ":1) takes a list of text"),
            ("services = [{ a = 1 }]", ":1) takes a list of text"),
        ] {
            let error = with_file(text).unwrap_err();
            assert!(error.message().contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn tables_of_the_program_are_below_app() {
        let settings = with_file(
            "services = [\"cart\", \"billing\"]\n[app]\nfree = 1\n[[app.cart]]\nx = [1, [2]]",
        );
        let services = settings.unwrap().get::<String>("services").unwrap().0;
        assert_eq!(services, "cart,billing");
        let error = with_file("app = 3").unwrap_err();
        assert!(error.message().contains("`app`"), "{error}");
    }

    #[test]
    fn empty_variable_counts_as_unset() {
        let mut settings = with_file("ttl = \"1s\"").unwrap();
        let variables = [("MICRO_TTL", ""), ("MICRO_ADRESS", ""), ("PORT", "")];
        settings.variables(owned(&variables)).unwrap();
        let (ttl, origin) = settings.get::<String>("ttl").unwrap();
        assert!(matches!(origin, Origin::File(_)), "{origin}");
        assert_eq!(ttl, "1s");
        assert_eq!(
            settings.get::<String>("address").unwrap().1,
            Origin::Default
        );
    }

    #[test]
    fn port_of_the_platform_is_used_unless_the_address_is_set() {
        let address = |file: &str, variables: &[(&str, &str)]| {
            let mut settings = with_file(file).unwrap();
            settings.variables(owned(variables)).unwrap();
            let (address, origin) = settings.get::<String>("address").unwrap();
            (address, origin.to_string())
        };
        let port = ("PORT", "8080");
        let expected = |address: &str, origin: &str| (address.to_owned(), origin.to_owned());
        assert_eq!(address("", &[port]), expected("0.0.0.0:8080", "$PORT"));
        let own = ("MICRO_ADDRESS", "127.0.0.1:1");
        let whole = expected("127.0.0.1:1", "$MICRO_ADDRESS");
        assert_eq!(address("", &[port, own]), whole);
        assert_eq!(address("", &[own, port]), whole);
        assert_eq!(address("", &[own, ("PORT", "x")]), whole);
        let file = "address = \"127.0.0.1:0\"";
        assert_eq!(address(file, &[port]), expected("127.0.0.1:8080", "$PORT"));
        let file = "address = \"[::1]:9\"";
        assert_eq!(address(file, &[port]), expected("[::1]:8080", "$PORT"));
        for wrong in ["80a", "65536", "-1", "tcp://10.0.0.1:80"] {
            let variables = [("PORT", wrong)];
            let error = Settings::new().variables(owned(&variables)).unwrap_err();
            assert!(error.message().contains("is not a port"), "{error}");
        }
    }

    #[test]
    fn a_slip_in_a_variable_is_refused_and_a_stranger_is_kept() {
        let slips = [("MICRO_ADRESS", "1"), ("MICRO_CONFG", "x"), ("PATH", "x")];
        let error = Settings::new().variables(owned(&slips)).unwrap_err();
        for (wrong, right) in [("ADRESS", "ADDRESS"), ("CONFG", "CONFIG")] {
            let line = format!("no setting `MICRO_{wrong}`; did you mean `MICRO_{right}`?");
            assert!(error.message().contains(&line), "{error}");
        }

        let strangers = [
            "MICRO_TEST_EVENTS",
            "MICRO_SERVICE_HOST",
            "MICRO_PORT",
            "MICRO_SCHEMA",
        ];
        let mut settings = Settings::new();
        settings
            .variables(owned(&strangers.map(|name| (name, "1"))))
            .unwrap();
        assert_eq!(settings.strangers, strangers);
    }

    #[test]
    fn secrets_are_not_shown() {
        let mut settings = with_file("[mdns]\nsecret = \"correct horse battery\"").unwrap();
        settings
            .set("registry", "host+mdns://?secret=battery%20horse")
            .unwrap();
        let shown = format!("{settings:?}");
        assert!(
            !shown.contains("horse") && shown.contains("host+mdns"),
            "{shown}"
        );
        let error = with_file("[mdns]\nsecrte = \"correct horse battery\"").unwrap_err();
        assert!(
            error.message().contains("did you mean `mdns.secret`?"),
            "{error}"
        );
        assert!(!error.message().contains("horse"), "{error}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Settings::new().file(Path::new("no-such.toml")).unwrap_err();
        assert!(error.message().contains("no-such.toml"), "{error}");
    }

    #[test]
    fn the_users_data_is_where_it_is_said_or_below_home() {
        let found = |set: &[(&str, &str)]| {
            let set = set.to_vec();
            data_dir(move |name| {
                let value = set.iter().find(|(known, _)| *known == name);
                value.map(|(_, value)| PathBuf::from(value))
            })
        };
        let both = [("XDG_DATA_HOME", "/data"), ("HOME", "/me")];
        assert_eq!(found(&both), Some("/data".into()));
        let relative = [("XDG_DATA_HOME", "data"), ("HOME", "/me")];
        assert_eq!(found(&relative), Some("/me/.local/share".into()));
        assert_eq!(found(&[]), None);
        assert_eq!(Settings::new().data_dir(), None);
    }
}
