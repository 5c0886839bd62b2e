//! Signed records: HMAC-SHA-256 with a secret that the programs of a network share.
//!
//! The crate's documentation describes the format. This module does not depend on DNS and keeps no
//! state: the caller refuses records that are older than the last one.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::txt;
use micro_message::error::{Error, Result};

/// Minimum length of a secret in bytes. A shorter one could be guessed from a single record.
const MIN_SECRET: usize = 16;
/// Maximum difference between the clocks of two machines. It is also how long a record can be
/// replayed.
pub(super) const MAX_CLOCK_SKEW: Duration = Duration::from_secs(60);
/// Prefix of the signed bytes, so that a tag is not valid in another protocol.
const PURPOSE: &[u8] = b"micro mdns record 1\0";
/// Length of the time in bytes. The time is in milliseconds since the Unix epoch.
const TIME: usize = 8;
/// Length of a tag in bytes: the time, then the full HMAC.
const TAG: usize = TIME + 32;

/// A secret, prepared as an HMAC key.
#[derive(Clone)]
pub(super) struct Secret(Hmac<Sha256>);

/// The parts of a record that its tag covers.
pub(super) struct Signed<'a> {
    /// `<id>.<service>`.
    pub(super) name: &'a str,
    /// Time to live in seconds.
    pub(super) ttl: u32,
    pub(super) port: u16,
    pub(super) addresses: &'a [IpAddr],
}

/// Why a record is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Invalid {
    Unsigned,
    Wrong,
    /// The signature is too old, or the clocks of the two machines differ too much.
    Clock,
}

impl Secret {
    /// Prepares a secret.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if the secret is too short. The message does not contain the secret.
    pub(super) fn new(text: &str) -> Result<Self> {
        if text.len() < MIN_SECRET {
            return Err(Error::invalid_argument(format!(
                "the secret of multicast DNS has {} bytes, it needs at least {MIN_SECRET}; for \
                 example the output of `openssl rand -hex 32`",
                text.len()
            )));
        }
        let key = Hmac::new_from_slice(text.as_bytes());
        let key = key.map_err(|_| Error::invalid_argument("HMAC does not take this secret"))?;
        Ok(Self(key))
    }

    /// Computes the tag of a record that is sent now. It is the last string of the TXT record.
    pub(super) fn tag(&self, record: &Signed<'_>, pieces: &[String]) -> String {
        let time = millis(SystemTime::now()).to_be_bytes();
        let mac = self.mac(record, time, pieces.iter().map(String::as_bytes));
        let mut tag = [0; TAG];
        tag[..TIME].copy_from_slice(&time);
        tag[TIME..].copy_from_slice(&mac.finalize().into_bytes());
        txt::to_hex(&tag)
    }

    /// Verifies a record and returns the time of its signature, in milliseconds since the Unix
    /// epoch.
    pub(super) fn verify(
        &self,
        record: &Signed<'_>,
        pieces: &[Vec<u8>],
        now: SystemTime,
    ) -> Result<u64, Invalid> {
        let (tag, pieces) = pieces.split_last().ok_or(Invalid::Unsigned)?;
        let tag = Some(tag).filter(|tag| tag.len() == 2 * TAG);
        let tag = tag.and_then(|tag| txt::from_hex(tag));
        let tag = tag.ok_or(Invalid::Unsigned)?;
        let (time, mac) = tag.split_first_chunk::<TIME>().ok_or(Invalid::Unsigned)?;
        // Compare in constant time, so that an attacker cannot find a tag byte by byte.
        self.mac(record, *time, pieces.iter().map(Vec::as_slice))
            .verify_slice(mac)
            .map_err(|_| Invalid::Wrong)?;
        let time = u64::from_be_bytes(*time);
        if u128::from(time.abs_diff(millis(now))) > MAX_CLOCK_SKEW.as_millis() {
            return Err(Invalid::Clock);
        }
        Ok(time)
    }

