//! The keys of `#[micro::subscribe]`.

use std::time::Duration;

use proc_macro2::TokenStream;
use syn::{LitInt, LitStr};

use crate::args::Args;
use crate::diag::Mistakes;
use crate::subscribe::check;
use crate::suggest::unknown;
use crate::{duration, names};

/// The keys on a free function. The last key is not available on a method.
pub(crate) const KEYS: &[&str] = &[
    "queue",
    "concurrency",
    "retries",
    "backoff",
    "dead_letter",
    "ack",
    "ack_wait",
    "timeout",
    "stream",
    "group",
    "from",
    "crate",
];

/// The parsed keys of `#[micro::subscribe(…)]`.
pub(super) struct Keys {
    /// A topic or pattern. Default: the topic of the event's type.
    pub(super) topic: Option<LitStr>,
    pub(super) queue: Option<LitStr>,
    pub(super) concurrency: Option<LitInt>,
    pub(super) retries: Option<LitInt>,
    pub(super) backoff: Option<Duration>,
    pub(super) dead_letter: Option<LitStr>,
    pub(super) manual: bool,
    pub(super) ack_wait: Option<Duration>,
    pub(super) timeout: Option<Duration>,
    pub(super) stream: Option<LitStr>,
    pub(super) group: Option<LitStr>,
    pub(super) from: Option<LitStr>,
    pub(super) private: TokenStream,
}

impl Keys {
    /// Parses the keys on a method. `crate` is a key of its `impl`.
    pub(super) fn of_method(tokens: TokenStream, mistakes: &mut Mistakes) -> Self {
        Self::read(tokens, &KEYS[..KEYS.len() - 1], mistakes)
    }

    /// Parses the keys on a free function.
    pub(super) fn of_function(tokens: TokenStream, mistakes: &mut Mistakes) -> Self {
        Self::read(tokens, KEYS, mistakes)
    }

    fn read(tokens: TokenStream, known: &[&str], mistakes: &mut Mistakes) -> Self {
        let mut args = Args::parse(tokens, known, mistakes);
        let ack = args.string("ack", mistakes);
        let keys = Self {
            topic: topic(&mut args, mistakes),
            queue: args.string("queue", mistakes),
            concurrency: args.integer("concurrency", mistakes),
            retries: args.integer("retries", mistakes),
            backoff: duration::take(&mut args, "backoff", mistakes),
            dead_letter: args.string("dead_letter", mistakes),
            manual: ack.is_some_and(|ack| is_manual(&ack, mistakes)),
            ack_wait: duration::take(&mut args, "ack_wait", mistakes),
            timeout: duration::take(&mut args, "timeout", mistakes),
            stream: args.string("stream", mistakes),
            group: args.string("group", mistakes),
            from: args.string("from", mistakes),
            private: names::private(&mut args, mistakes),
        };
        args.finish(mistakes);
        keys.check(mistakes);
        keys
    }

    fn check(&self, mistakes: &mut Mistakes) {
        if let Some(topic) = &self.topic {
            check::pattern(topic, mistakes);
        }
        if let Some(dead) = &self.dead_letter {
            check::topic(dead, mistakes);
        }
        let named = [
            (&self.queue, "queue"),
            (&self.stream, "stream"),
            (&self.group, "group"),
        ];
        for (text, what) in named {
            if let Some(text) = text {
                check::name(text, what, mistakes);
            }
        }
        if let Some(from) = &self.from {
            check::start(from, mistakes);
        }
        check_number(self.concurrency.as_ref(), "concurrency", 1, mistakes);
        check_number(self.retries.as_ref(), "retries", 0, mistakes);
        self.check_idle(mistakes);
    }

    /// Rejects keys that have no effect.
    fn check_idle(&self, mistakes: &mut Mistakes) {
        for (text, key) in [(&self.group, "group"), (&self.from, "from")] {
            if let (Some(text), None) = (text, &self.stream) {
                let message = format!(
                    "`{key}` applies only to durable streams; add `stream = \"…\"` or remove \
                     `{key}`"
                );
                mistakes.on(text, message);
            }
        }
        if let (Some(queue), Some(_)) = (&self.queue, &self.stream) {
            let message = "`queue` does not apply to durable streams; write `group = \"…\"` \
                           instead";
            mistakes.on(queue, message);
        }
        let retries = self.retries.as_ref();
        let zero = retries.filter(|retries| retries.base10_digits() == "0");
        if let (Some(zero), Some(_)) = (zero, self.backoff) {
            mistakes.on(
                zero,
                "`backoff` has no effect with `retries = 0`; remove one of them",
            );
        }
        if let (Some(_), false) = (self.ack_wait, self.manual) {
            let message = "`ack_wait` has no effect without `ack = \"manual\"`; add it or remove \
                           `ack_wait`";
            mistakes.at(proc_macro2::Span::call_site(), message);
        }
    }
}

/// Removes the positional string.
fn topic(args: &mut Args, mistakes: &mut Mistakes) -> Option<LitStr> {
    let text = args.positional()?.text();
    let wrong = "a topic must be a string; write for example \
                 `#[micro::subscribe(\"orders.made\")]`";
    text.map_err(|span| mistakes.at(span, wrong)).ok()
}

fn is_manual(ack: &LitStr, mistakes: &mut Mistakes) -> bool {
    let text = ack.value();
    if !["auto", "manual"].contains(&&*text) {
        let message = unknown("`ack` value", &text, &["auto", "manual"]);
        mistakes.at(ack.span(), message);
    }
    text == "manual"
}

fn check_number(number: Option<&LitInt>, key: &str, least: u32, mistakes: &mut Mistakes) {
    const MAX_CONCURRENCY: u32 = 4096;
    let Some(number) = number else { return };
    let value = number.base10_parse::<u32>();
    if !value.is_ok_and(|value| (least..=MAX_CONCURRENCY).contains(&value)) {
        mistakes.on(
            number,
            format!("`{key}` is {number} but must be from {least} to {MAX_CONCURRENCY}"),
        );
    }
}
