//! A running app: it listens, is registered and runs its hooks. Also the graceful stop.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

#[cfg(all(feature = "server", feature = "tower"))]
use micro_core::internal::service_name;
use micro_core::internal::spawn_in;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

#[cfg(feature = "server")]
use crate::app::advertise::{Advertised, advertised};
#[cfg(all(feature = "broker", feature = "events"))]
use crate::app::durable_subscribers::DurableSubscribers;
use crate::app::every::Periodic;
use crate::app::hook::{Hook, Phase};
#[cfg(feature = "server")]
use crate::app::registrar::Registrar;
use crate::app::tasks::CancelTasks;
use crate::app::{App, Inner, report};
#[cfg(feature = "broker")]
use crate::broker::Subscriber;
#[cfg(feature = "broker")]
use crate::broker::{HostInfo, Subscription};
#[cfg(feature = "client")]
use crate::client::Client;
use crate::error::{Error, Result};
#[cfg(feature = "server")]
use crate::handler::ServiceInfo;
#[cfg(all(feature = "broker", feature = "server"))]
use crate::handler::{Instance, Resources, Route, Router, Served};
use crate::registry::Node;
#[cfg(feature = "server")]
use crate::server::{self, Server};
#[cfg(feature = "broker")]
use micro_broker::internal::BoundSubscriber;

/// Timeout of each stop hook, and of closing the events. Also the maximum time for leaving the
/// registry and the topics.
const STOP_STEP_TIMEOUT: Duration = Duration::from_secs(5);
/// Minimum time for leaving the registry and the topics, even if `drain_timeout` is shorter.
const MIN_LEAVE_TIMEOUT: Duration = Duration::from_secs(1);
/// Minimum time for the app's tasks to end after the calls, even if the drain has used up its time.
const MIN_TASK_TIMEOUT: Duration = Duration::from_secs(1);
/// Time for aborted tasks to reach their next `await`. After that, a task that blocks its thread is
/// abandoned.
const ABORT_TIMEOUT: Duration = Duration::from_millis(250);

/// A running app. Dropping it ends the app at once and aborts calls and tasks in flight.
/// [`stop`](Self::stop) ends it gracefully.
#[must_use = "dropping a running app ends it at once"]
pub struct Running {
    app: Arc<Inner>,
    /// `None` if the app serves nothing to other processes.
    #[cfg(feature = "server")]
    server: Option<server::Running>,
    address: Option<SocketAddr>,
    /// The addresses under which other processes reach this one.
    #[cfg(feature = "server")]
    advertised: Option<Advertised>,
    #[cfg(feature = "server")]
    registrar: Registrar,
    /// The nodes that were registered at the start.
    nodes: Vec<Node>,
    ready: JoinSet<Result<()>>,
    #[cfg(feature = "broker")]
    subscriptions: Vec<Subscription>,
    #[cfg(all(feature = "broker", feature = "events"))]
    streams: DurableSubscribers,
    periodic: Periodic,
    _tasks: CancelTasks,
}

impl App {
    /// Runs the start hooks, listens, registers the services, and starts the ready hooks.
    ///
    /// # Errors
    ///
    /// The error of a start hook, of the server if it cannot listen on the address, or of the
    /// registry.
    ///
    /// # Cancel safety
    ///
    /// A cancelled start leaves nothing running. Registrations expire after their ttl.
    pub async fn start(&self) -> Result<Running> {
        let app = Arc::clone(&self.0);
        #[cfg(feature = "broker")]
        app.broker
            .attach(&HostInfo::new(app.registry.clone()))
            .await?;
        for hook in app.hooks_on(Phase::Start) {
            let ran = (hook.run)(&app.resources).await;
            ran.map_err(|error| error.context(format!("start hook `{}`", hook.name)))?;
        }
        let mut running = Running {
            _tasks: CancelTasks(app.tasks.clone()),
            app,
            #[cfg(feature = "server")]
            server: None,
            address: None,
            #[cfg(feature = "server")]
            advertised: None,
            #[cfg(feature = "server")]
            registrar: Registrar::default(),
            nodes: Vec::new(),
            ready: JoinSet::new(),
            #[cfg(feature = "broker")]
            subscriptions: Vec::new(),
            #[cfg(all(feature = "broker", feature = "events"))]
            streams: DurableSubscribers::default(),
            periodic: Periodic::default(),
        };
        #[cfg(feature = "server")]
        if running.app.has_port() {
            running.listen().await?;
        }
        // Subscribers are announced only once they can be reached and accept events. No service of
        // this process publishes before the process's own subscribers are ready.
        #[cfg(feature = "broker")]
        running.subscribe().await?;
        #[cfg(feature = "server")]
        running.register().await?;
        report::ready(&running.app, running.address, &running.nodes);
        running.start_ready_hooks();
        let app = &running.app;
        running.periodic = Periodic::start(&app.works, &app.resources);
        Ok(running)
    }