    /// Each part has a fixed length or is preceded by its length, so different records never have
    /// the same signed bytes.
    fn mac<'a>(
        &self,
        record: &Signed<'_>,
        time: [u8; TIME],
        pieces: impl Iterator<Item = &'a [u8]> + Clone,
    ) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(PURPOSE);
        mac.update(&time);
        mac.update(&record.ttl.to_be_bytes());
        mac.update(&record.port.to_be_bytes());
        mac.update(&length(record.name.len()));
        mac.update(record.name.to_ascii_lowercase().as_bytes());
        mac.update(&length(record.addresses.len()));
        for address in record.addresses {
            match address {
                IpAddr::V4(v4) => {
                    mac.update(&[4]);
                    mac.update(&v4.octets());
                }
                IpAddr::V6(v6) => {
                    mac.update(&[6]);
                    mac.update(&v6.octets());
                }
            }
        }
        mac.update(&length(pieces.clone().map(<[u8]>::len).sum()));
        for piece in pieces {
            mac.update(piece);
        }
        mac
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Invalid {
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Unsigned => "it is not signed",
            Self::Wrong => "its signature is wrong; do all programs have the same `mdns.secret`?",
            Self::Clock => "it was signed more than a minute ago or ahead; do the clocks agree?",
        }
    }
}

fn length(length: usize) -> [u8; 4] {
    // A datagram has less than 64 KiB.
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "correct horse battery staple";

    fn record(addresses: &[IpAddr]) -> Signed<'_> {
        Signed {
            name: "a.greeter",
            ttl: 60,
            port: 80,
            addresses,
        }
    }

    fn bytes(pieces: &[String], tag: String) -> Vec<Vec<u8>> {
        let all = pieces.iter().cloned().chain([tag]);
        all.map(String::into_bytes).collect()
    }

    #[test]
    fn tag_covers_every_part_of_a_record() {
        let secret = Secret::new(TEXT).unwrap();
        let (here, there): (IpAddr, IpAddr) = ("10.0.0.1".parse().unwrap(), "::1".parse().unwrap());
        let swapped = [there, here];
        let (addresses, pieces) = ([here, there], ["abcd".to_owned(), "ef".to_owned()]);
        let signed = bytes(&pieces, secret.tag(&record(&addresses), &pieces));
        let now = SystemTime::now();
        let verify = |record: &Signed<'_>, pieces: &[Vec<u8>]| secret.verify(record, pieces, now);
        assert!(verify(&record(&addresses), &signed).is_ok());
        let upper = Signed {
            name: "A.Greeter",
            ..record(&addresses)
        };
        assert!(verify(&upper, &signed).is_ok(), "DNS names have no case");

        let changed = [
            Signed {
                name: "b.greeter",
                ..record(&addresses)
            },
            Signed {
                ttl: 0,
                ..record(&addresses)
            },
            Signed {
                port: 81,
                ..record(&addresses)
            },
            record(&addresses[..1]),
            record(&swapped),
        ];
        for changed in changed {
            assert_eq!(verify(&changed, &signed), Err(Invalid::Wrong));
        }
        let mut other_text = signed.clone();
        other_text[0][0] = b'b';
        assert_eq!(
            verify(&record(&addresses), &other_text),
            Err(Invalid::Wrong)
        );
        let mut other_time = signed.clone();
        other_time[2][0] = b'1';
        assert_eq!(
            verify(&record(&addresses), &other_time),
            Err(Invalid::Wrong)
        );
        for unsigned in [&signed[..2], &signed[..0]] {
            assert_eq!(
                verify(&record(&addresses), unsigned),
                Err(Invalid::Unsigned)
            );
        }
        let stranger = Secret::new("correct horse battery stable").unwrap();
        assert_eq!(
            stranger.verify(&record(&addresses), &signed, now),
            Err(Invalid::Wrong)
        );
    }

    #[test]
    fn a_record_is_taken_for_a_minute_before_and_after() {
        let secret = Secret::new(TEXT).unwrap();
        let signed = bytes(&[], secret.tag(&record(&[]), &[]));
        let now = SystemTime::now();
        let second = Duration::from_secs(1);
        for (moment, good) in [
            (now + MAX_CLOCK_SKEW - second, true),
            (now - MAX_CLOCK_SKEW + second, true),
            (now + MAX_CLOCK_SKEW + second, false),
            (now - MAX_CLOCK_SKEW - second, false),
        ] {
            assert_eq!(
                secret.verify(&record(&[]), &signed, moment).is_ok(),
                good,
                "{moment:?}"
            );
        }
    }

    #[test]
    fn secret_is_neither_short_nor_shown() {
        let error = Secret::new("swordfish").unwrap_err();
        assert!(!error.message().contains("swordfish"), "{error}");
        assert!(error.message().contains("at least 16"), "{error}");
        assert_eq!(format!("{:?}", Secret::new(TEXT).unwrap()), "Secret(..)");
    }
}
