//! `Tree`: finds the template that matches a path without trying all templates.
//!
//! At each segment a literal takes precedence over `*`, and `*` over `**`. A verb of some template
//! takes precedence over a colon that is part of a literal. So the result does not depend on the
//! order of insertion.

use std::collections::{BTreeSet, HashMap};

use crate::http::template::{Segment, Template, split_verb};
use micro_wire::percent::{Mode, decode};

/// A set of templates, each with an HTTP method and a value.
#[derive(Debug)]
pub struct Tree<T> {
    root: Node,
    entries: Vec<Entry<T>>,
    /// The verbs of all templates. Only these are split off a path.
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
    /// Indices of the entries that end at this node.
    ends: Vec<usize>,
}

/// The result of a lookup.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'a, T> {
    /// The template that matches, and its value.
    Entry(&'a Template, &'a T),
    /// The path matches, but only with these methods, which are sorted.
    Methods(Vec<&'a str>),
    /// No template matches the path.
    Nothing,
}

/// The error when another entry has the same method and a template that matches the same paths.
#[derive(Debug, PartialEq, Eq)]
pub struct Taken<'a, T> {
    /// The template of the existing entry.
    pub template: &'a Template,
    /// The value of the existing entry.
    pub value: &'a T,
}

impl<T> Default for Tree<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Tree<T> {
    /// Creates an empty tree.
    pub fn new() -> Self {
        Self {
            root: Node::default(),
            entries: Vec::new(),
            verbs: BTreeSet::new(),
        }
    }

    /// Whether the tree is empty.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All methods, templates and values, in the order of insertion.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Template, &T)> {
        let entries = self.entries.iter();
        entries.map(|entry| (entry.method.as_str(), &entry.template, &entry.value))
    }

    /// Adds a template.
    ///
    /// # Errors
    ///
    /// Returns the existing entry when it has the same method and matches the same paths.
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

    /// Finds the entry for a method and a path. `HEAD` falls back to `GET`.
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
    /// Returns the node at the end of these segments and creates missing nodes.
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
    /// The methods of entries that match in everything except the method.
    others: BTreeSet<&'a str>,
}

impl<T> Search<'_, '_, T> {
    /// Visits each node at most once per path from the root. The depth is that of the longest
    /// template.
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
    fn the_most_specific_template_wins() {
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
    fn known_paths_return_their_methods() {
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
    fn only_templates_that_match_the_same_paths_conflict() {
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
    fn lookups_of_long_paths_end_at_the_depth_of_the_templates() {
        let tree = tree(&["GET /a/{b}", "GET /a/{b}/{c}/d", "GET /x/**"]);
        assert_eq!(tree.find("GET", &"/a".repeat(50_000)), Found::Nothing);
        assert_eq!(tree.find("GET", &"/".repeat(50_000)), Found::Nothing);
        let deep = format!("/x{}", "/y".repeat(50_000));
        assert!(matches!(tree.find("GET", &deep), Found::Entry(..)));
    }
}
