//! `HashMap` and `BTreeMap`: a repeated message of key and value on the wire, an object in JSON.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::BuildHasher;
use std::marker::PhantomData;

use serde::de::{Error, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserializer, Serialize, Serializer};

use crate::codec::encoding::{ElementAs, FieldAs};
use crate::codec::excerpt::{cut, wrong_type};
use crate::codec::field::{Element, Field, Key};
use crate::codec::json::{Input, Output, Seed};
use crate::codec::proto::{Bounds, DecodeError, Reader, Wire, put_nested};
use crate::codec::types::{FieldType, Types};

/// The operations that both map types have in common.
trait Map: Default {
    type Key: Key;
    type Value: Element;

    fn len(&self) -> usize;
    fn iter(&self) -> impl Iterator<Item = (&Self::Key, &Self::Value)>;
    fn has(&self, key: &Self::Key) -> bool;
    /// Charges the memory of an entry and adds it.
    fn add(
        &mut self,
        key: Self::Key,
        value: Self::Value,
        bounds: &mut Bounds,
    ) -> Result<(), DecodeError>;
}

impl<K: Key, V: Element, S: BuildHasher + Default> Map for HashMap<K, V, S> {
    type Key = K;
    type Value = V;

    fn len(&self) -> usize {
        HashMap::len(self)
    }

    fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        HashMap::iter(self)
    }

    fn has(&self, key: &K) -> bool {
        self.contains_key(key)
    }

    fn add(&mut self, key: K, value: V, bounds: &mut Bounds) -> Result<(), DecodeError> {
        if HashMap::len(self) == self.capacity() {
            // A hash table uses seven of eight slots. A slot has one control byte beside its entry,
            // and the table has a spare group of control bytes.
            let more = self.capacity().max(3);
            let places = (more * 8).div_ceil(7).next_power_of_two();
            bounds.charge(places * (size_of::<(K, V)>() + 1) + 32)?;
            self.reserve(more);
        }
        self.insert(key, value);
        Ok(())
    }
}

impl<K: Key, V: Element> Map for BTreeMap<K, V> {
    type Key = K;
    type Value = V;

    fn len(&self) -> usize {
        BTreeMap::len(self)
    }

    fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        BTreeMap::iter(self)
    }

    fn has(&self, key: &K) -> bool {
        self.contains_key(key)
    }

    fn add(&mut self, key: K, value: V, bounds: &mut Bounds) -> Result<(), DecodeError> {
        // The first node has eleven slots; later nodes are at least half full.
        let places = if self.is_empty() { 11 } else { 3 };
        bounds.charge(places * size_of::<(K, V)>() + 48)?;
        self.insert(key, value);
        Ok(())
    }
}

fn put<M: Map>(map: &M, tag: u32, out: &mut Vec<u8>) {
    for (key, value) in map.iter() {
        put_nested(tag, out, |out| {
            key.put_always(1, out);
            value.put_always(2, out);
        });
    }
}

/// Reads a key or a value.
type Read<T> = fn(&mut Option<T>, Wire, &mut Reader<'_>) -> Result<(), DecodeError>;

fn merge<M: Map>(
    map: &mut M,
    wire: Wire,
    reader: &mut Reader<'_>,
    read_key: Read<M::Key>,
    read_value: Read<M::Value>,
) -> Result<(), DecodeError> {
    if wire != Wire::Bytes {
        return Err(DecodeError::Wire);
    }
    let mut key = None;
    let mut value = None;
    let result = reader.nested(|reader| {
        while let Some((tag, wire)) = reader.key()? {
            match tag {
                1 => read_key(&mut key, wire, reader)?,
                2 => read_value(&mut value, wire, reader)?,
                _ => reader.skip(tag, wire)?,
            }
        }
        Ok(())
    });
    let key = key.unwrap_or_else(M::Key::absent_key);
    let value = result.and_then(|()| match value {
        Some(value) => Ok(value),
        None => M::Value::absent(reader.bounds_mut()),
    });
    match value {
        Ok(value) => map.add(key, value, reader.bounds_mut()),
        Err(fault) => Err(reader.at_key(fault, &key)),
    }
}

fn to_serde<M: Map, S: Serializer>(map: &M, serializer: S) -> Result<S::Ok, S::Error> {
    let mut entries = serializer.serialize_map(Some(map.len()))?;
    for (key, value) in map.iter() {
        entries.serialize_entry(&KeyText(key), &Output(value))?;
    }
    entries.end()
}

/// Serializes a key as text.
struct KeyText<'a, K>(&'a K);

