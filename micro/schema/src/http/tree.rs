//! `Tree`: which of many templates a path matches, without trying them one by one.
//!
//! At each segment a literal goes before `*`, and `*` before `**`; a verb that some template has
//! goes before a colon that is just text. So there is one answer, whatever the order of adding.

use std::collections::{BTreeSet, HashMap};

use crate::http::template::{Segment, Template, split_verb};
use micro_wire::percent::{Mode, decode};

/// Templates with an HTTP method and a value each.
#[derive(Debug)]
pub struct Tree<T> {
    root: Node,
    entries: Vec<Entry<T>>,
    /// Every verb of a template, so that only these are cut off a path.
    verbs: BTreeSet<String>,
}

#[derive(Debug)]
struct Entry<T> {
    method: String,
    template: Template,
    value: T,
}

#[derive(Debug, Default)]
struct Node {
    literals: HashMap<String, Node>,
    one: Option<Box<Node>>,
    rest: Option<Box<Node>>,
    /// Indices of the entries that end here.
    ends: Vec<usize>,
}

/// What a tree has for a method and a path.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'a, T> {
    /// This template and value.
    Entry(&'a Template, &'a T),
    /// The path, but only for these methods, sorted.
    Methods(Vec<&'a str>),
    /// Nothing.
    Nothing,
}

/// Another entry has the method and a template that matches the same paths.
#[derive(Debug, PartialEq, Eq)]
pub struct Taken<'a, T> {
    /// The template that is there.
    pub template: &'a Template,
    /// Its value.
    pub value: &'a T,
}

impl<T> Default for Tree<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Tree<T> {
    /// Matches nothing yet.
    pub fn new() -> Self {
        Self {
            root: Node::default(),
            entries: Vec::new(),
            verbs: BTreeSet::new(),
        }
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Every method, template and value, in the order of adding.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Template, &T)> {
        let entries = self.entries.iter();
        entries.map(|entry| (entry.method.as_str(), &entry.template, &entry.value))
    }

    /// Adds a template.
    ///
    /// # Errors
    ///
    /// What is there already, when it is for the same method and matches the same paths.
    pub fn add(&mut self, method: &str, template: Template, value: T) -> Result<(), Taken<'_, T>> {
        let index = self.entries.len();
        let node = self.root.grow(template.segments());
        let entries = &self.entries;
        let same =
            |other: &Entry<T>| other.method == method && other.template.verb() == template.verb();
        if let Some(&taken) = node.ends.iter().find(|&&end| same(&entries[end])) {
            let Entry {
                template, value, ..
            } = &self.entries[taken];
            return Err(Taken { template, value });
        }
        node.ends.push(index);
        self.verbs.extend(template.verb().map(str::to_owned));
        self.entries.push(Entry {
            method: method.to_owned(),
            template,
            value,
        });
        Ok(())
    }

    /// What answers a method at a path; `HEAD` is answered by `GET`, too.
    pub fn find(&self, method: &str, path: &str) -> Found<'_, T> {
        let mut search = Search {
            entries: &self.entries,
            method,
            verb: None,
            others: BTreeSet::new(),
        };
        let Some(segments) = path.strip_prefix('/') else {
            return Found::Nothing;
        };
        let cut = split_verb(segments).and_then(|(segments, verb)| {
            let verb = decode(verb, Mode::Segment).ok()?;
            self.verbs.contains(&*verb).then_some((segments, verb))
        });
        let mut found = None;
        if let Some((segments, verb)) = &cut {
            search.verb = Some(verb);
            found = search.walk(&self.root, Some(segments));
        }
        search.verb = None;
        if let Some(index) = found.or_else(|| search.walk(&self.root, Some(segments))) {
            let entry = &self.entries[index];
            return Found::Entry(&entry.template, &entry.value);
        }
        if search.others.is_empty() {
            return Found::Nothing;
        }
        Found::Methods(search.others.into_iter().collect())
    }
}

