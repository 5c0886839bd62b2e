//! Compares plain HTTP: paths, the fields that their variables fill, and query parameters.
//!
//! Templates are compared by the paths that they match. The names of variables do not matter,
//! because they are not visible to callers.

use crate::check::compare::{Comparison, Side};
use crate::check::finding::Affected;
use crate::check::query::{self, Query};
use crate::http::{Segment, Template, Variable};
use crate::model::{Http, Message, Method};

const KEEP: &str = "keep the rule and add another one";

impl Comparison<'_> {
    /// Compares the rules of a method.
    pub(super) fn http(&mut self, place: &str, old: &Method, new: &Method) {
        let mut known = Vec::new();
        for rule in &old.http {
            if let Some(other) = same_path(rule, &new.http) {
                known.push(other);
                self.rule(place, (rule, old), (other, new));
                continue;
            }
            let what = format!("`{} {}` is removed", rule.verb, rule.path);
            let harm = Affected::Http.by("the path is not found");
            self.find(place, what, vec![harm], KEEP.to_owned());
        }
        for rule in new.http.iter().filter(|rule| !known.contains(rule)) {
            self.add(format!("`{} {}` for `{place}`", rule.verb, rule.path));
        }
    }

    /// Compares a rule with the new rule for the same path.
    fn rule(&mut self, place: &str, old: (&Http, &Method), new: (&Http, &Method)) {
        let rule = format!("`{} {}`", old.0.verb, old.0.path);
        if !self.same_bodies(old, new) {
            let harm = Affected::Http.by("the body is rejected or misread");
            let what = format!("{rule} has a different body");
            self.find(place, what, vec![harm], KEEP.to_owned());
        }
        let (Ok(before), Ok(after)) = (Template::parse(&old.0.path), Template::parse(&new.0.path))
        else {
            return;
        };
        let requests = (
            self.old.messages.get(&old.1.request).copied(),
            self.new.messages.get(&new.1.request).copied(),
        );
        let (Some(request), Some(new_request)) = requests else {
            return;
        };
        let sides = [(request, &before), (new_request, &after)];
        let mut misread = self.misread_variables(sides);
        let mut query = Query::new(self, [fields(&before), fields(&after)]);
        if old.0.body != "*" && new.0.body != "*" {
            query.take([&old.0.body, &new.0.body]);
            query.compare([request, new_request]);
        }
        let gone = query.gone;
        misread.extend(query.misread);
        if !gone.is_empty() {
            let harm = Affected::Http.by("unknown parameters are rejected");
            let what = format!("{rule} no longer takes `{}`", gone.join("`, `"));
            let remedy = "keep the field and its name, marked `#[deprecated]`, until no caller \
                          sends it";
            self.find(place, what, vec![harm], remedy.to_owned());
        }
        if !misread.is_empty() {
            let harm = Affected::Http.by("values are rejected or misread");
            let what = format!("{rule} reads `{}` differently", misread.join("`, `"));
            let remedy = "keep the field as it was and add another one with its own name";
            self.find(place, what, vec![harm], remedy.to_owned());
        }
    }

    /// Whether the bodies of request and response are the same fields, whatever their names.
    fn same_bodies(&self, old: (&Http, &Method), new: (&Http, &Method)) -> bool {
        let same = |[before, after]: [&String; 2], [message, other]: [&String; 2]| {
            let tag = |message: Option<&&Message>, name: &str| {
                let mut fields = message?.fields.iter();
                fields
                    .find(|field| field.name == name)
                    .map(|field| field.tag)
            };
            let before_tag = tag(self.old.messages.get(message), before);
            before == after
                || before_tag.is_some() && before_tag == tag(self.new.messages.get(other), after)
        };
        same([&old.0.body, &new.0.body], [&old.1.request, &new.1.request])
            && same(
                [&old.0.response_body, &new.0.response_body],
                [&old.1.reply, &new.1.reply],
            )
    }

    /// Variables whose values are read differently, or fill another field than before.
    fn misread_variables(&self, sides: [(&Message, &Template); 2]) -> Vec<String> {
        let [(old, before), (new, after)] = sides;
        let pairs = before.variables().iter().zip(after.variables());
        let misread = pairs.filter(|(own, other)| {
            let field = query::resolve(&self.old, old, own.field());
            let target = query::resolve(&self.new, new, other.field());
            let (Some(field), Some(target)) = (field, target) else {
                return false;
            };
            // If the old field still exists and is not in the path, the value now fills another
            // field.
            let moved = query::resolve(&self.new, new, own.field())
                .is_some_and(|kept| kept.tag == field.tag && kept.tag != target.tag);
            moved || !query::is_read(self, field, target)
        });
        misread.map(|(own, _)| own.field().to_owned()).collect()
    }

    /// Reports new rules that take paths which old rules matched with variables.
    pub(super) fn shadows(&mut self) {
        let rules = |side: &Side<'_>| -> Vec<(String, Http)> {
            let services = side.services.iter();
            let methods =
                services.flat_map(|(name, one)| one.methods.iter().map(move |own| (name, own)));
            let rules = methods.flat_map(|(name, method)| {
                let place = format!("{name}/{}", method.name);
                method
                    .http
                    .iter()
                    .map(move |rule| (place.clone(), rule.clone()))
            });
            rules.collect()
        };
        let (old, new) = (rules(&self.old), rules(&self.new));
        for (place, rule) in &new {
            if old
                .iter()
                .any(|(_, own)| same_path(own, std::slice::from_ref(rule)).is_some())
            {
                continue;
            }
            for (taken, own) in old.iter().filter(|(other, _)| other != place) {
                if own.verb == rule.verb && is_before(&rule.path, &own.path) {
                    let what = format!(
                        "`{} {}` of `{place}` takes paths of its `{} {}`",
                        rule.verb, rule.path, own.verb, own.path
                    );
                    let note = "requests for these paths now go to the new method";
                    self.find(taken, what, Vec::new(), note.to_owned());
                }
            }
        }
    }
}

