//! Compression of whole messages: gzip and zstd, each behind a cargo feature of the same name.
//!
//! This module does not choose an algorithm: client and server negotiate it. `zstd` uses the
//! reference implementation in C, because no decoder in Rust limits the size that one block can
//! decompress to.

use crate::quality_values::quality_values;
use micro_message::error::{Error, Result};

/// A compression algorithm for messages.
///
/// Every build knows all algorithms, so that settings and errors can name them. A build can use
/// those that are [compiled in](Self::is_compiled).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// gzip. Needs the feature `gzip`.
    Gzip,
    /// Zstandard. Needs the feature `zstd`, whose build needs a C compiler.
    Zstd,
}

impl Compression {
    /// All algorithms, compiled in or not.
    pub const ALL: &'static [Self] = &[Self::Gzip, Self::Zstd];

    /// The name on the wire, in settings and of the cargo feature.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// Whether this build contains the algorithm.
    pub const fn is_compiled(self) -> bool {
        match self {
            Self::Gzip => cfg!(feature = "gzip"),
            Self::Zstd => cfg!(feature = "zstd"),
        }
    }

    /// The algorithms that this build accepts, as the protocols list them.
    pub const fn accepted() -> &'static str {
        match (cfg!(feature = "gzip"), cfg!(feature = "zstd")) {
            (false, false) => "identity",
            (true, false) => "gzip,identity",
            (false, true) => "zstd,identity",
            (true, true) => "gzip,zstd,identity",
        }
    }

    /// Finds an algorithm by its name. Returns `None` for `identity` and for an empty name.
    ///
    /// # Errors
    ///
    /// `Unimplemented` when the name is unknown, with the supported names, and when the algorithm
    /// is not compiled in, with the feature to add.
    pub fn find(name: &str) -> Result<Option<Self>> {
        if matches!(name, "" | "identity") {
            return Ok(None);
        }
        match Self::ALL.iter().find(|known| known.name() == name) {
            Some(known) => known.compiled().map(|()| Some(*known)),
            None => Err(Error::unimplemented(format!(
                "unknown compression `{}`; supported: {}",
                name.escape_debug(),
                Self::accepted()
            ))),
        }
    }

    /// Whether a list such as `gzip;q=1.0, identity` accepts this algorithm, by name or by `*`.
    pub fn is_in(self, accepted: &str) -> bool {
        let mut all = false;
        for (name, weight) in quality_values(accepted) {
            if self.is_named(name) {
                return weight > 0;
            }
            all |= name == "*" && weight > 0;
        }
        all
    }

    /// Whether an HTTP header means this algorithm by `name`. Case does not matter, and `x-gzip` is
    /// an alias of `gzip`.
    pub fn is_named(self, name: &str) -> bool {
        let old = self == Self::Gzip && name.eq_ignore_ascii_case("x-gzip");
        old || name.eq_ignore_ascii_case(self.name())
    }

    /// Compresses bytes.
    ///
    /// # Errors
    ///
    /// `Unimplemented`, naming the feature, when the algorithm is not compiled in.
    pub fn compress(self, bytes: &[u8]) -> Result<Vec<u8>> {
        self.compiled()?;
        match self {
            #[cfg(feature = "gzip")]
            Self::Gzip => gzip::compress(bytes),
            #[cfg(feature = "zstd")]
            Self::Zstd => zstandard::compress(bytes),
            #[allow(unreachable_patterns, reason = "reached where a feature is off")]
            _ => Ok(bytes.to_vec()),
        }
    }

    /// Decompresses bytes to at most `limit` bytes.
    ///
    /// Memory grows with the decompressed bytes, not with the size that a header announces.
    ///
    /// # Errors
    ///
    /// `ResourceExhausted` when the result is larger than `limit`, `InvalidArgument` when the bytes
    /// are malformed, `Unimplemented`, naming the feature, when the algorithm is not compiled in.
    pub fn decompress(self, bytes: &[u8], limit: usize) -> Result<Vec<u8>> {
        self.compiled()?;
        match self {
            #[cfg(feature = "gzip")]
            Self::Gzip => gzip::decompress(bytes, limit),
            #[cfg(feature = "zstd")]
            Self::Zstd => zstandard::decompress(bytes, limit),
            #[allow(unreachable_patterns, reason = "reached where a feature is off")]
            _ => Err(too_large(bytes.len(), limit)),
        }
    }

    /// Checks that this build contains the algorithm.
    ///
    /// # Errors
    ///
    /// `Unimplemented`, naming the feature, when it is not compiled in.
    fn compiled(self) -> Result<()> {
        if self.is_compiled() {
            return Ok(());
        }
        let name = self.name();
        Err(Error::unimplemented(format!(
            "compression `{name}` is not compiled in; add the feature `{name}` of `micro`; \
             supported: {}",
            Self::accepted()
        )))
    }
}

fn too_large(length: usize, limit: usize) -> Error {
    Error::resource_exhausted(format!(
        "{length} compressed bytes decompress to more than the limit of {limit} bytes"
    ))
}

#[cfg(any(feature = "gzip", feature = "zstd"))]
fn damaged(way: Compression, source: std::io::Error) -> Error {
    let name = way.name();
    Error::invalid_argument(format!("the message is not valid {name} data")).with_source(source)
}

#[cfg(feature = "gzip")]
mod gzip {
    //! gzip by `flate2` over `miniz_oxide`, in pure Rust.

    use std::io::Read;

    use flate2::bufread::MultiGzDecoder;
    use flate2::read::GzEncoder;

