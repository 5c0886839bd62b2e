//! Encoding of one record: length, checksum, body. `docs/events-file.md` describes the format.
//!
//! Decoding trusts nothing: a frame is accepted only if its checksum is correct.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::crc::crc32c;
use micro_events::{Event, Record};
use micro_message::error::{Error, Result};

/// Size of the length and checksum fields, in bytes.
pub(super) const FRAME_HEAD: usize = 8;
/// Minimum size of a body, in bytes: offset, time, flags, and four length fields of zero.
const MIN_BODY: usize = 8 + 8 + 1 + 2 + 2 + 2 + 2;
/// Maximum size of a body, in bytes.
const MAX_BODY: usize = 256 << 20;

/// Flag: the next frame belongs to the same batch.
pub(super) const CONTINUES_BATCH: u8 = 1;
/// Flag: the frame is the first of a write. All earlier frames had been written before this write.
pub(super) const STARTS_WRITE: u8 = 2;

/// A frame with a correct checksum.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) offset: u64,
    /// Nanoseconds since 1970.
    pub(super) time: u64,
    pub(super) flags: u8,
    /// The bytes after the flags.
    rest: &'a [u8],
    /// Size of the whole frame, in bytes.
    pub(super) length: usize,
}

/// Appends a frame to `out`.
pub(super) fn write(
    out: &mut Vec<u8>,
    (offset, time, flags): (u64, u64, u8),
    event: &Event,
) -> Result<()> {
    let start = out.len();
    out.extend_from_slice(&[0; FRAME_HEAD]);
    out.extend_from_slice(&offset.to_le_bytes());
    out.extend_from_slice(&time.to_le_bytes());
    out.push(flags);
    let written = body(out, event).and_then(|()| {
        let length = out.len() - start - FRAME_HEAD;
        u32::try_from(length).ok().filter(|_| length <= MAX_BODY)
    });
    let Some(length) = written else {
        out.truncate(start);
        return Err(Error::invalid_argument(
            "the event is too large for a file, keep large things elsewhere",
        ));
    };
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    let sum = checksum(&out[start..]);
    out[start + 4..start + FRAME_HEAD].copy_from_slice(&sum.to_le_bytes());
    Ok(())
}

fn body(out: &mut Vec<u8>, event: &Event) -> Option<()> {
    for word in [&event.key, &event.id] {
        let length = word.as_ref().map_or(0, |word| word.len() + 1);
        out.extend_from_slice(&u16::try_from(length).ok()?.to_le_bytes());
    }
    let length = u16::try_from(event.content_type.len()).ok()?;
    out.extend_from_slice(&length.to_le_bytes());
    let count = u16::try_from(event.metadata.len()).ok()?;
    out.extend_from_slice(&count.to_le_bytes());
    for word in [&event.key, &event.id].into_iter().flatten() {
        out.extend_from_slice(word.as_bytes());
    }
    out.extend_from_slice(event.content_type.as_bytes());
    for (key, value) in event.metadata.iter() {
        out.extend_from_slice(&u16::try_from(key.len()).ok()?.to_le_bytes());
        out.extend_from_slice(&u32::try_from(value.len()).ok()?.to_le_bytes());
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(value.as_bytes());
    }
    out.extend_from_slice(&event.payload);
    Some(())
}

/// Computes the checksum of a whole frame, over its length and its body.
pub(super) fn checksum(frame: &[u8]) -> u32 {
    crc32c(&frame[..4], &frame[FRAME_HEAD..])
}

/// Size of the frame that starts here; `None` if its length field is out of range.
pub(super) fn length(bytes: &[u8]) -> Option<usize> {
    let (length, _) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    (MIN_BODY..=MAX_BODY)
        .contains(&length)
        .then_some(FRAME_HEAD + length)
}

/// Decodes the frame that starts here; `None` if it is incomplete or its checksum is wrong.
pub(super) fn read(bytes: &[u8]) -> Option<Frame<'_>> {
    let length = length(bytes)?;
    let frame = bytes.get(..length)?;
    let (sum, body) = frame[4..].split_first_chunk::<4>()?;
    if checksum(frame) != u32::from_le_bytes(*sum) {
        return None;
    }
    let (offset, body) = body.split_first_chunk::<8>()?;
    let (time, body) = body.split_first_chunk::<8>()?;
    let (&flags, rest) = body.split_first()?;
    Some(Frame {
        offset: u64::from_le_bytes(*offset),
        time: u64::from_le_bytes(*time),
        flags,
        rest,
        length,
    })
}

