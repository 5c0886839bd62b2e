//! `Duration` and `SystemTime`: `google.protobuf.Duration` and `Timestamp`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserializer, Serializer};

use crate::codec::field::{Element, Field};
use crate::codec::json::{Input, duration, timestamp};
use crate::codec::proto::{Bounds, DecodeError, Reader, Wire, put_nested};
use crate::codec::types::{FieldType, Kind, Types};

/// Seconds and nanoseconds as in both messages. The nanoseconds always count forward.
#[derive(Default)]
struct Pair {
    seconds: i64,
    nanos: i32,
}

impl Pair {
    fn write(&self, out: &mut Vec<u8>) {
        self.seconds.put(1, out);
        self.nanos.put(2, out);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::default().merge(reader)
    }

    /// Reads the fields and merges them into these values.
    fn merge(self, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (mut seconds, mut nanos) = (Some(self.seconds), Some(self.nanos));
        while let Some((tag, wire)) = reader.key()? {
            match tag {
                1 => Field::merge(&mut seconds, wire, reader)?,
                2 => Field::merge(&mut nanos, wire, reader)?,
                _ => reader.skip(tag, wire)?,
            }
        }
        Ok(Self {
            seconds: seconds.unwrap_or(0),
            nanos: nanos.unwrap_or(0),
        })
    }

    fn describe<T: 'static>(types: &mut Types, name: &str) -> Kind {
        Kind::Message(types.message::<T>("google.protobuf", name, |message, _| {
            message.field(1, ["seconds"; 2], FieldType::single(Kind::Int64));
            message.field(2, ["nanos"; 2], FieldType::single(Kind::Int32));
        }))
    }
}

/// Converts a duration. A duration whose seconds do not fit into 64 bits is clamped.
fn from_duration(duration: &Duration) -> Pair {
    Pair {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: duration.subsec_nanos().cast_signed(),
    }
}

fn to_duration(pair: &Pair) -> Result<Duration, DecodeError> {
    match (u64::try_from(pair.seconds), u32::try_from(pair.nanos)) {
        (Ok(seconds), Ok(nanos)) if nanos < 1_000_000_000 => Ok(Duration::new(seconds, nanos)),
        _ => Err(DecodeError::Range),
    }
}

fn from_time(time: &SystemTime) -> Pair {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => from_duration(&after),
        Err(error) => {
            let before = from_duration(&error.duration());
            if before.nanos == 0 {
                Pair {
                    seconds: -before.seconds,
                    nanos: 0,
                }
            } else {
                let seconds = (-before.seconds).saturating_sub(1);
                Pair {
                    seconds,
                    nanos: 1_000_000_000 - before.nanos,
                }
            }
        }
    }
}

fn to_time(pair: &Pair) -> Result<SystemTime, DecodeError> {
    let nanos = u32::try_from(pair.nanos).map_err(|_| DecodeError::Range)?;
    let seconds = Duration::from_secs(pair.seconds.unsigned_abs());
    let time = if pair.seconds < 0 {
        UNIX_EPOCH.checked_sub(seconds)
    } else {
        UNIX_EPOCH.checked_add(seconds)
    };
    let time = time.and_then(|time| time.checked_add(Duration::from_nanos(nanos.into())));
    time.filter(|_| nanos < 1_000_000_000)
        .ok_or(DecodeError::Range)
}

macro_rules! time {
    ($type:ty, $name:literal, $zero:expr, $from:ident, $to:ident, $json:ident) => {
        impl Field for $type {
            fn ty(types: &mut Types) -> FieldType {
                FieldType::single(Self::kind(types))
            }

            fn absent(_: &mut Bounds) -> Result<Self, DecodeError> {
                Ok($zero)
            }

            fn put(&self, tag: u32, out: &mut Vec<u8>) {
                self.put_always(tag, out);
            }

            fn merge(
                slot: &mut Option<Self>,
                wire: Wire,
                reader: &mut Reader<'_>,
            ) -> Result<(), DecodeError> {
                if wire != Wire::Bytes {
                    return Err(DecodeError::Wire);
                }
                let earlier = slot.as_ref().map($from).unwrap_or_default();
                *slot = Some($to(&reader.nested(|reader| earlier.merge(reader))?)?);
                Ok(())
            }

            fn to_serde<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let pair = $from(self);
                $json::to_serde((pair.seconds, pair.nanos), serializer)
            }

            fn from_serde<'de, D: Deserializer<'de>>(
                deserializer: D,
                input: &Input,
            ) -> Result<Self, D::Error> {
                let (seconds, nanos) = $json::from_serde(deserializer)?;
                input.bounded(|_| $to(&Pair { seconds, nanos }))
            }
        }

        impl Element for $type {
            fn kind(types: &mut Types) -> Kind {
                Pair::describe::<Self>(types, $name)
            }

            fn put_always(&self, tag: u32, out: &mut Vec<u8>) {
                put_nested(tag, out, |out| $from(self).write(out));
            }

            fn read(wire: Wire, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                if wire != Wire::Bytes {
                    return Err(DecodeError::Wire);
                }
                $to(&reader.nested(Pair::read)?)
            }
        }
    };
}

time!(
    Duration,
    "Duration",
    Duration::ZERO,
    from_duration,
    to_duration,
    duration
);
time!(
    SystemTime,
    "Timestamp",
    UNIX_EPOCH,
    from_time,
    to_time,
    timestamp
);

/// Defines a module that writes and reads the fields of a time as a whole message.
macro_rules! body {
    ($module:ident, $type:ty, $from:ident, $to:ident) => {
        pub(crate) mod $module {
            use super::{DecodeError, Pair, Reader};

            pub(crate) fn write(value: &$type, out: &mut Vec<u8>) {
                super::$from(value).write(out);
            }

            pub(crate) fn read(reader: &mut Reader<'_>) -> Result<$type, DecodeError> {
                super::$to(&Pair::read(reader)?)
            }
        }
    };
}

body!(
    duration_body,
    std::time::Duration,
    from_duration,
    to_duration
);
body!(time_body, std::time::SystemTime, from_time, to_time);