    /// Starts the app, serves until [`Stop`](crate::app::Stop) requests the end, and stops
    /// gracefully.
    ///
    /// # Errors
    ///
    /// The errors of [`start`](Self::start), and the error of a ready hook.
    pub async fn run(&self) -> Result<()> {
        let mut running = self.start().await?;
        let outcome = running.wait().await;
        running.stop().await;
        outcome
    }
}

impl Inner {
    /// Whether the process receives calls or events from other processes.
    #[cfg(feature = "server")]
    fn has_port(&self) -> bool {
        #[cfg(feature = "tower")]
        if self.listen && !self.mounts.is_empty() {
            return true;
        }
        self.listen && (self.takes_events() || !self.router.routes().is_empty())
    }

    /// Whether events arrive on this process's port.
    #[cfg(feature = "server")]
    fn takes_events(&self) -> bool {
        #[cfg(feature = "broker")]
        {
            let mut subscribers = self.listeners.iter().map(|listener| &listener.subscriber);
            let plain = subscribers.any(|one| one.durable.is_none());
            plain && !self.broker.services().is_empty()
        }
        #[cfg(not(feature = "broker"))]
        false
    }

    fn hooks_on(&self, moment: Phase) -> impl Iterator<Item = &Hook> {
        self.hooks.iter().filter(move |hook| hook.on == moment)
    }
}

impl Running {
    #[cfg(feature = "server")]
    async fn listen(&mut self) -> Result<()> {
        let app = &self.app;
        #[cfg_attr(not(feature = "broker"), expect(unused_mut))]
        let mut router = app.router.clone();
        #[cfg(feature = "broker")]
        add_services(&mut router, &app.broker.services(), &app.resources)?;
        let health = app.health.server().clone();
        let config = app.options.server.clone();
        let server = Server::builder(config, router).health(health);
        #[cfg(feature = "tower")]
        let server = server.mounts(app.mounts.clone());
        let server = server.bind().await?;
        let local = server.local_address();
        let advertised = advertised(&app.options.advertise, local)?;
        self.address = Some(local);
        self.server = Some(server.start());
        #[cfg(feature = "broker")]
        app.broker
            .attach(&HostInfo::new(app.registry.clone()).at(&*advertised.address))
            .await?;
        self.advertised = Some(advertised);
        Ok(())
    }

    #[cfg(feature = "broker")]
    async fn subscribe(&mut self) -> Result<()> {
        #[cfg(feature = "events")]
        {
            self.streams = DurableSubscribers::start(&self.app.listeners, &self.app.events).await?;
        }
        let plain = |listener: &&Arc<BoundSubscriber>| listener.subscriber.durable.is_none();
        for listener in self.app.listeners.iter().filter(plain) {
            let Subscriber {
                pattern, options, ..
            } = &listener.subscriber;
            let run = Arc::clone(listener).run();
            let subscribed = self
                .app
                .broker
                .subscribe_with(pattern, options.clone(), run);
            self.subscriptions.push(subscribed.await?);
        }
        Ok(())
    }

