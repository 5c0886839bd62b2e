//! `App::builder()`: configures an app in code.

use std::any::TypeId;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::app::every::{Every, LinkedEvery};
use crate::app::hook::{Hook, LinkedHook, Phase};
use crate::app::stop::Stop;
#[cfg(feature = "broker")]
use crate::app::subscribers::SubscriberSource;
use crate::app::tasks::Tasks;
#[cfg(feature = "broker")]
use crate::broker::{self, Broker, Subscriber};
use crate::error::Result;
#[cfg(feature = "events")]
use crate::events::{self, Events};
use crate::handler::{BoxFuture, Instance, LinkedService, Resources, Served, Service};
use crate::registry::{self, Registry};
#[cfg(all(feature = "server", feature = "tower"))]
use crate::server::{HttpService, Mounts};
use crate::settings::Settings;
use crate::wrap::{LinkedWrap, ScopedWrap, Wrap};

/// A service before the app is assembled.
pub(super) enum Source {
    /// Given to the builder as an instance.
    Given {
        type_id: TypeId,
        instance: Instance,
        served: Vec<Served>,
    },
    /// Found at link time. The instance is created when the app is assembled.
    Linked(&'static LinkedService),
}

/// Configures an app. [`build`](Self::build) checks and assembles it.
///
/// A program gets a builder from `micro::run!(|app| …)`: it contains everything that is linked and
/// the settings of `micro.toml` and the environment, and logging, signals and the exit code work as
/// with `micro::run!()`.
///
/// A builder of [`App::builder`](crate::app::App::builder) is for tests and for apps within another
/// program. It adds nothing by itself:
///
/// - Without [`linked`](Self::linked), the app contains only what the builder was given.
/// - Without [`environment`](Self::environment), it does not read `micro.toml` and the environment.
/// - It installs no log. The program calls `tracing_subscriber::fmt().init()` or the like, and
///   errors are invisible until it does.
/// - It handles no signals: SIGTERM ends the process at once, without a graceful stop, unless the
///   program calls [`Stop::now`](crate::app::Stop::now).
/// - It does not end the process: the program prints the error of
///   [`App::run`](crate::app::App::run) and returns the exit code.
/// - It runs on the program's runtime. `run!` has a second one for signals and the time limits of
///   the stop, which work while handlers block every worker.
#[must_use = "a builder does nothing until `build` is called"]
pub struct Builder {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
    pub(super) settings: Result<Settings>,
    pub(super) registry: Option<Registry>,
    pub(super) registry_schemes: Vec<registry::Scheme>,
    #[cfg(feature = "events")]
    pub(super) events: Option<Events>,
    #[cfg(feature = "events")]
    pub(super) events_schemes: Vec<events::Scheme>,
    #[cfg(feature = "broker")]
    pub(super) broker: Option<Broker>,
    #[cfg(feature = "broker")]
    pub(super) broker_schemes: Vec<broker::Scheme>,
    pub(super) sources: Vec<Source>,
    #[cfg(all(feature = "server", feature = "tower"))]
    pub(super) mounts: Result<Mounts>,
    pub(super) wraps: Vec<ScopedWrap>,
    pub(super) linked_wraps: Vec<&'static LinkedWrap>,
    pub(super) hooks: Vec<Hook>,
    #[cfg(feature = "broker")]
    pub(super) listening: Vec<SubscriberSource>,
    pub(super) works: Vec<Every>,
    pub(super) resources: Resources,
    pub(super) stop: Stop,
    pub(super) tasks: Tasks,
    pub(super) listen: bool,
    pub(super) has_linked: bool,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            name: "app",
            version: "0.0.0",
            settings: Ok(Settings::new()),
            registry: None,
            registry_schemes: Vec::new(),
            #[cfg(feature = "events")]
            events: None,
            #[cfg(feature = "events")]
            events_schemes: Vec::new(),
            #[cfg(feature = "broker")]
            broker: None,
            #[cfg(feature = "broker")]
            broker_schemes: Vec::new(),
            sources: Vec::new(),
            #[cfg(all(feature = "server", feature = "tower"))]
            mounts: Ok(Mounts::new()),
            wraps: Vec::new(),
            linked_wraps: Vec::new(),
            hooks: Vec::new(),
            #[cfg(feature = "broker")]
            listening: Vec::new(),
            works: Vec::new(),
            resources: Resources::new(),
            stop: Stop::default(),
            tasks: Tasks::default(),
            listen: true,
            has_linked: false,
        }
    }

    /// Sets name and version for logs and the start-up report. Default: `app` `0.0.0`.
    pub fn name(mut self, name: &'static str, version: &'static str) -> Self {
        (self.name, self.version) = (name, version);
        self
    }

    /// Reads the settings of `micro.toml` and the environment. This discards earlier calls of
    /// [`setting`](Self::setting).
    pub fn environment(mut self) -> Self {
        self.settings = Settings::load();
        self
    }

    /// Sets one setting: `.setting("address", "0.0.0.0:8080")`. It overrides file and environment.
    ///
    /// [`build`](Self::build) returns an error for an unknown setting.
    pub fn setting(mut self, key: &str, value: impl Into<String>) -> Self {
        self.settings = self.settings.and_then(|mut settings| {
            settings.set(key, value)?;
            Ok(settings)
        });
        self
    }

    /// Uses this registry instead of the one that the setting `registry` names.
    pub fn registry(mut self, registry: Registry) -> Self {
        self.registry = Some(registry);
        self
    }

    /// Adds a scheme for the setting `registry`. It takes precedence over a scheme of the same name
    /// that is built in or announced at link time.
    ///
    /// # Examples
    ///
    /// ```
    /// use micro::registry::{Memory, Registry, Scheme};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> micro::Result<()> {
    /// let app = micro::App::builder()
    ///     .registry_scheme(Scheme::new("shelf", |_rest| Ok(Registry::new(Memory::new()))))
    ///     .setting("registry", "shelf://a")
    ///     .in_process();
    /// app.build().await?;
    /// # Ok(()) }
    /// ```
    pub fn registry_scheme(mut self, scheme: registry::Scheme) -> Self {
        self.registry_schemes.push(scheme);
        self
    }

    /// Adds a scheme for the setting `events`. See [`registry_scheme`](Self::registry_scheme).
    #[cfg(feature = "events")]
    pub fn events_scheme(mut self, scheme: events::Scheme) -> Self {
        self.events_schemes.push(scheme);
        self
    }

    /// Adds a scheme for the setting `broker`. See [`registry_scheme`](Self::registry_scheme).
    #[cfg(feature = "broker")]
    pub fn broker_scheme(mut self, scheme: broker::Scheme) -> Self {
        self.broker_schemes.push(scheme);
        self
    }

    /// Uses these events instead of those that the setting `events` names. The app closes them when
    /// it stops.
    #[cfg(feature = "events")]
    pub fn events(mut self, events: Events) -> Self {
        self.events = Some(events);
        self
    }

    /// Uses this broker instead of the one that the setting `broker` names.
    #[cfg(feature = "broker")]
    pub fn broker(mut self, broker: Broker) -> Self {
        self.broker = Some(broker);
        self
    }

    /// Adds a service.
    pub fn service<S: Service>(mut self, service: S) -> Self {
        self.sources.push(Source::Given {
            type_id: TypeId::of::<S>(),
            instance: Arc::new(service),
            served: S::served(),
        });
        self
    }

    /// Adds a linked service, which has the attribute `#[micro::service]`. Its fields are injected.
    ///
    /// # Panics
    ///
    /// If the service was not collected at link time. This is the case only for generic services.
    pub fn linked_service<S: Service>(mut self) -> Self {
        let found = LinkedService::linked()
            .into_iter()
            .find(|record| (record.type_id)() == TypeId::of::<S>());
        let record = found.unwrap_or_else(|| {
            panic!(
                "`{}` was not collected at link time; give its value to `service`",
                std::any::type_name::<S>()
            )
        });
        self.sources.push(Source::Linked(record));
        self
    }

    /// Serves requests for `path` and everything below it with a `tower::Service`, for example an
    /// axum router. The service sees paths without this prefix. See
    /// [`Mounts::mount`](crate::server::Mounts::mount).
    ///
    /// The app's [`Client`](crate::client::Client) is in the extensions of each request, so that
    /// the service can call the program's services and others: in axum,
    /// `Extension(client): Extension<Client>`. Its calls inherit the request's trace.
    ///
    /// [`build`](Self::build) returns an error for an invalid path and for one that is taken.
    ///
    /// # Examples
    ///
    /// ```
    /// use axum::{Router, routing::get};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> micro::Result<()> {
    /// let admin = Router::new().route("/users", get(|| async { "ada" }));
    /// let app = micro::App::builder().mount("/admin", admin);
    /// # app.registry(micro::registry::Registry::open("memory://")?).build().await?;
    /// # Ok(()) }
    /// ```
    #[cfg(all(feature = "server", feature = "tower"))]
    pub fn mount(mut self, path: &str, service: impl HttpService) -> Self {
        self.mounts = self.mounts.and_then(|mut mounts| {
            mounts.mount(path, service)?;
            Ok(mounts)
        });
        self
    }

    /// Serves a service that tonic generated, as it is. It is registered like a service of micro,
    /// under the kebab case of its name: `helloworld.Greeter` as `greeter`. It appears in health
    /// checks, and in reflection if its [descriptors](Self::descriptors) are added.
    ///
    /// Any client finds and calls it: tonic's, and the one that `micro-build` generates from the
    /// same `.proto` file. Wraps do not run around its calls; use tonic's interceptors.
    ///
    /// [`build`](Self::build) returns an error for a service that is served already.
    #[cfg(feature = "tonic")]
    pub fn tonic_service<S>(mut self, service: S) -> Self
    where
        S: tonic::server::NamedService + HttpService,
    {
        self.mounts = self.mounts.and_then(|mut mounts| {
            mounts.grpc(S::NAME, service)?;
            Ok(mounts)
        });
        self
    }

    /// Adds descriptors of mounted gRPC services for reflection: an encoded
    /// `google.protobuf.FileDescriptorSet`, as tonic-build and protoc write it.
    ///
    /// [`build`](Self::build) returns an error for bytes that are something else.
    #[cfg(all(feature = "tower", feature = "reflection"))]
    pub fn descriptors(mut self, set: &[u8]) -> Self {
        self.mounts = self.mounts.and_then(|mut mounts| {
            mounts.descriptors(set.to_vec())?;
            Ok(mounts)
        });
        self
    }

    /// Serves requests that nothing else matches with a `tower::Service`, for example an axum
    /// router with the pages of a website. It also gets `GET /`, which otherwise lists the services.
    /// See [`Mounts::fallback`](crate::server::Mounts::fallback).
    ///
    /// [`build`](Self::build) returns an error for a second fallback.
    ///
    /// # Examples
    ///
    /// ```
    /// use axum::{Router, response::Html, routing::get};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> micro::Result<()> {
    /// let pages = Router::new().route("/", get(|| async { Html("<h1>Welcome</h1>") }));
    /// let app = micro::App::builder().fallback(pages);
    /// # app.registry(micro::registry::Registry::open("memory://")?).build().await?;
    /// # Ok(()) }
    /// ```
    #[cfg(all(feature = "server", feature = "tower"))]
    pub fn fallback(mut self, service: impl HttpService) -> Self {
        self.mounts = self.mounts.and_then(|mut mounts| {
            mounts.fallback(service)?;
            Ok(mounts)
        });
        self
    }

    /// Adds a subscriber.
    #[cfg(feature = "broker")]
    pub fn subscriber(mut self, subscriber: Subscriber) -> Self {
        self.listening
            .push(SubscriberSource::Given(Box::new(subscriber)));
        self
    }

    /// Adds the subscribers that `#[micro::subscribe]` created from free functions of this name.
    /// The subscribers of a service are added with the service.
    ///
    /// # Panics
    ///
    /// If no subscriber of this name was collected at link time.
    #[cfg(feature = "broker")]
    pub fn linked_subscriber(mut self, name: &str) -> Self {
        let (found, others): (Vec<_>, Vec<_>) =
            SubscriberSource::linked().partition(|listening| listening.name() == name);
        let known: Vec<_> = others.iter().map(SubscriberSource::name).collect();
        assert!(
            !found.is_empty(),
            "no subscriber `{name}` was collected at link time, only `{}`",
            known.join("`, `")
        );
        self.listening.extend(found);
        self
    }

    /// Runs a function every `period`, starting when the app is ready. Runs never overlap.
    pub fn every<F>(mut self, period: Duration, name: &'static str, work: F) -> Self
    where
        F: for<'a> Fn(&'a Resources) -> BoxFuture<'a, Result<()>> + Send + Sync + 'static,
    {
        self.works.push(Every::new(name, period, work));
        self
    }

    /// Adds everything that was collected at link time: services, subscribers, wraps, hooks and
    /// periodic work. A second call has no effect.
    pub fn linked(mut self) -> Self {
        if std::mem::replace(&mut self.has_linked, true) {
            return self;
        }
        self.sources
            .extend(LinkedService::linked().into_iter().map(Source::Linked));
        self.linked_wraps = LinkedWrap::linked();
        self.hooks
            .extend(LinkedHook::linked().into_iter().map(Hook::linked));
        #[cfg(feature = "broker")]
        self.listening.extend(SubscriberSource::linked());
        self.works
            .extend(LinkedEvery::linked().into_iter().map(Every::linked));
        self
    }

    /// Adds a wrap around all served calls and events, with order 0 and no filter.
    pub fn wrap(self, name: &'static str, wrap: impl Wrap) -> Self {
        self.scoped_wrap(ScopedWrap::new(name, wrap))
    }

    /// Adds a wrap with its own order and filters.
    pub fn scoped_wrap(mut self, wrap: ScopedWrap) -> Self {
        self.wraps.push(wrap);
        self
    }

    /// Adds a value that services and hooks can inject as `Arc<T>`.
    pub fn provide<T: Send + Sync + 'static>(self, value: T) -> Self {
        self.resources
            .insert::<T>(value)
            .expect("they are frozen by `build` alone, which consumes the builder");
        self
    }

    /// Adds a hook.
    pub fn on<F>(mut self, moment: Phase, name: &'static str, hook: F) -> Self
    where
        F: for<'a> Fn(&'a Resources) -> BoxFuture<'a, Result<()>> + Send + Sync + 'static,
    {
        self.hooks.push(Hook::new(name, moment, hook));
        self
    }

    /// Serves only callers within the process. The app opens no port and registers no nodes.
    pub fn in_process(mut self) -> Self {
        self.listen = false;
        self
    }

    /// Whether the app has nothing to run.
    pub(super) fn is_empty(&self) -> bool {
        #[cfg(feature = "broker")]
        if !self.listening.is_empty() {
            return false;
        }
        #[cfg(all(feature = "server", feature = "tower"))]
        if !self.mounts.as_ref().is_ok_and(Mounts::is_empty) {
            return false;
        }
        self.sources.is_empty() && self.hooks.is_empty() && self.works.is_empty()
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.name)
            .field("settings", &self.settings)
            .field("services", &self.sources.len())
            .field("wraps", &(self.wraps.len() + self.linked_wraps.len()))
            .field("hooks", &self.hooks)
            .finish_non_exhaustive()
    }
}
