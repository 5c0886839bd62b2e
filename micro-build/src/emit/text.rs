//! `Text`: a buffer of indented lines of Rust.

/// Maximum length of a line that can be broken.
const MAX_LINE: usize = 100;

/// A buffer of indented lines of Rust.
#[derive(Debug, Default)]
pub(crate) struct Text {
    text: String,
    depth: usize,
}

impl Text {
    /// Adds a line.
    pub(crate) fn line(&mut self, line: &str) {
        for line in line.lines() {
            if !line.is_empty() {
                self.text.push_str(&"    ".repeat(self.depth));
                self.text.push_str(line);
            }
            self.text.push('\n');
        }
    }

    /// Adds `open item, item close`, on several lines if it does not fit on one.
    pub(crate) fn list(&mut self, open: &str, items: &[String], close: &str) {
        let line = format!("{open}{}{close}", items.join(", "));
        if line.chars().count() + 4 * self.depth <= MAX_LINE {
            return self.line(&line);
        }
        self.line(open);
        self.depth += 1;
        for item in items {
            self.line(&format!("{item},"));
        }
        self.depth -= 1;
        self.line(close);
    }

    /// Adds an empty line, unless a block has just been opened.
    pub(crate) fn gap(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("{\n") {
            self.text.push('\n');
        }
    }

    /// Opens a block.
    pub(crate) fn open(&mut self, head: &str) {
        self.line(&format!("{head} {{"));
        self.depth += 1;
    }

    /// Closes the block.
    pub(crate) fn close(&mut self) {
        self.depth -= 1;
        self.line("}");
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}
