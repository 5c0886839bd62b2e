//! `Media`: the content types that a body may have.

/// A content type of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Media {
    /// `application/json`: the message or field in protobuf's JSON mapping.
    Json,
    /// `application/x-www-form-urlencoded`: fields as in a query.
    Form,
    /// `text/plain`: a text field, without JSON.
    Text,
    /// `application/octet-stream`: a bytes field, without JSON.
    Bytes,
}

impl Media {
    /// Parses a content type. Returns `None` for unknown ones, and for charsets other than UTF-8
    /// and US-ASCII.
    pub fn of(content_type: &str) -> Option<Self> {
        let mut parts = content_type.split(';').map(str::trim);
        let essence = parts.next()?;
        let all = [Self::Json, Self::Form, Self::Text, Self::Bytes];
        let media = all
            .into_iter()
            .find(|media| essence.eq_ignore_ascii_case(media.name()))?;
        let readable = parts.all(|part| match part.split_once('=') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
                let value = value.trim().trim_matches('"');
                ["utf-8", "utf8", "us-ascii"]
                    .iter()
                    .any(|known| value.eq_ignore_ascii_case(known))
            }
            _ => true,
        });
        readable.then_some(media)
    }

    /// The content type.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Form => "application/x-www-form-urlencoded",
            Self::Text => "text/plain",
            Self::Bytes => "application/octet-stream",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types() {
        for (text, media) in [
            ("application/json", Some(Media::Json)),
            ("Application/JSON ; Charset=\"UTF-8\"", Some(Media::Json)),
            ("application/json; profile=x", Some(Media::Json)),
            ("application/json; charset=latin1", None),
            ("text/plain;charset=us-ascii", Some(Media::Text)),
            ("application/x-www-form-urlencoded", Some(Media::Form)),
            ("application/octet-stream", Some(Media::Bytes)),
            ("application/json-patch+json", None),
            ("multipart/form-data; boundary=x", None),
            ("", None),
        ] {
            assert_eq!(Media::of(text), media, "{text}");
        }
    }
}