    use super::{Compression, damaged, too_large};
    use micro_message::error::{OrError, Result};

    pub(super) fn compress(bytes: &[u8]) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(bytes.len() / 4 + 32);
        GzEncoder::new(bytes, flate2::Compression::default())
            .read_to_end(&mut out)
            .or_internal("cannot compress a message")?;
        Ok(out)
    }

    pub(super) fn decompress(bytes: &[u8], limit: usize) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(bytes.len().saturating_mul(2).min(limit));
        let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        MultiGzDecoder::new(bytes)
            .take(most)
            .read_to_end(&mut out)
            .map_err(|error| damaged(Compression::Gzip, error))?;
        if out.len() > limit {
            return Err(too_large(bytes.len(), limit));
        }
        Ok(out)
    }
}

#[cfg(feature = "zstd")]
mod zstandard {
    //! Zstandard by the reference implementation in C.
    //!
    //! Decompresses in one go into a buffer that grows up to the limit. This way the buffer is the
    //! window, and the decoder does not allocate a window of the size that a header announces.

    use zstd::bulk::Decompressor;

    use super::{Compression, damaged, too_large};
    use micro_message::error::{OrError, Result};

    /// The library's error when the buffer is too small.
    const TOO_SMALL: &str = "Destination buffer is too small";

    /// The initial size of the buffer. 4 KiB.
    const INITIAL_CAPACITY: usize = 4 << 10;

    pub(super) fn compress(bytes: &[u8]) -> Result<Vec<u8>> {
        let level = zstd::DEFAULT_COMPRESSION_LEVEL;
        zstd::bulk::compress(bytes, level).or_internal("cannot compress a message")
    }

    pub(super) fn decompress(bytes: &[u8], limit: usize) -> Result<Vec<u8>> {
        let mut decompressor = Decompressor::new().or_internal("cannot allocate a decompressor")?;
        let mut room = bytes
            .len()
            .saturating_mul(4)
            .max(INITIAL_CAPACITY)
            .min(limit);
        loop {
            match decompressor.decompress(bytes, room) {
                Ok(out) => return Ok(out),
                Err(error) if error.to_string() != TOO_SMALL => {
                    return Err(damaged(Compression::Zstd, error));
                }
                Err(_) if room >= limit => return Err(too_large(bytes.len(), limit)),
                Err(_) => room = room.saturating_mul(4).min(limit),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use micro_message::error::ErrorKind;

    fn compiled() -> impl Iterator<Item = Compression> {
        let all = Compression::ALL.iter().copied();
        all.filter(|way| way.is_compiled())
    }

    #[test]
    fn compressed_bytes_decompress_to_the_original() {
        for way in compiled() {
            for text in [String::new(), "a".into(), "abc ".repeat(50_000)] {
                let small = way.compress(text.as_bytes()).unwrap();
                assert!(
                    small.len() < text.len() / 20 + 60,
                    "{way:?} {}",
                    small.len()
                );
                let back = way.decompress(&small, text.len()).unwrap();
                assert!(back == text.as_bytes(), "{way:?}");
            }
        }
    }

    #[test]
    fn bombs_stop_at_the_limit() {
        for way in compiled() {
            let small = way.compress(&vec![0; 64 << 20]).unwrap();
            assert!(small.len() < 1 << 20);
            for limit in [0, 1, 1000, 1 << 20, (64 << 20) - 1] {
                let error = way.decompress(&small, limit).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::ResourceExhausted, "{error}");
                assert!(
                    error.message().contains(&format!("limit of {limit} bytes")),
                    "{error}"
                );
            }
        }
    }

    #[test]
    fn malformed_bytes_are_an_invalid_argument() {
        for way in compiled() {
            let good = way.compress(&b"hello".repeat(1000)).unwrap();
            for bad in [
                &good[..good.len() / 2],
                &good[1..],
                b"no",
                b"\xff\xff\xff\xff",
            ] {
                let error = way.decompress(bad, 1 << 20).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{way:?} {error}");
            }
        }
    }

    #[test]
    fn errors_list_the_supported_names_or_the_feature_to_add() {
        assert_eq!(Compression::find("identity").unwrap(), None);
        let error = Compression::find("snappy").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unimplemented);
        let supported = format!("supported: {}", Compression::accepted());
        assert!(error.message().ends_with(&supported), "{error}");
        for &way in Compression::ALL {
            match Compression::find(way.name()) {
                Ok(found) => assert_eq!((found, way.is_compiled()), (Some(way), true)),
                Err(error) => {
                    let feature = format!("add the feature `{}`", way.name());
                    assert!(error.message().contains(&feature), "{error}");
                    assert_eq!(error.kind(), way.compress(b"x").unwrap_err().kind());
                    assert_eq!(error.kind(), way.decompress(b"x", 9).unwrap_err().kind());
                }
            }
        }
    }

    #[test]
    fn accepted_lists_name_the_algorithm_or_a_wildcard() {
        let gzip = Compression::Gzip;
        for list in [
            "gzip",
            "identity, gzip",
            "zstd;q=1.0, GZIP;q=0.5",
            " gzip ",
            "x-gzip",
            "identity, *;q=0.1",
        ] {
            assert!(gzip.is_in(list), "{list}");
        }
        for list in [
            "",
            "zstd",
            "gzip;q=0",
            "gzip;Q=0",
            "gzip;q=0.0, br",
            "xgzip",
            "*, gzip;q=0",
            "*;q=0",
        ] {
            assert!(!gzip.is_in(list), "{list}");
        }
    }
}
