//! CRC-32C (Castagnoli), as used by iSCSI and ext4; part of the file format.
//!
//! The crate `crc32c` uses processor instructions and reaches 13 GB/s for 1 KiB. An own
//! implementation with eight tables reached 1.3 GB/s.

/// Checksum of `bytes` followed by `behind`.
pub(super) fn crc32c(bytes: &[u8], behind: &[u8]) -> u32 {
    ::crc32c::crc32c_append(::crc32c::crc32c(bytes), behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_sums_are_met() {
        // RFC 3720, B.4.
        let rising: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c(&[0; 32], &[]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32], &[]), 0x62a8_ab43);
        for cut in 0..32 {
            assert_eq!(crc32c(&rising[..cut], &rising[cut..]), 0x46dd_794e);
        }
        assert_eq!(crc32c(b"1234", b"56789"), 0xe306_9283);
        assert_eq!(crc32c(b"", b""), 0);
    }
}
