//! Writes JSON in a fixed order, with objects and lists of scalars on one line.

use std::fmt::Write;

/// A JSON value.
pub(super) enum Node {
    /// A number, text or boolean, as JSON.
    Leaf(String),
    /// Members, in the order in which they are written.
    Object(Vec<(&'static str, Node)>),
    /// Items.
    List(Vec<Node>),
}

impl Node {
    /// A string.
    pub(super) fn text(text: &str) -> Self {
        Self::Leaf(serde_json::Value::from(text).to_string())
    }

    /// An object without the members that have their default value.
    pub(super) fn object<const N: usize>(members: [(&'static str, Self); N]) -> Self {
        let told = members.into_iter().filter(|(_, node)| !node.is_nothing());
        Self::Object(told.collect())
    }

    fn is_nothing(&self) -> bool {
        match self {
            Self::Leaf(json) => matches!(&**json, "\"\"" | "false"),
            Self::Object(members) => members.is_empty(),
            Self::List(items) => items.is_empty(),
        }
    }

    fn is_leaf(&self) -> bool {
        matches!(self, Self::Leaf(_))
    }

    /// Appends the JSON. Objects and lists that contain only leaves are on one line; in others each
    /// item has its own line.
    pub(super) fn write(&self, depth: usize, out: &mut String) {
        match self {
            Self::Leaf(json) => out.push_str(json),
            Self::Object(members) => {
                let flat = members.iter().all(|(_, node)| node.is_leaf());
                let pairs = members.iter().map(|(name, node)| (Some(*name), node));
                all(['{', '}'], flat, depth, pairs, out);
            }
            Self::List(items) => {
                let flat = items.iter().all(Self::is_leaf);
                all(
                    ['[', ']'],
                    flat,
                    depth,
                    items.iter().map(|node| (None, node)),
                    out,
                );
            }
        }
    }
}

fn all<'a>(
    [open, close]: [char; 2],
    flat: bool,
    depth: usize,
    items: impl Iterator<Item = (Option<&'static str>, &'a Node)>,
    out: &mut String,
) {
    out.push(open);
    for (index, (name, node)) in items.enumerate() {
        match (flat, index) {
            (true, 0) => {}
            (true, _) => out.push_str(", "),
            (false, 0) => line(depth + 1, out),
            (false, _) => {
                out.push(',');
                line(depth + 1, out);
            }
        }
        if let Some(name) = name {
            write!(out, "\"{name}\": ").expect("strings accept all writes");
        }
        node.write(depth + 1, out);
    }
    if !flat {
        line(depth, out);
    }
    out.push(close);
}

fn line(depth: usize, out: &mut String) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}
