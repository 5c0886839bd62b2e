//! The same as `01_hello` without attributes: they generate ordinary code such as this. Prints
//! `Hello Ada`.

use std::sync::Arc;

use bytes::Bytes;
use micro::codec::{FieldType, Kind, Message, Types};
use micro::handler::{Method, MethodInfo, Served, Service, ServiceInfo};
use micro::prelude::*;
use serde_json::{Value, json};

/// A message with one text, used for request and response. `#[micro::message]` generates such code
/// for any struct.
struct Text<const REPLY: bool>(String);

type HelloRequest = Text<false>;
type HelloReply = Text<true>;

impl<const REPLY: bool> Text<REPLY> {
    const NAME: &str = if REPLY { "HelloReply" } else { "HelloRequest" };
    const FIELD: &str = if REPLY { "greeting" } else { "name" };
}

impl<const REPLY: bool> Message for Text<REPLY> {
    fn describe(types: &mut Types) -> String {
        types.message::<Self>("greeter", Self::NAME, |message, _| {
            message.field(
                1,
                [Self::FIELD, Self::FIELD],
                FieldType::single(Kind::String),
            );
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        if !self.0.is_empty() {
            out.push(1 << 3 | 2);
            put_varint(self.0.len() as u64, out);
            out.extend_from_slice(self.0.as_bytes());
        }
    }

    fn decode(bytes: &Bytes, memory: usize) -> Result<Self> {
        let (mut text, mut rest) = (String::new(), &**bytes);
        while !rest.is_empty() {
            let key = varint(&mut rest)?;
            let value = match key & 7 {
                0 => varint(&mut rest).map(|_| &[][..])?,
                1 => take(8, &mut rest)?,
                2 => take(varint(&mut rest)?, &mut rest)?,
                5 => take(4, &mut rest)?,
                _ => return Err(malformed()),
            };
            if key == 1 << 3 | 2 {
                if value.len() > memory {
                    return Err(Error::invalid_argument("the text is too long"));
                }
                text = String::from_utf8(value.to_vec()).map_err(|_| malformed())?;
            }
        }
        Ok(Self(text))
    }

    fn encode_json(&self, out: &mut Vec<u8>) -> Result<()> {
        let value = json!({ Self::FIELD: self.0 });
        out.extend_from_slice(value.to_string().as_bytes());
        Ok(())
    }

    fn decode_json(bytes: &[u8], memory: usize) -> Result<Self> {
        if bytes.len() > memory {
            return Err(Error::invalid_argument("the text is too long"));
        }
        let value: Value = serde_json::from_slice(bytes)
            .map_err(|error| Error::invalid_argument("not JSON").with_source(error))?;
        match value.get(Self::FIELD) {
            Some(Value::String(text)) => Ok(Self(text.clone())),
            Some(Value::Null) | None => Ok(Self(String::new())),
            Some(_) => Err(Error::invalid_argument(format!(
                "`{}` is not a text",
                Self::FIELD
            ))),
        }
    }
}

fn put_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

fn varint(rest: &mut &[u8]) -> Result<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(1, rest)?[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(malformed())
}

fn take<'a>(length: u64, rest: &mut &'a [u8]) -> Result<&'a [u8]> {
    let length = usize::try_from(length).map_err(|_| malformed())?;
    let (value, after) = rest.split_at_checked(length).ok_or_else(malformed)?;
    *rest = after;
    Ok(value)
}

fn malformed() -> Error {
    Error::invalid_argument("malformed protobuf")
}

/// `#[micro::service]` does this for any struct and its methods.
struct Greeter;

impl Service for Greeter {
    fn served() -> Vec<Served> {
        let hello = Method::unary("Hello", |greeter: Arc<Self>, _: Context, name| async move {
            greeter.hello(name).await
        });
        vec![Served::new(ServiceInfo::new("greeter", "greeter.Greeter")).method(hello)]
    }
}

impl Greeter {
    async fn hello(&self, request: HelloRequest) -> Result<HelloReply> {
        Ok(Text(format!("Hello {}", request.0)))
    }
}

/// `micro::run!()` does the same, and also sets up logs and signals.
#[tokio::main]
async fn main() -> Result<()> {
    let app = App::builder()
        .environment()
        .service(Greeter)
        .build()
        .await?;
    let running = app.start().await?;
    // The generated client is thin: it holds the method's path and makes this call.
    let hello = Arc::new(MethodInfo::new("greeter", "/greeter.Greeter/Hello"));
    let request: HelloRequest = Text("Ada".to_owned());
    let reply: HelloReply = running.client().call(&hello, request).remote().await?;
    println!("{}", reply.0);
    running.stop().await;
    Ok(())
}