/// The fields that the variables of a template fill.
fn fields(template: &Template) -> Vec<String> {
    let fields = template.variables().iter().map(Variable::field);
    fields.map(str::to_owned).collect()
}

/// The new rule for the paths of an old rule. A rule with exactly the same path is preferred.
fn same_path<'a>(old: &Http, new: &'a [Http]) -> Option<&'a Http> {
    let verb = |other: &&Http| other.verb == old.verb;
    let same = new.iter().filter(verb).find(|other| other.path == old.path);
    same.or_else(|| {
        let before = Template::parse(&old.path).ok()?;
        new.iter()
            .filter(verb)
            .find(|other| Template::parse(&other.path).is_ok_and(|after| covers(&before, &after)))
    })
}

/// Whether a template matches all paths that an old one matches, with the same values.
fn covers(old: &Template, new: &Template) -> bool {
    let (before, after) = (old.variables(), new.variables());
    let ends = |own: &Variable, other: &Variable| {
        let rest = new.segments()[other.segments()].last() == Some(&Segment::Rest);
        own.segments().end == other.segments().end
            || rest && own.segments().end == old.segments().len()
    };
    let same = |(own, other): (&Variable, &Variable)| {
        own.segments().start == other.segments().start && ends(own, other)
    };
    let inside = |at: usize| before.iter().any(|one| one.segments().contains(&at));
    let wide = |(at, segment): (usize, &Segment)| match new.segments().get(at) {
        Some(other) if other == segment => true,
        Some(Segment::One) => *segment != Segment::Rest && inside(at),
        Some(Segment::Rest) => inside(at),
        Some(Segment::Literal(_)) => false,
        // A preceding `**` matches the remaining segments.
        None => new.segments().last() == Some(&Segment::Rest) && inside(at),
    };
    let enough = new.segments().len() <= old.segments().len();
    old.verb() == new.verb()
        && before.len() == after.len()
        && enough
        && before.iter().zip(after).all(same)
        && old.segments().iter().enumerate().all(wide)
}

/// Whether a new template takes paths from an old one: it has a literal where the old template has
/// a wildcard.
fn is_before(new: &str, old: &str) -> bool {
    let (Ok(new), Ok(old)) = (Template::parse(new), Template::parse(old)) else {
        return false;
    };
    let (segments, mut before) = (new.segments(), old.segments().iter());
    let mut literal = false;
    for segment in segments {
        match (before.next(), segment) {
            (Some(Segment::Rest), Segment::Literal(_) | Segment::One) => {
                return old.verb() == new.verb();
            }
            (Some(Segment::One), Segment::Literal(_)) => literal = true,
            (Some(own), segment) if own == segment => {}
            _ => return false,
        }
    }
    literal && before.next().is_none() && old.verb() == new.verb()
}
