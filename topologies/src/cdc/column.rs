//! One column of one record: from the JSON text on the wire to its canonical value.
//!
//! Two things decide: how the wire writes it (the schema, if there is one) and what the column is (the
//! catalogue). Without a schema a string in a decimal column could be base64 or text; a setting decides,
//! the content never does.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;

use super::catalogue::OracleType;
use super::error::DecodeError;
use super::row::{Cell, Value};
use super::wire::WireType;
use super::{DecimalForm, TimeForm};
use crate::decimal::Decimal;
use crate::time::{micros_from_nanos, micros_from_text};

const DAY_MICROS: i64 = 86_400_000_000;

/// What is known about a column. One of the two is always there.
#[derive(Clone, Copy, Debug)]
pub(super) struct ColumnPlan {
    pub(super) wire: Option<WireType>,
    pub(super) declared: Option<OracleType>,
}

/// The settings that apply to every column.
#[derive(Clone, Debug)]
pub(super) struct Forms {
    pub(super) decimals: DecimalForm,
    pub(super) times: TimeForm,
    pub(super) placeholder: String,
    pub(super) placeholder_base64: String,
}

impl Forms {
    pub(super) fn new(decimals: DecimalForm, times: TimeForm, placeholder: &str) -> Forms {
        let placeholder_base64 = BASE64.encode(placeholder);
        Forms { decimals, times, placeholder: placeholder.to_owned(), placeholder_base64 }
    }
}

/// A JSON scalar with its text; numbers stay text so that none passes through a float.
enum Token<'a> {
    Text(Cow<'a, str>),
    Number(&'a str),
    Bool(bool),
    Object(&'a str),
    Other,
}

/// A string that borrows from the input when it holds no escapes.
#[derive(Deserialize)]
struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);

/// The text of a JSON string; `None` when `raw` is something else.
pub(super) fn json_text(raw: &str) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Borrowed<'_>>(raw).ok().map(|text| text.0)
}

impl ColumnPlan {
    /// True when nothing is known that would make the column readable.
    pub(super) fn is_ignored(&self) -> bool {
        match self.wire {
            Some(WireType::Ignored) => true,
            Some(_) => false,
            None => self.declared.is_none(),
        }
    }

    /// Decodes the JSON text `raw` of the column `name`.
    pub(super) fn decode(&self, name: &str, raw: &str, forms: &Forms) -> Result<Cell, DecodeError> {
        let token = match raw.as_bytes().first() {
            Some(b'n') => return Ok(Cell::Value(Value::Null)),
            Some(b'"') => Token::Text(json_text(raw).unwrap_or(Cow::Borrowed(raw))),
            Some(b'-' | b'0'..=b'9') => Token::Number(raw),
            Some(b't') => Token::Bool(true),
            Some(b'f') => Token::Bool(false),
            Some(b'{') => Token::Object(raw),
            _ => Token::Other,
        };
        if let Token::Text(text) = &token
            && (*text == forms.placeholder || (self.is_bytes() && *text == forms.placeholder_base64))
        {
            return Ok(Cell::Unavailable);
        }
        match self.value(&token, forms).and_then(|value| self.conform(value)) {
            Some(value) => Ok(Cell::Value(value)),
            None => Err(DecodeError::wrong_type(name, self.expected(), raw)),
        }
    }

    fn is_bytes(&self) -> bool {
        matches!(self.wire, Some(WireType::Bytes | WireType::Decimal { .. }))
            || (self.wire.is_none()
                && matches!(self.declared, Some(OracleType::Bytes | OracleType::Decimal { .. })))
    }

