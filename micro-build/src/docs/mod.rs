//! Comments of `.proto` files as doc comments, so that rustdoc neither runs nor breaks them.

use std::collections::HashMap;

use protox::prost_reflect::FileDescriptor;

/// The comments of one file, by the path of what they stand at.
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

    /// The lines of a doc comment, without `///`.
    pub(crate) fn lines(&self, path: &[i32]) -> Vec<String> {
        self.by_path
            .get(path)
            .map(|text| lines(text))
            .unwrap_or_default()
    }
}

/// Whether rustdoc would see links or tags where there are none.
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
    not_run(lines)
}

/// Marks code as text: rustdoc takes a block without a language for Rust, and indented lines for a
/// block.
fn not_run(lines: Vec<String>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let (mut fence, mut indented) = (None, false);
    for line in lines {
        let plain = line.trim_start();
        let is_code = line.starts_with("    ") || line.starts_with('\t');
        let mark = ["```", "~~~"]
            .into_iter()
            .find(|mark| plain.starts_with(mark));
        if indented && !is_code && !line.is_empty() {
            close(&mut out);
            indented = false;
        }
        match (fence, mark) {
            (Some(open), Some(mark)) if open == mark => {
                fence = None;
                out.push(line);
            }
            (Some(_), _) => out.push(line),
            (None, Some(mark)) if !is_code => {
                fence = Some(mark);
                out.push(opened(&line, mark));
            }
            (None, _) => {
                let after_blank = out.last().is_none_or(String::is_empty);
                if is_code && !indented && after_blank {
                    out.push("```text".to_owned());
                    indented = true;
                }
                out.push(line);
            }
        }
    }
    if indented {
        close(&mut out);
    }
    if let Some(mark) = fence {
        out.push(mark.to_owned());
    }
    out
}

/// Ends a block of indented lines, before the blank lines that follow it.
fn close(out: &mut Vec<String>) {
    let blank = out.iter().rev().take_while(|line| line.is_empty()).count();
    out.insert(out.len() - blank, "```".to_owned());
}

/// The line that opens a block of code, in a language that rustdoc does not run.
fn opened(line: &str, mark: &str) -> String {
    let (before, after) = line.split_once(mark).unwrap_or((line, ""));
    let language = after.trim_start_matches(['`', '~']);
    let extra = &after[..after.len() - language.len()];
    let first = language.split([',', ' ', '{']).next().unwrap_or_default();
    let runs = [
        "",
        "rust",
        "no_run",
        "should_panic",
        "compile_fail",
        "test_harness",
    ];
    if runs.contains(&first) || first.starts_with("edition") || first.starts_with("standalone") {
        format!("{before}{mark}{extra}text")
    } else {
        line.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_as_it_is() {
        assert_eq!(
            lines(" Hello.\n\n  - a list\n\n"),
            ["Hello.", "", " - a list"]
        );
        assert_eq!(lines("\r\n a\rb"), ["a", "b"]);
    }

    #[test]
    fn code_is_not_run() {
        let given = " Do:\n\n     a();\n\n     b();\n\n And:\n ```\n c();\n ```\n ```rust\n d();\n \
                     ```\n ```json\n {}\n";
        let expected = [
            "Do:", "", "```text", "    a();", "", "    b();", "```", "", "And:", "```text", "c();",
            "```", "```text", "d();", "```", "```json", "{}", "```",
        ];
        assert_eq!(lines(given), expected);
    }
}
