//! `FieldPath`: the path in a message to the field with an error, for example `items[3].name`.

use std::fmt;

/// A path to a field, collected from the inside out while an error is returned.
#[derive(Debug, Default)]
pub(crate) struct FieldPath {
    steps: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Field(&'static str),
    Index(usize),
    Key(String),
}

/// Maximum number of characters of a map key that are kept: a sender chooses its length.
const KEY: usize = 40;

impl FieldPath {
    /// Adds the field that contains the path so far.
    pub(crate) fn field(&mut self, name: &'static str) {
        self.steps.push(Step::Field(name));
    }

    /// Adds the list index that contains the path so far.
    pub(crate) fn index(&mut self, index: usize) {
        self.steps.push(Step::Index(index));
    }

    /// Adds the map key whose value contains the path so far.
    pub(crate) fn key(&mut self, key: &impl fmt::Display) {
        self.steps
            .push(Step::Key(key.to_string().chars().take(KEY).collect()));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.steps.iter().rev().enumerate() {
            match step {
                Step::Field(name) if index == 0 => f.write_str(name)?,
                Step::Field(name) => write!(f, ".{name}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) => write!(f, "[{key:?}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_displayed_from_the_outside_in() {
        let mut place = FieldPath::default();
        place.field("name");
        place.index(3);
        place.field("items");
        assert_eq!(place.to_string(), "items[3].name");
    }
}