/// Whether a frame with an offset in this range can start here. A cheap check that does not verify
/// the checksum.
pub(super) fn may_begin(bytes: &[u8], offsets: std::ops::RangeInclusive<u64>) -> bool {
    let offset = bytes
        .get(FRAME_HEAD..FRAME_HEAD + 8)
        .and_then(|b| b.try_into().ok());
    length(bytes).is_some_and(|length| length <= bytes.len())
        && offset.is_some_and(|offset| offsets.contains(&u64::from_le_bytes(offset)))
}

impl Frame<'_> {
    /// Decodes the record. `None` means a bug, because the checksum of the frame is correct.
    pub(super) fn record(&self, topic: &Arc<str>) -> Option<Record> {
        let mut rest = self.rest;
        let key = read_len(&mut rest)?;
        let id = read_len(&mut rest)?;
        let content_type = read_len(&mut rest)?;
        let count = read_len(&mut rest)?;
        let optional = |rest: &mut &[u8], length: usize| match length.checked_sub(1) {
            None => Some(None),
            Some(length) => text(rest, length).map(|text| Some(text.to_owned())),
        };
        let mut event = Event::default();
        event.key = optional(&mut rest, key)?;
        event.id = optional(&mut rest, id)?;
        event.content_type = known(text(&mut rest, content_type)?);
        for _ in 0..count {
            let key = read_len(&mut rest)?;
            let value = usize::try_from(u32::from_le_bytes(*take(&mut rest)?)).ok()?;
            let key = text(&mut rest, key)?.to_owned();
            event.metadata.append(key, text(&mut rest, value)?).ok()?;
        }
        event.payload = Bytes::copy_from_slice(rest);
        let time = SystemTime::UNIX_EPOCH + Duration::from_nanos(self.time);
        Some(Record::new(Arc::clone(topic), self.offset, time, event))
    }
}

/// Avoids an allocation for the predefined content types.
fn known(text: &str) -> std::borrow::Cow<'static, str> {
    use micro_events::{JSON, PROTOBUF};
    match text {
        PROTOBUF => PROTOBUF.into(),
        JSON => JSON.into(),
        "" => "".into(),
        other => other.to_owned().into(),
    }
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (taken, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(taken)
}

fn read_len(rest: &mut &[u8]) -> Option<usize> {
    take(rest).map(|length| usize::from(u16::from_le_bytes(*length)))
}

fn text<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a str> {
    let (taken, after) = rest.split_at_checked(length)?;
    *rest = after;
    std::str::from_utf8(taken).ok()
}

/// Nanoseconds since 1970; 0 for earlier times.
pub(super) fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use micro_message::metadata::Metadata;

    fn event() -> Event {
        let mut metadata = Metadata::new();
        metadata.append("a", "1").unwrap();
        metadata.append("a", "2").unwrap();
        Event::new(vec![0, 255, 7])
            .with_key("")
            .with_id("id")
            .with_content_type(PROTO)
            .with_metadata(metadata)
    }

    const PROTO: &str = micro_events::PROTOBUF;

    #[test]
    fn a_record_comes_back_as_it_was() {
        for event in [event(), Event::default(), Event::new("x").with_key("k")] {
            let mut bytes = vec![1, 2, 3];
            write(&mut bytes, (7, 99, STARTS_WRITE), &event).unwrap();
            let frame = read(&bytes[3..]).unwrap();
            assert_eq!(
                (frame.offset, frame.time, frame.flags),
                (7, 99, STARTS_WRITE)
            );
            assert_eq!(frame.length, bytes.len() - 3);
            assert_eq!(frame.record(&Arc::from("t")).unwrap().event, event);
            assert!(may_begin(&bytes[3..], 7..=7) && !may_begin(&bytes[3..], 8..=9));
        }
    }

    #[test]
    fn no_changed_bit_and_no_cut_goes_unseen() {
        let mut bytes = Vec::new();
        write(&mut bytes, (7, 99, 0), &event()).unwrap();
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end]).is_none());
        }
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            // More bytes can follow a frame.
            changed.extend_from_slice(&[0; 64]);
            assert!(read(&changed).is_none(), "bit {bit}");
        }
    }
}