    fn value(&self, token: &Token<'_>, forms: &Forms) -> Option<Value> {
        match (self.wire, token) {
            (Some(WireType::Decimal { scale }), Token::Text(text)) => decimal_from_base64(text, scale),
            (Some(WireType::Decimal { scale }), Token::Number(text)) => {
                let number: Decimal = text.parse().ok()?;
                Some(Value::Decimal(number.rescale_exact(u8::try_from(scale.max(0)).ok()?)?))
            }
            (Some(WireType::VariableScaleDecimal), Token::Object(text)) => variable_scale(text),
            (Some(WireType::Millis), Token::Number(text)) => scaled_micros(text, 1_000),
            (Some(WireType::Micros), Token::Number(text)) => scaled_micros(text, 1),
            (Some(WireType::Nanos), Token::Number(text)) => {
                Some(Value::Micros(micros_from_nanos(i128::from(text.parse::<i64>().ok()?))))
            }
            (Some(WireType::Days), Token::Number(text)) => scaled_micros(text, DAY_MICROS),
            (Some(WireType::IsoText), Token::Text(text)) => instant(text),
            (
                None
                | Some(WireType::Int | WireType::Float | WireType::Bool | WireType::Text | WireType::Bytes),
                _,
            ) => match self.declared {
                Some(declared) => self.by_declaration(declared, token, forms),
                None => self.by_wire(token),
            },
            _ => None,
        }
    }

    /// A plainly written column of known Oracle type: all modes of the connector are accepted.
    fn by_declaration(&self, declared: OracleType, token: &Token<'_>, forms: &Forms) -> Option<Value> {
        match (declared, token) {
            (OracleType::Integer, Token::Number(text)) => whole(text),
            (OracleType::Integer, Token::Text(text)) => whole(text),
            (OracleType::Integer, Token::Bool(flag)) => Some(Value::Int(i64::from(*flag))),
            (OracleType::Decimal { scale }, Token::Number(text)) => {
                // A double may carry digits the column cannot hold; the column's scale is the truth.
                let number: Decimal = text.parse().ok()?;
                Some(Value::Decimal(number.round_half_up(u8::try_from(scale.max(0)).ok()?)?))
            }
            (OracleType::Decimal { scale }, Token::Text(text)) => {
                let base64 = match self.wire {
                    Some(WireType::Text) => false,
                    Some(_) => true,
                    None => forms.decimals == DecimalForm::Base64,
                };
                if base64 { decimal_from_base64(text, i32::from(scale)) } else { number(text) }
            }
            (OracleType::Number, Token::Object(text)) => variable_scale(text),
            (OracleType::Number, Token::Number(text)) => number(text),
            (OracleType::Number, Token::Text(text)) => number(text),
            (OracleType::Float, Token::Number(text)) => float(text),
            (OracleType::Float, Token::Text(text)) => float(text),
            (OracleType::Text, Token::Text(text)) => Some(Value::Text(text.as_ref().to_owned())),
            (OracleType::Bytes, Token::Text(text)) => {
                Some(Value::Bytes(BASE64.decode(text.as_bytes()).ok()?))
            }
            (OracleType::Timestamp { digits }, Token::Number(text)) => match (forms.times, digits) {
                (TimeForm::Connect, _) | (TimeForm::Adaptive, 0..=3) => scaled_micros(text, 1_000),
                (TimeForm::Adaptive, 4..=6) => scaled_micros(text, 1),
                (TimeForm::Adaptive, _) => {
                    Some(Value::Micros(micros_from_nanos(i128::from(text.parse::<i64>().ok()?))))
                }
            },
            (OracleType::Timestamp { .. } | OracleType::ZonedTimestamp, Token::Text(text)) => instant(text),
            _ => None,
        }
    }

    /// A plainly written column that the catalogue does not know.
    fn by_wire(&self, token: &Token<'_>) -> Option<Value> {
        match (self.wire?, token) {
            (WireType::Int, Token::Number(text)) => text.parse().ok().map(Value::Int),
            (WireType::Float, Token::Number(text)) => float(text),
            (WireType::Bool, Token::Bool(flag)) => Some(Value::Bool(*flag)),
            (WireType::Text, Token::Text(text)) => Some(Value::Text(text.as_ref().to_owned())),
            (WireType::Bytes, Token::Text(text)) => Some(Value::Bytes(BASE64.decode(text.as_bytes()).ok()?)),
            _ => None,
        }
    }