    #[cfg(feature = "server")]
    async fn register(&mut self) -> Result<()> {
        let Some(advertised) = &self.advertised else {
            return Ok(());
        };
        let app = &self.app;
        let services = app.router.services();
        let nodes = services.iter().map(|service| {
            let mut node = advertised.complete(node_of(app, service, &advertised.address));
            let same = services.iter().filter(|one| one.name == service.name);
            if same.count() > 1 {
                node.id = format!("{}-{}", service.wire.replace('.', "-"), app.id);
            }
            (service.wire.to_owned(), node)
        });
        let nodes: Vec<_> = nodes.collect();
        #[cfg(feature = "tower")]
        let nodes = [nodes, mounted_nodes(app, advertised)].concat();
        let health = app.health.server().changes();
        let started = Registrar::start(&app.registry, app.options.ttl, nodes, health);
        (self.registrar, self.nodes) = started.await?;
        Ok(())
    }

    fn start_ready_hooks(&mut self) {
        for hook in self.app.hooks_on(Phase::Ready).cloned() {
            let app = Arc::clone(&self.app);
            spawn_in(&mut self.ready, async move {
                let ran = (hook.run)(&app.resources).await;
                ran.map_err(|error| error.context(format!("ready hook `{}`", hook.name)))
            });
        }
    }

    /// Returns the address the app listens on, or `None` if it serves nothing to other processes.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Returns the app's client.
    #[cfg(feature = "client")]
    pub fn client(&self) -> &Client {
        &self.app.client
    }

