//! A payment as it arrives: JSON in the form of the integration document, section 5.
//!
//! Six of its twelve fields decide a verdict and must be there; the others are not looked at here.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use topo::Fault;

use super::amount::parse_minor;
use super::currency::Currency;

/// Where a payment was read: its place in the order that the counts follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Origin {
    /// Partition of the input topic.
    pub partition: i32,
    /// Offset in it.
    pub offset: i64,
}

/// A payment that can be counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Payment {
    /// Names the payment; the first record of a name wins.
    pub transaction_id: String,
    /// Who pays.
    pub debtor: String,
    /// Who is paid.
    pub creditor: String,
    /// Event time exactly as received.
    pub timestamp: String,
    /// Event time, milliseconds since the epoch.
    pub time: i64,
    /// Its currency.
    pub currency: Currency,
    /// Amount in minor units of the currency.
    pub minor: i128,
    /// Decimals of the minor unit.
    pub decimals: u32,
    /// Where it was read.
    pub origin: Origin,
    /// The highest event time in its input partition up to and including this payment, milliseconds.
    pub stream_time: i64,
    /// Whether it came later than the grace period.
    pub late: bool,
}

topo::data!(Payment, Origin);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(borrow)]
    transaction_id: Option<&'a RawValue>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    amount: Option<&'a RawValue>,
    #[serde(borrow)]
    currency: Option<&'a RawValue>,
    #[serde(borrow)]
    debtor_account: Option<&'a RawValue>,
    #[serde(borrow)]
    creditor_account: Option<&'a RawValue>,
}

impl Payment {
    /// Reads a payment. Stream time and lateness are the reader's to fill in.
    ///
    /// # Errors
    /// A poison fault that names the field and what was found.
    pub fn parse(bytes: &[u8], origin: Origin) -> Result<Self, Fault> {
        let malformed = |what: String| Fault::poison("MALFORMED_JSON", format!("not a payment: {what}"));
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(malformed("a JSON object is needed".to_owned()));
        }
        let wire: Wire<'_> = serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
        let code = text("currency", wire.currency)?;
        let (currency, decimals) = Currency::parse(&code).ok_or_else(|| {
            Fault::poison("UNKNOWN_CURRENCY", format!("currency `{code}` is not a code of ISO 4217"))
        })?;
        let timestamp = text("timestamp", wire.timestamp)?;
        let time = parse_time(&timestamp)?;
        Ok(Self {
            transaction_id: text("transactionId", wire.transaction_id)?,
            debtor: text("debtorAccount", wire.debtor_account)?,
            creditor: text("creditorAccount", wire.creditor_account)?,
            minor: minor(wire.amount, decimals)?,
            timestamp,
            time,
            currency,
            decimals,
            origin,
            stream_time: time,
            late: false,
        })
    }
}

fn given<'a>(name: &str, field: Option<&'a RawValue>) -> Result<&'a str, Fault> {
    let missing = || Fault::poison("MISSING_FIELD", format!("the payment has no `{name}`"));
    field.map(RawValue::get).ok_or_else(missing)
}

fn text(name: &str, field: Option<&RawValue>) -> Result<String, Fault> {
    let raw = given(name, field)?;
    let value: String = serde_json::from_str(raw)
        .map_err(|_| Fault::poison("WRONG_TYPE", format!("`{name}` must be a text, found {}", shown(raw))))?;
    if value.is_empty() {
        return Err(Fault::poison("MISSING_FIELD", format!("`{name}` is an empty text")));
    }
    Ok(value)
}

fn minor(field: Option<&RawValue>, decimals: u32) -> Result<i128, Fault> {
    let raw = given("amount", field)?;
    let bad = |what: String| Fault::poison("BAD_AMOUNT", format!("`amount`: {what}"));
    if raw.starts_with('"') {
        let value: String = serde_json::from_str(raw).map_err(|error| bad(error.to_string()))?;
        return parse_minor(&value, decimals).map_err(bad);
    }
    if !raw.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        return Err(bad(format!("must be a number or a decimal text, found {}", shown(raw))));
    }
    parse_minor(raw, decimals).map_err(bad)
}

