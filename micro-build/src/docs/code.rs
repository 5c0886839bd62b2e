//! Marks code in comments as text. Otherwise rustdoc treats indented lines and fences without a
//! language as Rust, and runs them as doctests.
//!
//! Implements the part of `CommonMark` that is needed for this. Anything that could be a code
//! block, also in a list, in a quote or after a heading, is rewritten as a block with the language
//! `text`.

/// Number of leading spaces that make a line code, unless it continues a paragraph.
const CODE_INDENT: usize = 4;

/// Returns the lines without any block that rustdoc would treat as Rust.
pub(super) fn as_text(lines: &[String]) -> Vec<String> {
    let mut blocks = Blocks::default();
    for line in lines {
        blocks.line(&untabbed(line));
    }
    blocks.end()
}

#[derive(Default)]
struct Blocks {
    out: Vec<String>,
    open: Open,
    /// The indent and the lines of an open quote. Its lines are converted on their own.
    quote: Option<(String, Vec<String>)>,
    /// Whether an indented line certainly continues a paragraph.
    paragraph: bool,
    /// Whether there was a table or a link definition since the last blank line.
    table: bool,
}

/// The code block that is open.
#[derive(Default)]
enum Open {
    #[default]
    Nothing,
    Indented,
    Fence {
        mark: char,
        count: usize,
        /// The indent that keeps a line in the list item of the fence.
        before: String,
        /// The column of the fence in the file.
        column: usize,
    },
}

impl Blocks {
    fn line(&mut self, line: &str) {
        let rest = line.trim_start_matches(' ');
        let indent = line.len() - rest.len();
        match &self.open {
            Open::Fence { .. } => return self.fenced(line),
            Open::Indented if indent >= CODE_INDENT || rest.is_empty() => {
                return self.out.push(line.to_owned());
            }
            Open::Indented => self.close(),
            Open::Nothing => {}
        }
        if let Some(quoted) = rest.strip_prefix('>')
            && (indent < CODE_INDENT || self.paragraph)
        {
            let before = || (" ".repeat(indent.min(CODE_INDENT - 1)), Vec::new());
            let (_, lines) = self.quote.get_or_insert_with(before);
            return lines.push(quoted.strip_prefix(' ').unwrap_or(quoted).to_owned());
        }
        self.end_quote();
        if rest.is_empty() {
            self.out.push(String::new());
            (self.paragraph, self.table) = (false, false);
            return;
        }
        let (markers, plain) = markers(rest);
        if let Some(fence) = fence(plain) {
            let before = " ".repeat(indent.min(CODE_INDENT - 1)) + &markers;
            self.open_fence(fence, &before, line.len() - plain.len(), plain);
        } else if indent >= CODE_INDENT && !self.paragraph {
            self.out.push("```text".to_owned());
            self.out.push(line.to_owned());
            self.open = Open::Indented;
        } else {
            let escape = if is_special(plain, !markers.is_empty()) {
                "\\"
            } else {
                ""
            };
            let before = " ".repeat(indent);
            self.out.push(format!("{before}{markers}{escape}{plain}"));
            self.table |= plain.contains('|') || plain.starts_with('[') && plain.contains("]:");
            self.paragraph = !self.table && is_text(plain);
        }
    }

    fn open_fence(&mut self, fence: (char, usize), before: &str, column: usize, line: &str) {
        let (mark, count) = fence;
        // A list item can interrupt a paragraph only if its number is 1, so add a blank line.
        if !before.trim_start().is_empty() && self.out.last().is_none_or(|line| !line.is_empty()) {
            self.out.push(String::new());
        }
        let fence = &line[..count];
        self.out
            .push(format!("{before}{fence}{}", language(&line[count..])));
        self.open = Open::Fence {
            mark,
            count,
            before: " ".repeat(before.len()),
            column,
        };
    }

    /// Adds a line of a fenced block, indented such that it stays in the list item of the fence.
    fn fenced(&mut self, line: &str) {
        let Open::Fence {
            mark,
            count,
            before,
            column,
        } = &self.open
        else {
            return;
        };
        let plain = line.trim_matches(' ');
        let closes = plain.len() >= *count && plain.chars().all(|char| char == *mark);
        let indent = line.len() - line.trim_start_matches(' ').len();
        let content = if closes {
            plain
        } else {
            &line[indent.min(*column)..]
        };
        let text = format!("{before}{content}");
        self.out.push(text.trim_end().to_owned());
        if closes {
            self.open = Open::Nothing;
            self.paragraph = false;
        }
    }