    /// Waits until the app is asked to stop, a ready hook fails, or no work is left. An app that
    /// serves nothing ends with its last ready hook or task.
    ///
    /// # Errors
    ///
    /// The error of a ready hook.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn wait(&mut self) -> Result<()> {
        let (stop, tasks) = (self.app.stop.clone(), self.app.tasks.clone());
        // An app without work waits for a signal, unless it had work that has ended.
        let mut had_work = false;
        loop {
            had_work |= tasks.has_spawned();
            let is_working = self.serves() || !self.periodic.is_empty() || !tasks.is_empty();
            if had_work && self.ready.is_empty() && !is_working {
                return Ok(());
            }
            tokio::select! {
                () = stop.requested() => return Ok(()),
                Some(ended) = self.ready.join_next() => {
                    had_work = true;
                    ended.unwrap_or_else(|lost| {
                        Err(Error::internal("a ready hook panicked").with_source(lost))
                    })?;
                }
                () = tasks.ended(), if !tasks.is_empty() => {}
            }
        }
    }

    /// Whether calls or events may arrive.
    fn serves(&self) -> bool {
        #[cfg(feature = "server")]
        if self.server.is_some() {
            return true;
        }
        #[cfg(all(feature = "broker", feature = "events"))]
        if !self.streams.is_empty() {
            return true;
        }
        #[cfg(feature = "broker")]
        if !self.subscriptions.is_empty() {
            return true;
        }
        false
    }

    /// Whether other processes can find this one.
    fn is_listed(&self) -> bool {
        #[cfg(all(feature = "broker", feature = "server"))]
        if self.server.is_some() && !self.subscriptions.is_empty() {
            return true;
        }
        #[cfg(feature = "server")]
        if self.registrar.is_listed() {
            return true;
        }
        false
    }

    /// Returns how long to serve on after leaving the registry, so that others notice.
    fn deregister_delay(&self) -> Duration {
        #[cfg(feature = "server")]
        {
            // No other process sees a registry in memory.
            let is_seen = self.app.registry.scheme() != "memory";
            let connections = self.server.as_ref().map_or(0, server::Running::connections);
            if connections > 0 || (is_seen && self.is_listed()) {
                return self.app.options.deregister_delay;
            }
        }
        #[cfg(not(feature = "server"))]
        if self.is_listed() {
            return self.app.options.deregister_delay;
        }
        Duration::ZERO
    }

    /// Stops gracefully, in this order: leave the registry, close HTTP/1 connections after their
    /// next response, give clients and publishers time to notice, accept no new events, finish the
    /// events in progress, refuse new calls, finish the calls in flight, finish the
    /// [tasks](crate::app::Tasks), wait for the events published from here, close the client, run
    /// the stop hooks. Returns the calls and tasks that were aborted.
    ///
    /// Clients and publishers have the time of the setting `deregister_delay` to notice. There is no
    /// delay if no other process knows this one: the registry is in memory and no connection is open.
    ///
    /// Everything before the stop hooks has to finish within the settings `deregister_delay` and
    /// `drain_timeout`. A task that blocks its thread longer is abandoned. Each stop hook has a
    /// timeout of 5 seconds.
    pub async fn stop(mut self) -> Stopped {
        self.app.stop.now();
        tracing::info!("stopping");
        self.periodic.leave();
        #[cfg(feature = "server")]
        if let Some(server) = &self.server {
            self.registrar.stop_following();
            server.announce_stop();
        }
        let delay = self.deregister_delay();
        let end = Instant::now() + delay + self.app.options.drain_timeout;
        let left = || end.saturating_duration_since(Instant::now());
        self.leave(self.app.options.drain_timeout).await;
        #[cfg(all(feature = "broker", feature = "events"))]
        self.streams.leave();
        tokio::time::sleep(delay).await;
        #[cfg(feature = "broker")]
        self.close_subscriptions(left()).await;
        #[cfg(all(feature = "broker", feature = "events"))]
        std::mem::take(&mut self.streams).stop(left()).await;
        std::mem::take(&mut self.periodic).stop(left()).await;
        let mut stopped = Stopped::default();
        #[cfg(feature = "server")]
        if let Some(server) = self.server.take() {
            stopped.cut = server.drain(left()).await.cut;
        }
        stopped.cut_tasks = self.app.tasks.stop(left().max(MIN_TASK_TIMEOUT)).await;
        #[cfg(feature = "broker")]
        {
            let pending = self.app.broker.flush(left()).await;
            if pending > 0 {
                tracing::error!(pending, "events published here may not have been handled");
            }
        }
        abort(&mut self.ready, "ready hooks").await;
        #[cfg(feature = "client")]
        if timeout(ABORT_TIMEOUT, self.app.client.close())
            .await
            .is_err()
        {
            tracing::warn!("connections of the client were abandoned; a task blocks its thread");
        }
        self.run_stop_hooks().await;
        #[cfg(feature = "events")]
        self.close_events().await;
        tracing::info!(app = self.app.name, "stopped");
        stopped
    }

    /// Leaves the registry and the topics within `limit`, which is raised to 1 second or lowered to
    /// 5 seconds if necessary.
    async fn leave(&mut self, limit: Duration) {
        #[cfg_attr(
            not(any(feature = "broker", feature = "server")),
            expect(unused_variables, reason = "there is nothing to leave")
        )]
        let limit = limit.clamp(MIN_LEAVE_TIMEOUT, STOP_STEP_TIMEOUT);
        #[cfg(feature = "server")]
        let mut registrar = std::mem::take(&mut self.registrar);
        #[cfg(feature = "server")]
        let deregistered = registrar.leave(limit);
        #[cfg(not(feature = "server"))]
        let deregistered = std::future::ready(());
        #[cfg(feature = "broker")]
        tokio::join!(deregistered, self.leave_topics(limit));
        #[cfg(not(feature = "broker"))]
        deregistered.await;
    }

    async fn run_stop_hooks(&self) {
        for hook in self.app.hooks_on(Phase::Stop) {
            match timeout(STOP_STEP_TIMEOUT, (hook.run)(&self.app.resources)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(hook = hook.name, %error, "stop hook failed"),
                Err(_) => {
                    tracing::error!(hook = hook.name, limit = ?STOP_STEP_TIMEOUT, "stop hook cut");
                }
            }
        }
    }

    #[cfg(feature = "events")]
    async fn close_events(&self) {
        match timeout(STOP_STEP_TIMEOUT, self.app.events.close()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "events may be lost"),
            Err(_) => {
                tracing::error!(limit = ?STOP_STEP_TIMEOUT, "the disk is slow; events may be lost");
            }
        }
    }

    /// Leaves the topics, so that publishers no longer find these subscribers.
    #[cfg(feature = "broker")]
    async fn leave_topics(&self, limit: Duration) {
        let leaving = timeout(limit, async {
            for subscription in &self.subscriptions {
                if let Err(error) = subscription.leave().await {
                    tracing::warn!(%error, "still subscribed until its ttl");
                }
            }
        });
        if leaving.await.is_err() {
            tracing::warn!(
                ?limit,
                "the broker does not answer; subscribers end all the same"
            );
        }
    }

    /// Finishes the events in progress. Waiting events go back to the broker.
    #[cfg(feature = "broker")]
    async fn close_subscriptions(&mut self, grace: Duration) {
        let mut closing = JoinSet::new();
        for subscription in self.subscriptions.drain(..) {
            spawn_in(&mut closing, subscription.close(grace));
        }
        while let Some(closed) = closing.join_next().await {
            if let Err(error) = closed {
                tracing::error!(%error, "a subscription was lost");
            }
        }
    }
}