impl Node {
    /// The node at the end of these segments, made if need be.
    fn grow(&mut self, segments: &[Segment]) -> &mut Self {
        let mut node = self;
        for segment in segments {
            node = match segment {
                Segment::Literal(text) => node.literals.entry(text.clone()).or_default(),
                Segment::One => node.one.get_or_insert_default(),
                Segment::Rest => node.rest.get_or_insert_default(),
            };
        }
        node
    }
}

struct Search<'a, 's, T> {
    entries: &'a [Entry<T>],
    method: &'s str,
    verb: Option<&'s str>,
    /// The methods of entries that match but for the method.
    others: BTreeSet<&'a str>,
}

impl<T> Search<'_, '_, T> {
    /// Goes down one path from the root to each node at most, as deep as the longest template.
    fn walk(&mut self, node: &Node, path: Option<&str>) -> Option<usize> {
        let Some(path) = path else {
            return self.end(node).or_else(|| self.end(node.rest.as_deref()?));
        };
        let (segment, rest) = match path.split_once('/') {
            Some((segment, rest)) => (segment, Some(rest)),
            None => (path, None),
        };
        if !node.literals.is_empty()
            && let Ok(text) = decode(segment, Mode::Segment)
            && let Some(next) = node.literals.get(&*text)
            && let Some(found) = self.walk(next, rest)
        {
            return Some(found);
        }
        if let Some(next) = &node.one
            && !segment.is_empty()
            && let Some(found) = self.walk(next, rest)
        {
            return Some(found);
        }
        self.end(node.rest.as_deref()?)
    }