    /// Gives a number the form its declaration asks for, as far as no digit is lost.
    fn conform(&self, value: Value) -> Option<Value> {
        let Value::Decimal(number) = value else { return Some(value) };
        match self.declared {
            Some(OracleType::Integer) => number.to_i64().map(Value::Int),
            Some(OracleType::Decimal { scale }) => {
                let scale = u8::try_from(scale.max(0)).ok()?;
                Some(Value::Decimal(number.rescale_exact(scale).unwrap_or(number)))
            }
            _ => Some(Value::Decimal(number)),
        }
    }

    fn expected(&self) -> String {
        match (self.declared, self.wire) {
            (Some(declared), Some(wire)) => format!("{declared:?} written as {wire:?}"),
            (Some(declared), None) => format!("{declared:?}"),
            (None, Some(wire)) => format!("{wire:?}"),
            (None, None) => "a known type".to_owned(),
        }
    }
}

fn whole(text: &str) -> Option<Value> {
    // Nearly all are plain integers; `1001.0` and `1E3` come from decimal.handling.mode=double.
    let number = text.parse().ok();
    number.or_else(|| text.parse::<Decimal>().ok()?.to_i64()).map(Value::Int)
}

fn number(text: &str) -> Option<Value> {
    text.parse().ok().map(Value::Decimal)
}

fn float(text: &str) -> Option<Value> {
    text.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Float)
}

fn instant(text: &str) -> Option<Value> {
    micros_from_text(text).ok().map(Value::Micros)
}

fn scaled_micros(text: &str, micros_each: i64) -> Option<Value> {
    let micros = text.parse::<i64>().ok()?.checked_mul(micros_each)?;
    // Refuse here what no calendar holds, so that every decoded instant can be printed.
    jiff::Timestamp::from_microsecond(micros).ok()?;
    Some(Value::Micros(micros))
}

fn decimal_from_base64(text: &str, scale: i32) -> Option<Value> {
    let mut bytes = [0_u8; 24];
    let length = BASE64.decode_slice(text.as_bytes(), &mut bytes).ok()?;
    Decimal::from_be_bytes(bytes.get(..length)?, scale).ok().map(Value::Decimal)
}

#[derive(Deserialize)]
struct VariableScale<'a> {
    scale: i32,
    #[serde(borrow)]
    value: Cow<'a, str>,
}

