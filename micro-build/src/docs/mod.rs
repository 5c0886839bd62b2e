//! Converts comments of `.proto` files to doc comments, so that rustdoc does not run code in them.

mod code;

use std::collections::HashMap;

use protox::prost_reflect::FileDescriptor;

/// The comments of one file, by the path of the definition that they belong to.
#[derive(Debug)]
pub(crate) struct Comments {
    by_path: HashMap<Vec<i32>, String>,
}

impl Comments {
    pub(crate) fn of(file: &FileDescriptor) -> Self {
        let info = file.file_descriptor_proto().source_code_info.as_ref();
        let locations = info.into_iter().flat_map(|info| &info.location);
        let by_path = locations.filter_map(|location| {
            let leading = location.leading_comments.as_deref();
            let text = leading.or(location.trailing_comments.as_deref())?;
            Some((location.path.clone(), text.to_owned()))
        });
        Self {
            by_path: by_path.collect(),
        }
    }

    /// Returns the lines of a doc comment, without `///`.
    pub(crate) fn lines(&self, path: &[i32]) -> Vec<String> {
        self.by_path
            .get(path)
            .map(|text| lines(text))
            .unwrap_or_default()
    }
}

/// Whether rustdoc could parse links or HTML tags in the lines.
pub(crate) fn is_risky(lines: &[String]) -> bool {
    lines
        .iter()
        .any(|line| line.contains(['[', '<']) || line.contains("://"))
}

fn lines(text: &str) -> Vec<String> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines: Vec<String> = text
        .lines()
        .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end().to_owned())
        .collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    let blank = lines.iter().take_while(|line| line.is_empty()).count();
    lines.drain(..blank);
    code::as_text(&lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_kept() {
        assert_eq!(
            lines(" Hello.\n\n  - a list\n\n"),
            ["Hello.", "", " - a list"]
        );
        assert_eq!(lines("\r\n a\rb"), ["a", "b"]);
    }
}