/// Aborts tasks and waits for them to end.
pub(super) async fn abort<T: 'static>(tasks: &mut JoinSet<T>, what: &'static str) {
    tasks.abort_all();
    let ended = timeout(ABORT_TIMEOUT, async {
        while tasks.join_next().await.is_some() {}
    });
    if ended.await.is_err() {
        tracing::warn!(what, "tasks that block their thread were abandoned");
    }
}

/// Adds the methods of the services that the broker's backend provides. They are not registered and
/// have no wraps.
#[cfg(all(feature = "broker", feature = "server"))]
fn add_services(router: &mut Router, services: &[Served], resources: &Resources) -> Result<()> {
    for served in services {
        for method in served.iter() {
            let instance: Instance = Arc::new(());
            let route = Route::new(*served.info(), method, instance, resources.clone());
            router.add(route)?;
        }
    }
    Ok(())
}

#[cfg(feature = "server")]
fn node_of(app: &Inner, service: &ServiceInfo, address: &str) -> Node {
    let id = format!("{}-{}", service.name, app.id);
    let routes = app.router.routes();
    let own = routes
        .iter()
        .filter(|route| route.service.wire == service.wire);
    let mut node = Node::new(service.name, id, address)
        .with_version(service.version)
        .with_methods(own.map(|route| route.method.path.clone()));
    for (key, value) in service.metadata {
        node = node.with_metadata(*key, *value);
    }
    as_grpc(node)
}

/// Returns the nodes of the mounted gRPC services, with the services' names on the wire.
#[cfg(all(feature = "server", feature = "tower"))]
fn mounted_nodes(app: &Inner, advertised: &Advertised) -> Vec<(String, Node)> {
    let services = app.mounts.grpc_services();
    let nodes = services.map(|wire| {
        let name = service_name(wire);
        let node = Node::new(&*name, format!("{name}-{}", app.id), &*advertised.address);
        let node = as_grpc(node.with_version(app.version));
        (wire.to_owned(), advertised.complete(node))
    });
    nodes.collect()
}

/// Adds the metadata by which Go Micro's clients know that a node serves gRPC.
#[cfg(feature = "server")]
fn as_grpc(node: Node) -> Node {
    node.with_metadata("protocol", "grpc")
        .with_metadata("server", "grpc")
}

/// How an app stopped.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Stopped {
    /// Calls that had not finished at the end of the drain, the oldest first.
    #[cfg(feature = "server")]
    pub cut: Vec<server::AbortedCall>,
    /// Names of the [tasks](crate::app::Tasks) that had not ended and were cancelled.
    pub cut_tasks: Vec<String>,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