    fn end(&mut self, node: &Node) -> Option<usize> {
        let fits = |index: &&usize| self.entries[**index].template.verb() == self.verb;
        let fitting: Vec<usize> = node.ends.iter().filter(fits).copied().collect();
        let of = |method: &str| {
            let mut fitting = fitting.iter().copied();
            fitting.find(|index| self.entries[*index].method == method)
        };
        let found = of(self.method).or_else(|| of("GET").filter(|_| self.method == "HEAD"));
        if found.is_none() {
            let methods = fitting
                .iter()
                .map(|index| self.entries[*index].method.as_str());
            self.others.extend(methods);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(rules: &[&str]) -> Tree<String> {
        let mut tree = Tree::new();
        for rule in rules {
            let (method, path) = rule.split_once(' ').unwrap();
            let template = Template::parse(path).unwrap();
            tree.add(method, template, (*rule).to_owned()).unwrap();
        }
        tree
    }

    const RULES: &[&str] = &[
        "GET /v1/items",
        "POST /v1/items",
        "GET /v1/items/{id}",
        "DELETE /v1/items/{id}",
        "GET /v1/items/special",
        "GET /v1/{kind}/special/parts",
        "POST /v1/items/{id}:cancel",
        "GET /v1/items/{id}/parts",
        "GET /v1/{name=shelves/*}",
        "GET /v1/{rest=**}",
        "POST /v1/{rest=**}:copy",
        "HEAD /v1/heads",
        "GET /v1/heads",
    ];

    #[test]
    fn the_most_particular_template_answers() {
        let mut rules = RULES.to_vec();
        for _ in 0..rules.len() {
            rules.rotate_left(1);
            let tree = tree(&rules);
            for (request, expected) in [
                ("GET /v1/items", "GET /v1/items"),
                ("HEAD /v1/items", "GET /v1/items"),
                ("HEAD /v1/heads", "HEAD /v1/heads"),
                ("POST /v1/items", "POST /v1/items"),
                ("GET /v1/items/7", "GET /v1/items/{id}"),
                ("GET /v1/items/special", "GET /v1/items/special"),
                ("GET /v1/items/speci%61l", "GET /v1/items/special"),
                ("GET /v1/items/Special", "GET /v1/items/{id}"),
                ("DELETE /v1/items/special", "DELETE /v1/items/{id}"),
                ("GET /v1/items/special/parts", "GET /v1/items/{id}/parts"),
                (
                    "GET /v1/books/special/parts",
                    "GET /v1/{kind}/special/parts",
                ),
                ("POST /v1/items/7:cancel", "POST /v1/items/{id}:cancel"),
                ("GET /v1/items/7:cancel", "GET /v1/items/{id}"),
                ("GET /v1/items/a:b", "GET /v1/items/{id}"),
                ("GET /v1/shelves/3", "GET /v1/{name=shelves/*}"),
                ("GET /v1/shelves/3/4", "GET /v1/{rest=**}"),
                ("GET /v1", "GET /v1/{rest=**}"),
                ("GET /v1/items/", "GET /v1/{rest=**}"),
                ("GET /v1/items/%ff", "GET /v1/items/{id}"),
                ("POST /v1/a/b:copy", "POST /v1/{rest=**}:copy"),
                ("POST /v1/items/7:copy", "POST /v1/{rest=**}:copy"),
            ] {
                let (method, path) = request.split_once(' ').unwrap();
                let Found::Entry(template, value) = tree.find(method, path) else {
                    panic!("{request}: {:?}", tree.find(method, path));
                };
                assert_eq!(value, expected, "{request}");
                assert!(expected.ends_with(template.as_str()));
                let captured = template.spans(path).is_some();
                assert!(captured, "{request} is found and does not match {template}");
            }
        }
    }

    #[test]
    fn known_paths_name_their_methods() {
        let tree = tree(&["GET /a/{b}", "PUT /a/{b}", "POST /a/c", "POST /a/{b}:d"]);
        for (request, expected) in [
            ("DELETE /a/x", Found::Methods(vec!["GET", "PUT"])),
            ("DELETE /a/c", Found::Methods(vec!["GET", "POST", "PUT"])),
            ("DELETE /a/x:d", Found::Methods(vec!["GET", "POST", "PUT"])),
            ("DELETE /a", Found::Nothing),
            ("GET a/x", Found::Nothing),
            ("GET ", Found::Nothing),
            ("OPTIONS *", Found::Nothing),
        ] {
            let (method, path) = request.split_once(' ').unwrap();
            assert_eq!(tree.find(method, path), expected, "{request}");
        }
    }

    #[test]
    fn templates_that_match_the_same_are_refused_and_others_are_not() {
        for (first, second, same) in [
            ("GET /v1/{a}", "GET /v1/{b}", true),
            ("GET /v1/{a}", "GET /v1/*", true),
            ("GET /v1/{a=b/*}", "GET /v1/b/{c}", true),
            ("GET /v1/{a=b}", "GET /v1/%62", true),
            ("GET /v1/{a=**}:x", "GET /v1/**:x", true),
            ("GET /v1/{a}", "POST /v1/{a}", false),
            ("GET /v1/{a}", "GET /v1/{a}:x", false),
            ("GET /v1/{a}", "GET /v1/a", false),
            ("GET /v1/{a}", "GET /v1/{a=**}", false),
            ("GET /v1/a", "GET /v1/A", false),
        ] {
            let mut tree = tree(&[first]);
            let (method, path) = second.split_once(' ').unwrap();
            let added = tree.add(method, Template::parse(path).unwrap(), String::new());
            let taken = added.err().map(|taken| taken.value.clone());
            assert_eq!(taken, same.then(|| first.to_owned()), "{first} {second}");
        }
    }

    #[test]
    fn long_paths_are_looked_up_as_far_as_templates_go() {
        let tree = tree(&["GET /a/{b}", "GET /a/{b}/{c}/d", "GET /x/**"]);
        assert_eq!(tree.find("GET", &"/a".repeat(50_000)), Found::Nothing);
        assert_eq!(tree.find("GET", &"/".repeat(50_000)), Found::Nothing);
        let deep = format!("/x{}", "/y".repeat(50_000));
        assert!(matches!(tree.find("GET", &deep), Found::Entry(..)));
    }
}
