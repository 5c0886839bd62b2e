//! `Place`: where in a message something went wrong, as `items[3].name`.

use std::fmt;

/// A path to a field, gathered from the inside out while an error travels.
#[derive(Debug, Default)]
pub(crate) struct Place {
    steps: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Field(&'static str),
    Index(usize),
    Key(String),
}

/// Keys are the sender's; a long one is cut.
const KEY: usize = 40;

impl Place {
    /// Goes out of a field.
    pub(crate) fn field(&mut self, name: &'static str) {
        self.steps.push(Step::Field(name));
    }

    /// Goes out of an item of a list.
    pub(crate) fn index(&mut self, index: usize) {
        self.steps.push(Step::Index(index));
    }

    /// Goes out of a value of a map.
    pub(crate) fn key(&mut self, key: &impl fmt::Display) {
        self.steps
            .push(Step::Key(key.to_string().chars().take(KEY).collect()));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

impl fmt::Display for Place {
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
    fn a_place_reads_from_the_outside_in() {
        let mut place = Place::default();
        place.field("name");
        place.index(3);
        place.field("items");
        assert_eq!(place.to_string(), "items[3].name");
    }
}