impl<K: Key> Serialize for KeyText<'_, K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}

struct MapVisitor<'a, M> {
    input: &'a Input,
    of: PhantomData<M>,
}

impl<'de, M: Map> Visitor<'de> for MapVisitor<'_, M> {
    type Value = M;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<M, E> {
        Err(wrong_type(text, &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<M, A::Error> {
        let mut map = M::default();
        while let Some(text) = entries.next_key_seed(Seed::<String>::new(self.input))? {
            let Ok(key) = text.parse::<M::Key>() else {
                return Err(A::Error::custom(format!(
                    "{:?} is not a key of this map",
                    cut(&text)
                )));
            };
            let added = match entries.next_value_seed(Seed::<M::Value>::new(self.input)) {
                Ok(_) if map.has(&key) => Err(A::Error::custom("the key is given twice")),
                Ok(value) => {
                    self.input.bounded(|bounds| map.add(key, value, bounds))?;
                    continue;
                }
                Err(error) => Err(error),
            };
            self.input.place().key(&text);
            return added;
        }
        Ok(map)
    }
}

macro_rules! map_as {
    ($map:ty, [$($generics:tt)*]) => {
        impl<KE, VE, $($generics)*> FieldAs<(KE, VE)> for $map
        where
            K: ElementAs<KE>,
            V: ElementAs<VE>,
        {
            fn ty_as(types: &mut Types) -> FieldType {
                FieldType::map(K::kind_as(types), V::kind_as(types))
            }

            fn put_as(&self, tag: u32, out: &mut Vec<u8>) {
                for (key, value) in self {
                    put_nested(tag, out, |out| {
                        key.put_always_as(1, out);
                        value.put_always_as(2, out);
                    });
                }
            }

            fn merge_as(
                slot: &mut Option<Self>,
                wire: Wire,
                reader: &mut Reader<'_>,
            ) -> Result<(), DecodeError> {
                let key = <K as ElementAs<KE>>::merge_as;
                let value = <V as ElementAs<VE>>::merge_as;
                merge(slot.get_or_insert_default(), wire, reader, key, value)
            }
        }
    };
}

macro_rules! map {
    ($map:ty, [$($generics:tt)*]) => {
        impl<$($generics)*> Field for $map {
            fn ty(types: &mut Types) -> FieldType {
                FieldType::map(K::kind(types), V::kind(types))
            }

            fn absent(_: &mut Bounds) -> Result<Self, DecodeError> {
                Ok(Self::default())
            }

            fn put(&self, tag: u32, out: &mut Vec<u8>) {
                put(self, tag, out);
            }

            fn merge(
                slot: &mut Option<Self>,
                wire: Wire,
                reader: &mut Reader<'_>,
            ) -> Result<(), DecodeError> {
                merge(slot.get_or_insert_default(), wire, reader, K::merge, V::merge)
            }

            fn omit(&self) -> bool {
                self.is_empty()
            }

            fn to_serde<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                to_serde(self, serializer)
            }

            fn from_serde<'de, D: Deserializer<'de>>(
                deserializer: D,
                input: &Input,
            ) -> Result<Self, D::Error> {
                deserializer.deserialize_any(MapVisitor { input, of: PhantomData })
            }
        }
    };
}

map!(HashMap<K, V, H>, [K: Key, V: Element, H: BuildHasher + Default]);
map!(BTreeMap<K, V>, [K: Key, V: Element]);

map_as!(HashMap<K, V, H>, [K: Key, V: Element, H: BuildHasher + Default]);
map_as!(BTreeMap<K, V>, [K: Key, V: Element]);