fn variable_scale(text: &str) -> Option<Value> {
    let parts: VariableScale<'_> = serde_json::from_str(text).ok()?;
    decimal_from_base64(&parts.value, parts.scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(wire: Option<WireType>, declared: Option<&str>) -> ColumnPlan {
        ColumnPlan { wire, declared: declared.map(|text| OracleType::parse(text).unwrap()) }
    }

    fn decode(plan: ColumnPlan, raw: &str) -> Result<String, &'static str> {
        let forms = Forms::new(DecimalForm::Base64, TimeForm::Adaptive, "__debezium_unavailable_value");
        match plan.decode("C", raw, &forms) {
            Ok(Cell::Value(value)) => Ok(value.to_json().to_string()),
            Ok(cell) => Ok(format!("{cell:?}")),
            Err(error) => Err(error.error_type()),
        }
    }

    #[test]
    fn every_wire_form_of_a_schema_decodes() {
        let cases = [
            (plan(Some(WireType::Int), None), "1001", "1001"),
            (plan(Some(WireType::Decimal { scale: 2 }), None), r#""Aknw""#, r#""1500.00""#),
            (plan(Some(WireType::Decimal { scale: 2 }), None), "1500.0", r#""1500.00""#),
            (plan(Some(WireType::Decimal { scale: -2 }), None), r#""BQ==""#, r#""500""#),
            (
                plan(Some(WireType::Decimal { scale: 0 }), None),
                r#""AY7pD/bDc+DuTj8K0g==""#,
                r#""123456789012345678901234567890""#,
            ),
            (
                plan(Some(WireType::VariableScaleDecimal), None),
                r#"{"scale":3,"value":"AS4L"}"#,
                r#""77.323""#,
            ),
            (plan(Some(WireType::Millis), None), "1522108800000", r#""2018-03-27T00:00:00Z""#),
            (plan(Some(WireType::Micros), None), "1705738530123456", r#""2024-01-20T08:15:30.123456Z""#),
            (plan(Some(WireType::Nanos), None), "-1", r#""1969-12-31T23:59:59.999999Z""#),
            (plan(Some(WireType::Days), None), "17617", r#""2018-03-27T00:00:00Z""#),
            (
                plan(Some(WireType::IsoText), None),
                r#""2018-03-27T01:34:56.007891-11:00""#,
                r#""2018-03-27T12:34:56.007891Z""#,
            ),
            (plan(Some(WireType::Bool), Some("NUMBER(1)")), "true", "1"),
            (plan(Some(WireType::Text), Some("NUMBER(10)")), r#""1001""#, "1001"),
            (plan(Some(WireType::Float), Some("NUMBER(10)")), "1001.0", "1001"),
            (plan(Some(WireType::Text), Some("NUMBER(15,2)")), r#""1500""#, r#""1500.00""#),
            (
                plan(Some(WireType::Float), Some("NUMBER(15,2)")),
                "9.99999999999999E12",
                r#""9999999999999.99""#,
            ),
            (plan(Some(WireType::Float), Some("NUMBER(15,2)")), "0.30000000000000004", r#""0.30""#),
            (plan(Some(WireType::Text), None), r#""1500""#, r#""1500""#),
        ];
        for (plan, raw, expected) in cases {
            assert_eq!(decode(plan, raw), Ok(expected.to_owned()), "{plan:?} {raw}");
        }
    }

    #[test]
    fn without_a_schema_the_catalogue_decides() {
        let cases = [
            ("NUMBER(15,2)", r#""1234""#, r#""-26588.24""#),
            ("NUMBER(15,2)", "1234.5", r#""1234.50""#),
            ("NUMBER(10)", r#""1234""#, "1234"),
            ("TIMESTAMP", "1705738530123456", r#""2024-01-20T08:15:30.123456Z""#),
            ("TIMESTAMP", r#""2018-03-27T12:34:56.13Z""#, r#""2018-03-27T12:34:56.13Z""#),
            ("DATE", "1522108800000", r#""2018-03-27T00:00:00Z""#),
            ("NUMBER", r#"{"scale":3,"value":"AS4L"}"#, r#""77.323""#),
        ];
        for (declared, raw, expected) in cases {
            assert_eq!(decode(plan(None, Some(declared)), raw), Ok(expected.to_owned()), "{declared} {raw}");
        }
    }

    #[test]
    fn a_value_of_another_type_is_refused() {
        let cases = [
            ("NUMBER(10)", "1.5"),
            ("NUMBER(10)", r#""abc""#),
            ("NUMBER(10)", "[1]"),
            ("NUMBER(15,2)", r#""not base64!""#),
            ("VARCHAR2(20)", "5"),
            ("TIMESTAMP", "9223372036854775807"),
            ("TIMESTAMP", r#""2024-01-20""#),
            ("TIMESTAMP", "true"),
        ];
        for (declared, raw) in cases {
            assert_eq!(decode(plan(None, Some(declared)), raw), Err("WRONG_TYPE"), "{declared} {raw}");
        }
    }

    #[test]
    fn the_placeholder_is_neither_null_nor_text() {
        let clob = plan(Some(WireType::Text), Some("CLOB"));
        assert_eq!(decode(clob, r#""__debezium_unavailable_value""#), Ok("Unavailable".to_owned()));
        assert_eq!(decode(clob, r#""x__debezium_unavailable_value""#).unwrap().len(), 31);
        let blob = plan(Some(WireType::Bytes), None);
        let base64 = r#""X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==""#;
        assert_eq!(decode(blob, base64), Ok("Unavailable".to_owned()));
        assert_eq!(decode(clob, "null"), Ok("null".to_owned()));
    }
}
