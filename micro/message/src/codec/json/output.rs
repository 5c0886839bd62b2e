//! Adapters that write values into a serializer.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::codec::field::{Field, Record};

/// Serializes a field's value.
pub(crate) struct Output<'a, T>(pub(crate) &'a T);

impl<T: Field> Serialize for Output<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.to_serde(serializer)
    }
}

/// Serializes a message.
pub(crate) struct Body<'a, R>(pub(crate) &'a R);

impl<R: Record> Serialize for Body<'_, R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.0.to_map(&mut map)?;
        map.end()
    }
}

/// Writes a field.
pub(crate) fn entry<M: SerializeMap, T: Field>(
    map: &mut M,
    name: &'static str,
    value: &T,
) -> Result<(), M::Error> {
    map.serialize_entry(name, &Output(value))
}

/// The borrowed fields of a variant.
pub trait View {
    /// Writes the fields.
    fn to_map<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error>;
}

struct ViewBody<'a, V>(&'a V);

impl<V: View> Serialize for ViewBody<'_, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.0.to_map(&mut map)?;
        map.end()
    }
}

/// Writes the fields of a variant as one field.
pub fn entry_view<M: SerializeMap, V: View>(
    map: &mut M,
    name: &'static str,
    view: &V,
) -> Result<(), M::Error> {
    map.serialize_entry(name, &ViewBody(view))
}
