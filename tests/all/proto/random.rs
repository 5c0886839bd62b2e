//! Random messages, generated from a descriptor and a seed.

use std::collections::HashMap;

use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage, Value,
};

/// Random numbers from a seed (splitmix64).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }

    /// Small values, large values, and the ends of the range.
    fn long(&mut self) -> i64 {
        let any = self.next().cast_signed();
        let shift = self.below(64);
        self.pick(&[0, 1, -1, i64::MIN, i64::MAX, any >> shift])
    }

    #[expect(clippy::cast_possible_truncation, reason = "any number will do")]
    fn int(&mut self) -> i32 {
        let any = self.long() as i32;
        self.pick(&[i32::MIN, i32::MAX, any, any])
    }

    fn text(&mut self) -> String {
        let parts = ["", "a", "\"", "\\", "ü", "\u{1f980}", "\n", "\u{0}", "</x>"];
        (0..self.below(4)).map(|_| self.pick(&parts)).collect()
    }

    /// A message with some of its fields set.
    pub(super) fn message(&mut self, of: &MessageDescriptor, depth: u32) -> DynamicMessage {
        let mut message = DynamicMessage::new(of.clone());
        if self.well_known(&mut message, depth) {
            return message;
        }
        for field in of.fields() {
            let nests = matches!(field.kind(), Kind::Message(_));
            if self.below(3) > 0 && (depth > 0 || !nests) {
                let value = self.field(&field, depth);
                message.set_field(&field, value);
            }
        }
        message
    }

    fn field(&mut self, field: &FieldDescriptor, depth: u32) -> Value {
        if field.is_list() {
            let count = self.below(4);
            let items = (0..count).map(|_| self.value(&field.kind(), depth));
            return Value::List(items.collect());
        }
        if let Kind::Message(entry) = field.kind()
            && field.is_map()
        {
            let (key, value) = (entry.map_entry_key_field(), entry.map_entry_value_field());
            let mut map = HashMap::new();
            for _ in 0..self.below(4) {
                let key = self.key(&key.kind());
                map.insert(key, self.value(&value.kind(), depth));
            }
            return Value::Map(map);
        }
        self.value(&field.kind(), depth)
    }

    fn key(&mut self, kind: &Kind) -> MapKey {
        match self.value(kind, 0) {
            Value::Bool(key) => MapKey::Bool(key),
            Value::I32(key) => MapKey::I32(key),
            Value::I64(key) => MapKey::I64(key),
            Value::U32(key) => MapKey::U32(key),
            Value::U64(key) => MapKey::U64(key),
            Value::String(key) => MapKey::String(key),
            other => panic!("{other:?} is no key"),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "any will do")]
    fn value(&mut self, kind: &Kind, depth: u32) -> Value {
        match kind {
            Kind::Double => {
                let any = self.long() as f64 / 1e3;
                Value::F64(self.pick(&[0.0, -0.0, f64::MAX, f64::MIN_POSITIVE, f64::INFINITY, any]))
            }
            Kind::Float => {
                let any = self.int() as f32 / 1e3;
                Value::F32(self.pick(&[0.0, -0.0, 1e38, 1e-40, f32::NEG_INFINITY, any]))
            }
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(self.int()),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(self.long()),
            Kind::Uint32 | Kind::Fixed32 => Value::U32(self.int().cast_unsigned()),
            Kind::Uint64 | Kind::Fixed64 => Value::U64(self.long().cast_unsigned()),
            Kind::Bool => Value::Bool(self.below(2) == 1),
            Kind::String => Value::String(self.text()),
            Kind::Bytes => Value::Bytes(self.text().into_bytes().into()),
            Kind::Enum(of) if of.full_name() == "google.protobuf.NullValue" => Value::EnumNumber(0),
            // Numbers without a name are kept, too.
            Kind::Enum(of) => {
                let known: Vec<i32> = of.values().map(|value| value.number()).collect();
                let (known, any) = (self.pick(&known), self.int());
                Value::EnumNumber(self.pick(&[known, known, any]))
            }
            Kind::Message(of) => Value::Message(self.message(of, depth.saturating_sub(1))),
        }
    }

    /// Fills a well-known message, because not every value has a JSON form.
    fn well_known(&mut self, message: &mut DynamicMessage, depth: u32) -> bool {
        let descriptor = message.descriptor();
        let Some(name) = descriptor.full_name().strip_prefix("google.protobuf.") else {
            return false;
        };
        let nanos = [0, 1, 1_000, 500_000_000, 999_999_999];
        match name {
            "Timestamp" => {
                let seconds = [0, -1, -62_135_596_800, 253_402_300_799, 1_700_000_000];
                message.set_field_by_name("seconds", Value::I64(self.pick(&seconds)));
                message.set_field_by_name("nanos", Value::I32(self.pick(&nanos)));
            }
            // Rust's durations are not negative.
            "Duration" => {
                let seconds = self.pick(&[0, 1, 90, 315_576_000_000]);
                message.set_field_by_name("seconds", Value::I64(seconds));
                message.set_field_by_name("nanos", Value::I32(self.pick(&nanos)));
            }
            "FieldMask" => {
                let paths = ["a", "first_name", "a.b_c.d"].map(|path| Value::String(path.into()));
                message.set_field_by_name("paths", Value::List(paths.into()));
            }
            "Any" => {
                let pool = descriptor.parent_pool();
                let names = ["Scalars", "Tree", "WellKnown"];
                let name = format!("awkward.v1.{}", self.pick(&names));
                let mut of = pool.get_message_by_name(&name).unwrap();
                // Not `Empty`: only prost-reflect writes it with a `value`.
                let known = [
                    "Duration",
                    "Int64Value",
                    "Struct",
                    "Timestamp",
                    "FieldMask",
                    "Any",
                ];
                if depth == 0 || self.below(2) == 0 {
                    let wanted = self.pick(&known[..if depth == 0 { 5 } else { 6 }]);
                    of = pool
                        .get_message_by_name(&format!("google.protobuf.{wanted}"))
                        .unwrap();
                }
                let inner = self.message(&of, depth.saturating_sub(1));
                let url = format!("type.googleapis.com/{}", of.full_name());
                let bytes = prost::Message::encode_to_vec(&inner);
                message.set_field_by_name("type_url", Value::String(url));
                message.set_field_by_name("value", Value::Bytes(bytes.into()));
            }
            "Value" => {
                let fields = [
                    "null_value",
                    "number_value",
                    "string_value",
                    "bool_value",
                    "struct_value",
                    "list_value",
                ];
                let field = self.pick(&fields[..if depth == 0 { 4 } else { 6 }]);
                let field = descriptor.get_field_by_name(field).unwrap();
                let mut value = self.field(&field, depth);
                if let Value::F64(number) = value {
                    value = Value::F64(if number.is_finite() { number } else { 1.5 });
                }
                message.set_field(&field, value);
            }
            // prost-reflect writes null for values that are not finite.
            "FloatValue" => message.set_field_by_name("value", Value::F32(2.5)),
            "DoubleValue" => message.set_field_by_name("value", Value::F64(-1e300)),
            _ => return false,
        }
        true
    }
}
