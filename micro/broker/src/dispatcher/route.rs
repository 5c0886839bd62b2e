//! Delivery to one target: selects a member, and the next one if that member refuses the event.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::{Dispatcher, Known, Member, Refusal, Target, rendezvous};
use crate::record::Event;
use micro_message::error::{Error, Result};

/// Maximum time to wait for a full member of a queue before the next member is tried.
const OFFER_TIMEOUT: Duration = Duration::from_millis(25);
/// Delay after which unreachable members are tried again.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);

impl Dispatcher {
    /// Delivers an event to a subscriber, or to one member of a queue, if that is possible without
    /// waiting. Returns whether the event was accepted.
    pub fn deliver_now(
        &self,
        target: &Target,
        event: &Arc<Event>,
        members: &[Arc<dyn Member>],
    ) -> bool {
        let fitting = fitting(members, target, &HashSet::new());
        if fitting.is_empty() {
            return false;
        }
        let member = pick(&fitting, event, any());
        let ticket = self.ticket(target, event);
        match member.offer_now(event, ticket.settle()) {
            Ok(()) => {
                ticket.taken();
                true
            }
            Err(settle) => {
                ticket.refused();
                drop(settle);
                false
            }
        }
    }

    /// Delivers an event to a subscriber, or to one member of a queue.
    ///
    /// The first attempt uses the members in `known`, if given, and later attempts use the current
    /// members. Returns `false` if the last member had ended gracefully before.
    pub async fn deliver(
        &self,
        (target, mut known): (Target, Option<Known>),
        event: Arc<Event>,
        deadline: Instant,
    ) -> Result<bool> {
        // Members that could not be reached since the last delay.
        let mut gone = HashSet::new();
        let (mut why, mut ended) = (None, false);
        let mut turn = any();
        let mut round = 0;
        loop {
            let members = known.take();
            let members = members.unwrap_or_else(|| self.members.of(&event.topic).into());
            let members = fitting(&members, &target, &gone);
            if members.is_empty() {
                if ended && gone.is_empty() {
                    return Ok(false);
                }
                let left = gone.is_empty() && matches!(target, Target::Plain(_));
                if left || !self.wait(deadline).await {
                    return Err(nobody(&target, &event, why));
                }
                gone.clear();
                continue;
            }
            let only = event.key.is_some() || members.len() == 1;
            let member = pick(&members, &event, turn);
            let limit = match round {
                _ if only => deadline,
                round if round < members.len() => Instant::now(),
                _ => deadline.min(Instant::now() + OFFER_TIMEOUT),
            };
            let ticket = self.ticket(&target, &event);
            let offered = member.offer(Arc::clone(&event), ticket.settle(), limit);
            match offered.await {
                Ok(()) => {
                    ticket.taken();
                    return Ok(true);
                }
                Err(refusal) => {
                    ticket.refused();
                    match refusal {
                        Refusal::Full(_) if !only && Instant::now() < deadline => {}
                        Refusal::Full(error) | Refusal::Never(error) => {
                            return Err(say(error, &target, &event));
                        }
                        Refusal::Ended(error) => {
                            tracing::debug!(member = member.id(), %error, "not delivered");
                            ended = true;
                        }
                        Refusal::Gone(error) => {
                            tracing::debug!(member = member.id(), %error, "not delivered");
                            gone.insert(member.id().to_owned());
                            why = Some(error);
                        }
                    }
                }
            }
            (turn, round) = (turn.wrapping_add(1), round + 1);
        }
    }

    /// Waits for a change of the members or for [`RETRY_INTERVAL`]. Returns `false` if the deadline
    /// has passed.
    async fn wait(&self, deadline: Instant) -> bool {
        if Instant::now() >= deadline {
            return false;
        }
        let change = async {
            tokio::select! {
                () = self.members.changed().notified() => {}
                () = sleep(RETRY_INTERVAL) => {}
            }
        };
        timeout_at(deadline, change).await.is_ok()
    }
}

/// Returns a random index of the first member to try. A counter could fall into step with the order
/// in which publishers alternate between topics and queues, and some members would then receive no
/// events.
fn any() -> usize {
    fastrand::usize(..)
}

/// Returns the members of a target, except those in `gone`.
fn fitting(
    members: &[Arc<dyn Member>],
    target: &Target,
    gone: &HashSet<String>,
) -> Vec<Arc<dyn Member>> {
    let fitting = members
        .iter()
        .filter(|member| member.target() == target && !gone.contains(member.id()));
    fitting.cloned().collect()
}

/// Selects a member: by rendezvous hashing for an event with a key, otherwise by `turn`.
fn pick(members: &[Arc<dyn Member>], event: &Event, turn: usize) -> Arc<dyn Member> {
    let key = event.key.as_deref();
    let by_key = key.and_then(|key| rendezvous::member(key, members));
    Arc::clone(by_key.unwrap_or_else(|| &members[turn % members.len()]))
}

fn nobody(target: &Target, event: &Event, why: Option<Error>) -> Error {
    match why {
        Some(error) => say(error, target, event),
        None => say(
            Error::unavailable("nobody is left to take it"),
            target,
            event,
        ),
    }
}

fn say(error: Error, target: &Target, event: &Event) -> Error {
    let (topic, id) = (&event.topic, &event.id);
    error.context(format_args!("{target} did not take `{id}` of `{topic}`"))
}
