//! Suggests the nearest known name for an unknown one ("did you mean").

/// Returns the error for an unknown name, with the nearest known name or a list of all names.
pub(crate) fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    match nearest(name, known) {
        Some(near) => format!("unknown {what} `{name}`; did you mean `{near}`?"),
        None if known.is_empty() => format!("unknown {what} `{name}`; remove it"),
        None => {
            let known: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
            format!("unknown {what} `{name}`; write one of {}", known.join(", "))
        }
    }
}

/// Returns the known name that is most similar.
///
/// Ignores case and `_`. A name is similar if at most a third of its letters are wrong, or if it
/// begins with the same four letters.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    let name = plain(name);
    let limit = (name.len() / 3).max(1);
    let distances = known
        .iter()
        .map(|known| (distance(&name, &plain(known)), *known));
    let near = distances.filter(|(distance, _)| *distance <= limit).min();
    if let Some((_, near)) = near {
        return Some(near);
    }
    let begun = known
        .iter()
        .map(|known| (beginning(&name, &plain(known)), *known));
    let (length, known) = begun.max_by_key(|(length, _)| *length)?;
    (length >= 4).then_some(known)
}

/// Returns the number of leading letters that two words have in common.
fn beginning(a: &str, b: &str) -> usize {
    a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count()
}

/// Returns the number of edits between two words. Two swapped neighbours count as one edit.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let swap = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let best = swap.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best.min(table[i - 2][j - 2] + 1)
                } else {
                    best
                }
            };
        }
    }
    table[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn typos_in_letters_case_and_endings_are_corrected() {
        for (name, known, expected) in [
            ("naem", &["name", "topic"][..], Some("name")),
            ("NotFound", &["not_found", "aborted"], Some("not_found")),
            ("get", &["GET", "PUT"], Some("GET")),
            ("retry", &["queue", "retries", "group"], Some("retries")),
            ("colour", &["name", "topic"], None),
            ("reset", &["retries"], None),
        ] {
            assert_eq!(nearest(name, known), expected, "{name}");
        }
    }
}
