//! The one dynamic value type of the scenarios, and how it is rendered.

use std::sync::Arc;

use topo::state::{Codec, CodecError, CodecRef, Windowed};

/// A text or a number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Number(i64),
}

topo::data!(Value);

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Type {
    Text,
    Number,
}

struct ValueCodec(Type);

pub(crate) fn codec(of: Type) -> CodecRef<Value> {
    Arc::new(ValueCodec(of))
}

impl Codec<Value> for ValueCodec {
    fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), CodecError> {
        match (value, self.0) {
            (Value::Text(text), Type::Text) => out.extend_from_slice(text.as_bytes()),
            (Value::Number(number), Type::Number) => out.extend_from_slice(&number.to_be_bytes()),
            (value, _) => {
                return Err(CodecError::new(self.id(), 0, format!("{value:?} is of the other type")));
            }
        }
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<Value, CodecError> {
        let wrong = || CodecError::new(self.id(), bytes.len(), "not readable");
        match self.0 {
            Type::Text => String::from_utf8(bytes.to_vec()).map(Value::Text).map_err(|_| wrong()),
            Type::Number => Ok(Value::Number(i64::from_be_bytes(bytes.try_into().map_err(|_| wrong())?))),
        }
    }

    fn id(&self) -> &str {
        match self.0 {
            Type::Text => "utf8",
            Type::Number => "i64-be",
        }
    }
}

/// `render` of the scenarios: what functions see of a key or value.
pub(crate) trait Render {
    fn render(&self) -> String;
}

impl Render for Value {
    fn render(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
        }
    }
}

impl Render for String {
    fn render(&self) -> String {
        self.clone()
    }
}

impl Render for Windowed<String> {
    fn render(&self) -> String {
        format!("{}@{}/{}", self.key, self.window.start, self.window.end)
    }
}

/// A null renders as `null`.
pub(crate) fn or_null(datum: Option<&impl Render>) -> String {
    datum.map_or_else(|| "null".to_owned(), Render::render)
}

/// Keys of the scenarios: plain ones, and windowed ones that still know the plain one.
pub(crate) trait Key: topo::Data<Present = Self> + Render + PartialEq {
    fn plain(&self) -> &str;
}

impl Key for String {
    fn plain(&self) -> &str {
        self
    }
}

impl Key for Windowed<String> {
    fn plain(&self) -> &str {
        &self.key
    }
}