    /// Closes the open block.
    fn close(&mut self) {
        let fence = match std::mem::take(&mut self.open) {
            Open::Nothing => return,
            Open::Indented => {
                // Blank lines at the end do not belong to the block.
                let blank = self.out.iter().rev().take_while(|line| line.is_empty());
                let at = self.out.len() - blank.count();
                self.out.insert(at, "```".to_owned());
                return;
            }
            Open::Fence {
                mark,
                count,
                before,
                ..
            } => before + &mark.to_string().repeat(count),
        };
        self.out.push(fence);
    }

    fn end_quote(&mut self) {
        if let Some((before, lines)) = self.quote.take() {
            let lines = as_text(&lines).into_iter();
            let lines = lines.map(|line| format!("{before}> {line}").trim_end().to_owned());
            self.out.extend(lines);
            self.paragraph = false;
        }
    }

    fn end(mut self) -> Vec<String> {
        self.end_quote();
        self.close();
        self.out
    }
}

/// Splits list markers from the rest of a line. Code in the first line of an item becomes text.
fn markers(mut rest: &str) -> (String, &str) {
    let mut markers = String::new();
    while !is_rule(rest)
        && let Some(length) = marker(rest)
    {
        let (mark, after) = rest.split_at(length);
        rest = after.trim_start_matches(' ');
        let gap = after.len() - rest.len();
        markers.push_str(mark);
        if !rest.is_empty() {
            markers.push_str(&" ".repeat(if gap > CODE_INDENT { 1 } else { gap }));
        }
    }
    (markers, rest)
}

/// Returns the length of a list marker, such as `-` or `1.`.
fn marker(rest: &str) -> Option<usize> {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (mark, after) = rest.split_at_checked(digits + 1)?;
    let marks: &[char] = match digits {
        0 => &['-', '*', '+'],
        1..=9 => &['.', ')'],
        _ => return None,
    };
    let is_mark = mark.ends_with(marks) && (after.is_empty() || after.starts_with(' '));
    is_mark.then_some(mark.len())
}

/// Returns the character of a fence and how often it is repeated.
fn fence(plain: &str) -> Option<(char, usize)> {
    let mark = plain.chars().next().filter(|char| "`~".contains(*char))?;
    let language = plain.trim_start_matches(mark);
    let count = plain.len() - language.len();
    // Otherwise the line contains inline code.
    let opens = count >= 3 && (mark == '~' || !language.contains('`'));
    opens.then_some((mark, count))
}

/// Returns the language of a block, or `text` if rustdoc could treat the block as Rust.
fn language(given: &str) -> &str {
    let given = given.trim();
    let first = given.split([',', ' ']).next().unwrap_or_default();
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "+#._-".contains(char);
    let word = first.to_lowercase().replace(['-', '_'], "");
    let rust = [
        "rust",
        "norun",
        "shouldpanic",
        "compilefail",
        "testharness",
        "standalone",
        "edition",
        "ignore",
        "custom",
        "e0",
    ];
    let is_rust = word.is_empty() || rust.iter().any(|start| word.starts_with(start));
    if is_rust || !first.chars().all(is_plain) {
        "text"
    } else {
        first
    }
}

/// Whether a line is a thematic break, such as `---` or `* * *`.
fn is_rule(rest: &str) -> bool {
    let marks: Vec<char> = rest.chars().filter(|char| *char != ' ').collect();
    let is_mark = |char: &char| "-*_".contains(*char) && *char == marks[0];
    marks.len() > 2 && marks.iter().all(is_mark)
}

/// Whether a line is a paragraph that a following indented line continues.
fn is_text(plain: &str) -> bool {
    // The underline of a heading, a thematic break, or an empty list item.
    let is_line = plain.chars().all(|char| "-=*_+ ".contains(char)) || plain == "[ ]";
    !(is_line || plain.starts_with('#'))
}

