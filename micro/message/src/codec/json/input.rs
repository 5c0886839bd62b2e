//! `Input`: the state of reading through serde beside the deserializer: bounds and the error's
//! place.

use std::cell::{Cell, RefCell, RefMut};
use std::fmt;
use std::marker::PhantomData;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, Visitor};

use crate::codec::field::Field;
use crate::codec::field_path::FieldPath;
use crate::codec::proto::{Bounds, DecodeError};

/// The remaining bounds, and the place of an error.
#[derive(Debug)]
pub struct Input {
    bounds: Cell<Bounds>,
    place: RefCell<FieldPath>,
}

impl Input {
    pub(crate) fn new(memory: usize) -> Self {
        Self {
            bounds: Cell::new(Bounds::new(memory)),
            place: RefCell::default(),
        }
    }

    pub(crate) fn place(&self) -> RefMut<'_, FieldPath> {
        self.place.borrow_mut()
    }

    /// Runs a function on the bounds and turns a fault into the format's error.
    pub(crate) fn bounded<T, E: Error>(
        &self,
        act: impl FnOnce(&mut Bounds) -> Result<T, DecodeError>,
    ) -> Result<T, E> {
        let mut bounds = self.bounds.get();
        let result = act(&mut bounds);
        self.bounds.set(bounds);
        result.map_err(E::custom)
    }

    /// Number of bytes that may still be allocated.
    pub(crate) fn left(&self) -> usize {
        self.bounds.get().left()
    }

    pub(crate) fn charge<E: Error>(&self, bytes: usize) -> Result<(), E> {
        self.bounded(|bounds| bounds.charge(bytes))
    }

    pub(crate) fn grow<T, E: Error>(&self, list: &mut Vec<T>) -> Result<(), E> {
        if list.len() < list.capacity() {
            return Ok(());
        }
        self.bounded(|bounds| bounds.grow(list, 1))
    }
}

/// Reads the value of a field, which must not be null.
pub(crate) struct Seed<'a, T> {
    input: &'a Input,
    of: PhantomData<T>,
}

impl<'a, T> Seed<'a, T> {
    pub(crate) fn new(input: &'a Input) -> Self {
        Self {
            input,
            of: PhantomData,
        }
    }
}

impl<'de, T: Field> DeserializeSeed<'de> for Seed<'_, T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        T::from_serde(deserializer, self.input)
    }
}

/// Reads the value of a field. Null is `None`, unless it is a value of the type.
pub(crate) struct Nullable<'a, T> {
    input: &'a Input,
    of: PhantomData<T>,
}

impl<'a, T> Nullable<'a, T> {
    pub(crate) fn new(input: &'a Input) -> Self {
        Self {
            input,
            of: PhantomData,
        }
    }
}

impl<'de, T: Field> DeserializeSeed<'de> for Nullable<'_, T> {
    type Value = Option<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de, T: Field> Visitor<'de> for Nullable<'_, T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or null")
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(T::null())
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(T::null())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        T::from_serde(deserializer, self.input).map(Some)
    }
}
