//! Writing: varints, keys, and nested messages whose length is inserted afterwards.

/// The wire type of a field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Wire {
    /// A varint.
    Varint = 0,
    /// Eight bytes, little endian.
    Fixed64 = 1,
    /// A length and that many bytes.
    Bytes = 2,
    /// The start of a group, which modern protobuf no longer writes.
    Start = 3,
    /// The end of a group.
    End = 4,
    /// Four bytes, little endian.
    Fixed32 = 5,
}

/// Appends a varint.
#[inline]
pub fn put_varint(value: u64, out: &mut Vec<u8>) {
    // Copies of a constant length compile to the fastest code.
    let [first, second, third] = [value, value >> 7, value >> 14].map(|v| v.to_le_bytes()[0]);
    match value {
        0..0x80 => out.push(first),
        0x80..0x4000 => out.extend_from_slice(&[first | 0x80, second]),
        0x4000..0x20_0000 => out.extend_from_slice(&[first | 0x80, second | 0x80, third]),
        _ => put_long_varint(value, out),
    }
}

fn put_long_varint(mut value: u64, out: &mut Vec<u8>) {
    let mut bytes = [0; 10];
    let mut len = 0;
    for byte in &mut bytes {
        len += 1;
        *byte = value.to_le_bytes()[0] | 0x80;
        value >>= 7;
        if value == 0 {
            *byte &= 0x7f;
            break;
        }
    }
    out.extend_from_slice(&bytes[..len]);
}

/// Number of bytes of a varint.
fn varint_len(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

/// Appends a field's key: its number and wire type.
#[inline]
pub fn put_key(tag: u32, wire: Wire, out: &mut Vec<u8>) {
    put_varint(u64::from(tag) << 3 | wire as u64, out);
}

/// Appends a field of bytes: key, length, bytes.
#[inline]
pub fn put_bytes(tag: u32, bytes: &[u8], out: &mut Vec<u8>) {
    if tag < 16 && bytes.len() < 0x80 {
        // The usual case: key and length are one byte each.
        let key = tag.to_le_bytes()[0] << 3 | Wire::Bytes as u8;
        out.reserve(bytes.len() + 2);
        out.extend_from_slice(&[key, bytes.len().to_le_bytes()[0]]);
    } else {
        out.reserve(bytes.len() + 12);
        put_key(tag, Wire::Bytes, out);
        put_varint(bytes.len() as u64, out);
    }
    out.extend_from_slice(bytes);
}

/// Appends a field whose content `body` writes. Its length is inserted afterwards.
///
/// One byte is reserved for the length. Only a body of 128 bytes or more is moved.
#[inline]
pub fn put_nested(tag: u32, out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    put_key(tag, Wire::Bytes, out);
    let start = out.len();
    out.push(0);
    body(out);
    let len = out.len() - start - 1;
    if len < 0x80 {
        out[start] = len.to_le_bytes()[0];
    } else {
        widen(start, len, out);
    }
}

#[cold]
fn widen(start: usize, len: usize, out: &mut Vec<u8>) {
    let width = varint_len(len as u64);
    out.resize(out.len() + width - 1, 0);
    out.copy_within(start + 1..start + 1 + len, start + width);
    let mut rest = len;
    for (index, byte) in out[start..start + width].iter_mut().enumerate() {
        let more = if index + 1 < width { 0x80 } else { 0 };
        *byte = (rest & 0x7f).to_le_bytes()[0] | more;
        rest >>= 7;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varint_len_matches_the_written_length() {
        for value in [
            0,
            1,
            127,
            128,
            16_383,
            16_384,
            u64::from(u32::MAX),
            u64::MAX,
        ] {
            let mut out = Vec::new();
            put_varint(value, &mut out);
            assert_eq!(out.len(), varint_len(value), "{value}");
        }
    }

    #[test]
    fn lengths_of_every_width_are_inserted() {
        for len in [0, 1, 127, 128, 16_383, 16_384, 2_097_152] {
            let mut out = Vec::new();
            put_nested(1, &mut out, |out| out.resize(out.len() + len, 7));
            let mut expected = vec![0x0a];
            put_varint(len as u64, &mut expected);
            expected.resize(expected.len() + len, 7);
            assert!(out == expected, "{len}");
        }
    }
}
