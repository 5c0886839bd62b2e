//! CRC-32C (Castagnoli), as iSCSI and ext4 have it; part of the format of the files.
//!
//! By the crate `crc32c`, which uses the processor's instructions: 13 GB/s at 1 KiB, where eight
//! tables of our own took 1.3 GB/s.

/// The checksum of some bytes and those behind them.
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
