//! Subscribers of the app: creates checked subscribers, with their wraps, from records.

use std::any::TypeId;
use std::sync::Arc;

#[cfg(feature = "events")]
use crate::app::durable_subscribers;
use crate::broker::Pattern;
use crate::broker::{LinkedSubscribers, Subscriber};
use crate::codec::Types;
use crate::error::{Error, Result};
use crate::handler::{AccessLog, Instance, Location, MethodInfo, Resources};
use crate::settings::problems::Problems;
use crate::wrap::{On, ScopedWrap};
use micro_broker::internal::BoundSubscriber;
use micro_broker::internal::matches;

/// A source of subscribers before the app is assembled.
#[derive(Debug, Clone)]
pub(super) enum SubscriberSource {
    Given(Box<Subscriber>),
    Linked(&'static LinkedSubscribers),
}

impl SubscriberSource {
    /// Returns the free functions that were collected at link time.
    pub(super) fn linked() -> impl Iterator<Item = Self> {
        let all = LinkedSubscribers::linked().into_iter();
        all.filter(|record| record.type_id.is_none())
            .map(Self::Linked)
    }

    /// Returns the function's name.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Given(subscriber) => subscriber.name,
            Self::Linked(record) => record.name,
        }
    }

    fn subscribers(&self) -> Vec<Subscriber> {
        match self {
            Self::Given(subscriber) => vec![(**subscriber).clone()],
            Self::Linked(record) => (record.subscribers)(),
        }
    }
}

/// Returns the subscribers among a service's methods.
pub(super) fn of_service(service: TypeId) -> Vec<Subscriber> {
    let all = LinkedSubscribers::linked().into_iter();
    let own = all.filter(|record| record.type_id.is_some_and(|id| id() == service));
    own.flat_map(|record| (record.subscribers)()).collect()
}

/// Binds subscribers to the app and records the problems it finds.
pub(super) struct SubscriberBinder<'a> {
    pub(super) wraps: &'a [ScopedWrap],
    pub(super) resources: &'a Resources,
    pub(super) problems: &'a mut Problems,
    /// Which events are logged.
    pub(super) access_log: AccessLog,
    pub(super) types: Types,
    pub(super) all: Vec<Arc<BoundSubscriber>>,
}

impl SubscriberBinder<'_> {
    /// Adds the subscribers of a service instance.
    pub(super) fn add_service(&mut self, name: &'static str, service: TypeId, instance: &Instance) {
        for subscriber in of_service(service) {
            let resources = self.resources.for_service(service);
            self.add(name, subscriber, resources, Arc::clone(instance));
        }
    }

    /// Adds subscribers that are free functions.
    pub(super) fn add_free(&mut self, listening: &[SubscriberSource]) {
        for subscriber in listening.iter().flat_map(SubscriberSource::subscribers) {
            self.add("", subscriber, self.resources.clone(), Arc::new(()));
        }
    }

    fn add(
        &mut self,
        service: &'static str,
        mut subscriber: Subscriber,
        resources: Resources,
        instance: Instance,
    ) {
        subscriber.options.service = service;
        subscriber.options.access_log = self.access_log;
        let place = place_of(subscriber.location);
        let name = subscriber.name;
        let said = |error: Error| error.context(format_args!("{place}: subscriber `{name}`"));
        let checked = self.check(&subscriber);
        if self.problems.take(checked.map_err(said)).is_none() {
            return;
        }
        subscriber.describe(&mut self.types);
        let path = format!("/{}/{name}", subscriber.pattern);
        let method = Arc::new(MethodInfo::new(service, path));
        let chain = ScopedWrap::chain(self.wraps, On::Event, &method);
        let listener = BoundSubscriber::new(subscriber, method, chain, resources, instance);
        self.all.push(Arc::new(listener));
    }

    fn check(&self, subscriber: &Subscriber) -> Result<()> {
        subscriber.check()?;
        if let Some(durable) = subscriber.durable {
            #[cfg(feature = "events")]
            durable_subscribers::check(subscriber, &durable)?;
            #[cfg(not(feature = "events"))]
            return Err(Error::unimplemented(format!(
                "it reads the durable stream `{}`, and micro's feature `events` is off",
                durable.stream
            )));
        }
        let options = &subscriber.options;
        if let Some(dead) = &options.dead_letter
            && matches(subscriber.pattern, dead)
        {
            return Err(Error::invalid_argument(format!(
                "its dead letters would come back to it: `{dead}` is one of the topics of `{}`",
                Pattern::parse(subscriber.pattern)?
            )));
        }
        let same = |other: &&Arc<BoundSubscriber>| {
            let other = &other.subscriber;
            (other.name, other.pattern) == (subscriber.name, subscriber.pattern)
                && other.options.queue == options.queue
                && other.location == subscriber.location
        };
        match self.all.iter().find(same) {
            Some(_) => Err(Error::already_exists("it is there twice; remove one")),
            None => Ok(()),
        }
    }
}

fn place_of(location: Option<Location>) -> String {
    location.map_or("the builder".to_owned(), |location| location.to_string())
}
