//! Input that the reader accepts and rejects.

use super::*;

fn reader(bytes: &[u8]) -> Reader<'_> {
    Reader::new(bytes, 1024)
}

#[test]
fn varints_are_read_to_the_last_bit() {
    let mut bytes = vec![0xff; 9];
    bytes.push(1);
    assert_eq!(reader(&bytes).varint(), Ok(u64::MAX));
    bytes[9] = 2;
    assert_eq!(reader(&bytes).varint(), Err(DecodeError::Varint));
    assert_eq!(reader(&[0x80, 0x80, 0]).varint(), Ok(0), "overlong zero");
    assert_eq!(reader(&[0x80; 11]).varint(), Err(DecodeError::Varint));
    assert_eq!(reader(&[0x80; 9]).varint(), Err(DecodeError::Truncated));
    assert_eq!(reader(&[]).varint(), Err(DecodeError::Truncated));
}

#[test]
fn keys_out_of_range_are_rejected() {
    assert_eq!(reader(&[0]).key(), Err(DecodeError::Tag));
    assert_eq!(reader(&[0x0e]).key(), Err(DecodeError::Wire));
    assert_eq!(
        reader(&[0xff, 0xff, 0xff, 0xff, 0x7f]).key(),
        Err(DecodeError::Wire)
    );
    assert_eq!(
        reader(&[0xf8, 0xff, 0xff, 0xff, 0x7f]).key(),
        Err(DecodeError::Tag)
    );
    assert_eq!(reader(&[]).key(), Ok(None));
}

#[test]
fn groups_are_skipped_when_they_match() {
    let mut good = reader(&[0x0b, 0x13, 0x08, 1, 0x14, 0x0c, 0x08, 5]);
    let (tag, wire) = good.key().unwrap().unwrap();
    assert_eq!(good.skip(tag, wire), Ok(()));
    assert_eq!(good.left(), 2);
    for bad in [&[0x0b, 0x14][..], &[0x0b], &[0x0c]] {
        let mut reader = reader(bad);
        let (tag, wire) = reader.key().unwrap().unwrap();
        assert!(reader.skip(tag, wire).is_err(), "{bad:?}");
    }
    let deep = [0x0b; 1000];
    let mut reader = reader(&deep);
    let (tag, wire) = reader.key().unwrap().unwrap();
    assert_eq!(reader.skip(tag, wire), Err(DecodeError::Depth));
}

#[test]
fn lists_are_charged_before_they_grow() {
    let mut reader = reader(&[]);
    let mut list = Vec::<u64>::new();
    assert_eq!(reader.grow(&mut list, 100), Ok(()));
    assert_eq!(list.capacity(), 100);
    assert_eq!(reader.grow(&mut list, usize::MAX), Err(DecodeError::Memory));
    list.resize(100, 0);
    assert_eq!(reader.grow(&mut list, 1), Err(DecodeError::Memory));
}