/// Whether a line starts a block with other rules for fences: HTML, a footnote, or a quote or task
/// in a list.
fn is_special(plain: &str, in_list: bool) -> bool {
    if let Some(tag) = plain.strip_prefix('<') {
        let name = tag.split('>').next().unwrap_or_default();
        let is_link = name.contains([':', '@']) && !name.contains([' ', '"']);
        return !is_link
            && tag.starts_with(|char: char| char.is_alphabetic() || "/!?".contains(char));
    }
    let has_fence = plain.contains("```") || plain.contains("~~~");
    plain.starts_with("[^")
        || in_list && (plain.starts_with('>') || plain.starts_with('[') && has_fence)
}

/// Replaces tabs with spaces, to tab stops of 4 as in `CommonMark`.
fn untabbed(line: &str) -> String {
    let mut text = String::new();
    let mut column = 0;
    for char in line.chars() {
        let width = if char == '\t' { 4 - column % 4 } else { 1 };
        column += width;
        match char {
            '\t' => text.push_str(&" ".repeat(width)),
            '\u{b}' | '\u{c}' => text.push(' '),
            char => text.push(char),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(given: &str) -> String {
        let lines: Vec<String> = given.lines().map(str::to_owned).collect();
        as_text(&lines).join("\n")
    }

    #[test]
    fn code_is_not_run() {
        let given = "Do:\n\n    a();\n\n    b();\n\nAnd:\n```\nc();\n```\n```rust\nd();\n```\n\
                     ```json\n{}";
        let expected = "Do:\n\n```text\n    a();\n\n    b();\n```\n\nAnd:\n```text\nc();\n```\n\
                        ```text\nd();\n```\n```json\n{}\n```";
        assert_eq!(text(given), expected);
        assert_eq!(text("~~~~\n~~~\n~~~~\ntext"), "~~~~text\n~~~\n~~~~\ntext");
        assert_eq!(text("```no```\n``` a ` b"), "```no```\n``` a ` b");
    }

    #[test]
    fn code_in_lists_and_quotes_is_not_run() {
        for (given, expected) in [
            ("- ```\n  a();\n  ```\nb", "\n- ```text\n  a();\n  ```\nb"),
            ("- ```\na();\n```\nb", "\n- ```text\n  a();\n  ```\nb"),
            (
                "a\n2. ```\n   b();\n   ```",
                "a\n\n2. ```text\n   b();\n   ```",
            ),
            (
                "10. a\n\n    ```\n    b();\n    ```",
                "10. a\n\n   ```text\n   b();\n   ```",
            ),
            ("> ```\n> a();\n> ```\nb", "> ```text\n> a();\n> ```\nb"),
            ("> ```\n> a();\nb", "> ```text\n> a();\n> ```\nb"),
            (">     a();\n> b", "> ```text\n>     a();\n> ```\n> b"),
            ("> > ~~~\n> > a();", "> > ~~~text\n> > a();\n> > ~~~"),
            ("-     a();\n1.\ta", "- a();\n1.  a"),
            (
                "- > ```\n  > a();\n  > ```",
                "- \\> ```\n  > a();\n  > ```text\n  > ```",
            ),
            ("- a\n  - b\n    c\n      d", "- a\n  - b\n    c\n      d"),
        ] {
            assert_eq!(text(given), expected, "{given}");
        }
    }

    #[test]
    fn code_after_anything_but_a_paragraph_is_not_run() {
        for before in [
            "# A",
            "---",
            "- # A",
            "-",
            "a | b",
            "[a]: b",
            "===",
            "```text\n```",
        ] {
            let expected = format!("{before}\n```text\n    b();\n```");
            assert_eq!(text(&format!("{before}\n    b();")), expected);
        }
        assert_eq!(text("a\n    b\n\tc"), "a\n    b\n    c");
    }

    #[test]
    fn only_plain_languages_are_kept() {
        for given in [
            "",
            "rust",
            "{.a}",
            "(a)",
            "Should-Panic",
            "no_run",
            "ignore-x",
            "edition2021",
        ] {
            assert_eq!(language(given), "text", "{given}");
        }
        for given in ["proto", "c++", "json", "text"] {
            assert_eq!(language(&format!(" {given},rust")), given);
        }
    }

    #[test]
    fn no_html_hides_a_fence() {
        assert_eq!(text("<pre>\n- <!--\n</a>"), "\\<pre>\n- \\<!--\n\\</a>");
        assert_eq!(text("<https://a.b>\n< c"), "<https://a.b>\n< c");
        assert_eq!(text("[^1]: ```\n- [ ] ```"), "\\[^1]: ```\n- \\[ ] ```");
    }
}
