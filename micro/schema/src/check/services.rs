//! Compares services and their methods.

use crate::check::compare::Comparison;
use crate::check::finding::{Affected, Harm};
use crate::model::{Method, Service};

impl<'a> Comparison<'a> {
    /// Compares all services of both schemas.
    pub(super) fn services(&mut self) {
        let old: Vec<(String, &'a Service)> = self
            .old
            .services
            .iter()
            .map(|(name, one)| (name.clone(), *one))
            .collect();
        let new: Vec<String> = self.new.services.keys().cloned().collect();
        for (name, service) in &old {
            if let Some(other) = self.new.services.get(name).copied() {
                self.service(name, service, other);
                continue;
            }
            let harms = gone("every call fails with `unimplemented`");
            let remedy = "serve it until no caller uses it; if only the Rust name changed, keep the \
                          old one with `name = \"…\"` and `package = \"…\"`";
            self.find(
                name,
                "the service is removed".to_owned(),
                harms,
                remedy.to_owned(),
            );
        }
        for name in new
            .iter()
            .filter(|name| old.iter().all(|(known, _)| known != *name))
        {
            self.add(format!("service `{name}`"));
        }
        self.shadows();
    }

    fn service(&mut self, name: &str, old: &Service, new: &Service) {
        for method in &old.methods {
            let place = format!("{name}/{}", method.name);
            if let Some(other) = new.methods.iter().find(|other| other.name == method.name) {
                self.method(&place, method, other);
                continue;
            }
            let harms = gone("calls fail with `unimplemented`");
            let remedy = "keep it, marked `#[deprecated]`, until no caller uses it; if only the Rust \
                          name changed, keep the old one: `#[micro::rpc(name = \"…\")]`";
            self.find(
                &place,
                "the method is removed".to_owned(),
                harms,
                remedy.to_owned(),
            );
        }
        for method in &new.methods {
            if old.methods.iter().all(|known| known.name != method.name) {
                self.add(format!(
                    "method `{name}/{}` (calls to old services fail with `unimplemented`)",
                    method.name
                ));
            }
        }
    }

    fn method(&mut self, place: &str, old: &Method, new: &Method) {
        let add = "keep the method as it was and add another one".to_owned();
        if kind(old) != kind(new) {
            let how = "the call fails: one side sends one message where the other expects many";
            let harms = vec![
                Affected::OldCallers.by(how),
                Affected::NewCallers.by(how),
                Affected::Sources.by("the generated method has another signature"),
            ];
            let what = format!("it was {} and is {}", kind(old), kind(new));
            self.find(place, what, harms, add.clone());
        }
        let unread = "the message is rejected or misread";
        for (role, before, after) in [
            ("request", &old.request, &new.request),
            ("response", &old.reply, &new.reply),
        ] {
            if !self.same_name(before, after) {
                let harms = vec![
                    Affected::OldCallers.by(unread),
                    Affected::NewCallers.by(unread),
                    Affected::Json.by(unread),
                ];
                let what = format!("its {role} was `{before}` and is `{after}`");
                self.find(place, what, harms, add.clone());
            }
        }
        self.error(place, old, new);
        self.idempotent(place, old, new);
        self.http(place, old, new);
    }

    fn error(&mut self, place: &str, old: &Method, new: &Method) {
        match (&old.error, &new.error) {
            (Some(before), Some(after)) if self.same_name(before, after) => {}
            (Some(before), after) => {
                let after = after
                    .as_deref()
                    .map_or("has none".to_owned(), |n| format!("is `{n}`"));
                let how = "callers get only the kind and message of typed errors";
                let harms = vec![Affected::OldCallers.by(how), Affected::NewCallers.by(how)];
                let what = format!("its error was `{before}` and {after}");
                let remedy = "keep the error and add variants to it".to_owned();
                self.find(place, what, harms, remedy);
            }
            (None, Some(after)) => self.add(format!("error `{after}` of `{place}`")),
            (None, None) => {}
        }
    }

    fn idempotent(&mut self, place: &str, old: &Method, new: &Method) {
        match (old.idempotent, new.idempotent) {
            (true, false) => {
                let harms = vec![
                    Affected::OldCallers.by("they still retry calls that may have run already"),
                    Affected::Http.by("GET calls are rejected"),
                ];
                let remedy = "keep the method idempotent and marked `idempotent`, or add another \
                              method";
                self.find(
                    place,
                    "it is no longer idempotent".to_owned(),
                    harms,
                    remedy.to_owned(),
                );
            }
            (false, true) => self.add(format!("`{place}` is idempotent")),
            _ => {}
        }
        match (old.safe, new.safe) {
            (true, false) if new.idempotent => {
                let harms = vec![Affected::Http.by("pages of other sites can no longer GET it")];
                let remedy = "keep the method free of side effects and marked `safe`, or add \
                              another method";
                let what = "it is no longer safe".to_owned();
                self.find(place, what, harms, remedy.to_owned());
            }
            (false, true) => self.add(format!("`{place}` is safe")),
            _ => {}
        }
    }
}

fn gone(how: &'static str) -> Vec<Harm> {
    vec![
        Affected::OldCallers.by(how),
        Affected::Sources.by("it is removed"),
    ]
}

/// The kind of call.
fn kind(method: &Method) -> &'static str {
    match (method.streams_requests, method.streams_responses) {
        (false, false) => "unary",
        (false, true) => "a server stream",
        (true, false) => "a client stream",
        (true, true) => "a bidirectional stream",
    }
}
