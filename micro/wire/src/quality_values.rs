//! Lists with quality values, in which senders list the media types and encodings that they accept
//! (RFC 9110, section 12.4.2).

/// The weight of an item without one, in thousandths.
const MAX_QUALITY: u16 = 1000;

/// The items of a list such as `gzip;q=0.5, identity`, with their weights in thousandths. An item
/// with the weight zero is not accepted. A malformed weight counts as absent.
pub fn quality_values(list: &str) -> impl Iterator<Item = (&str, u16)> {
    let items = list.split(',').map(|item| {
        let mut parts = item.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            let is_weight = name.trim_end().eq_ignore_ascii_case("q");
            is_weight.then(|| thousandths(value.trim_start()))
        });
        (name, weight.unwrap_or(MAX_QUALITY))
    });
    items.filter(|(name, _)| !name.is_empty())
}

fn thousandths(text: &str) -> u16 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole != "0" || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return MAX_QUALITY;
    }
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(3);
    digits.fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_read_in_any_case() {
        let list = "a, b;q=0.5,c;level=1; Q = 0 ,, d;q=1.000;x , e;q=0.0019, f;q=x, g;q=0.";
        assert_eq!(
            quality_values(list).collect::<Vec<_>>(),
            [
                ("a", 1000),
                ("b", 500),
                ("c", 0),
                ("d", 1000),
                ("e", 1),
                ("f", 1000),
                ("g", 0)
            ]
        );
        assert_eq!(quality_values(" , ").count(), 0);
    }
}