/// Milliseconds decide; what is finer is cut off towards the past.
fn parse_time(text: &str) -> Result<i64, Fault> {
    let bad = |error| {
        let hint = "a time with a zone is needed, e.g. 2026-02-06T10:30:00Z";
        Fault::poison("BAD_TIMESTAMP", format!("`timestamp` is `{text}`: {hint} ({error})"))
    };
    let time: jiff::Timestamp = text.parse().map_err(bad)?;
    Ok(i64::try_from(time.as_nanosecond().div_euclid(1_000_000)).unwrap_or_default())
}

/// A piece of the input, short enough for a message.
fn shown(raw: &str) -> String {
    let mut short: String = raw.chars().take(60).collect();
    if short.len() < raw.len() {
        short.push_str("...");
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ORIGIN: Origin = Origin { partition: 3, offset: 17 };

    fn sample() -> serde_json::Value {
        json!({"transactionId": "TXN-2026-001", "referenceId": "REF-001", "timestamp": "2026-02-06T10:30:00Z",
            "amount": 15000000, "currency": "IDR", "debtorName": "John Doe", "debtorAccount": "1234567890",
            "debtorBank": "BANK001", "creditorName": "Jane Smith", "creditorAccount": "0987654321",
            "creditorBank": "BANK002", "transactionType": "TRANSFER"})
    }

    fn error_type(payment: &serde_json::Value) -> String {
        let fault = Payment::parse(payment.to_string().as_bytes(), ORIGIN).expect_err("must be refused");
        fault.reason().error_type.to_string()
    }

    #[test]
    fn the_sample_of_the_document_is_read() {
        let payment = Payment::parse(sample().to_string().as_bytes(), ORIGIN).unwrap();
        assert_eq!((1_500_000_000, Currency::IDR), (payment.minor, payment.currency));
        assert_eq!(1_770_373_800_000, payment.time);
        assert_eq!(("1234567890", "0987654321"), (payment.debtor.as_str(), payment.creditor.as_str()));
    }

    #[test]
    fn every_needed_field_must_be_there_with_its_type() {
        for field in ["transactionId", "timestamp", "amount", "currency", "debtorAccount", "creditorAccount"]
        {
            let mut payment = sample();
            payment[field] = json!(null);
            assert_eq!("MISSING_FIELD", error_type(&payment), "{field} null");
            payment.as_object_mut().unwrap().remove(field);
            assert_eq!("MISSING_FIELD", error_type(&payment), "{field} absent");
            payment[field] = json!({});
            let wrong = if field == "amount" { "BAD_AMOUNT" } else { "WRONG_TYPE" };
            assert_eq!(wrong, error_type(&payment), "{field} an object");
        }
    }

    #[test]
    fn a_time_without_zone_is_refused_and_offsets_name_the_same_instant() {
        let mut payment = sample();
        for bad in ["2026-02-06T10:30:00", "2026-02-06", "yesterday", "2026-13-01T00:00:00Z"] {
            payment["timestamp"] = json!(bad);
            assert_eq!("BAD_TIMESTAMP", error_type(&payment), "{bad}");
        }
        payment["timestamp"] = json!("2026-02-06T17:30:00.0009+07:00");
        let read = Payment::parse(payment.to_string().as_bytes(), ORIGIN).unwrap();
        assert_eq!(1_770_373_800_000, read.time);
        payment["timestamp"] = json!("1969-12-31T23:59:59.999999999Z");
        assert_eq!(-1, Payment::parse(payment.to_string().as_bytes(), ORIGIN).unwrap().time);
    }

    #[test]
    fn an_amount_may_be_a_number_or_a_text_and_must_be_payable() {
        let mut payment = sample();
        for good in [json!("15000000.00"), json!(15000000.0), json!(1.5e7)] {
            payment["amount"] = good;
            assert_eq!(1_500_000_000, Payment::parse(payment.to_string().as_bytes(), ORIGIN).unwrap().minor);
        }
        for bad in [json!(-1), json!(0), json!(0.001), json!("many"), json!(true), json!([1])] {
            payment["amount"] = bad.clone();
            assert_eq!("BAD_AMOUNT", error_type(&payment), "{bad}");
        }
    }

    #[test]
    fn no_input_makes_it_panic() {
        for bytes in [&b""[..], b"{", b"null", b"[]", b"\xff\xfe", b"{\"amount\":1e999999999999}", b"\"x\""] {
            assert!(Payment::parse(bytes, ORIGIN).is_err());
        }
    }
}
