//! The four rules and the verdict on the wire.
//!
//! | rule | counts | span | bands |
//! |---|---|---|---|
//! | 901 | payments of the debtor | window (24 h) | `.01` n < 2, `.02` n = 2, `.03` n >= 3 |
//! | 902 | payments to the creditor | window (24 h) | as 901 |
//! | 903 | nothing: the amount itself, rupiah only | none | `.01` < 1 million, `.02` < 5, `.03` < 10, `.04` |
//! | 904 | payments of the debtor | 60 s | `.01` n < 2, `.02` n < 4, `.03` n < 6, `.04` |
//!
//! Bands are half open: the lower limit belongs to a band, the upper one to the next.

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use super::amount::major_text;
use super::currency::Currency;
use super::payment::Payment;
use super::window_tree::Totals;

const CONFIGURATION: &str = "1.0.0";

/// Upper limits of the bands of 901 and 902.
const VELOCITY: [u64; 2] = [2, 3];
/// Upper limits of the bands of 904.
const RAPID: [u64; 3] = [2, 4, 6];
/// Upper limits of the bands of 903, in rupiah.
const LARGE: [i128; 3] = [1_000_000, 5_000_000, 10_000_000];

/// What the accounts of a payment have counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Payments of the debtor in the window.
    pub outgoing: Totals,
    /// Payments of the debtor in the short window.
    pub rapid: Totals,
    /// Payments to the creditor in the window.
    pub incoming: Totals,
}

/// The spans of the counting rules, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spans {
    /// Of 901 and 902.
    pub window_ms: i64,
    /// Of 904.
    pub rapid_ms: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Verdict<'a> {
    transaction_id: &'a str,
    debtor_account: &'a str,
    creditor_account: &'a str,
    timestamp: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    late: bool,
    verdicts: Vec<RuleResult>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RuleResult {
    id: &'static str,
    cfg: &'static str,
    sub_rule_ref: &'static str,
    indpdnt_varbl: Box<RawValue>,
    window_ms: i64,
    sum_minor: Sums,
}

/// Minor units per currency, as JSON integers of any size.
struct Sums(Vec<(Currency, i128)>);

impl Serialize for Sums {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (currency, minor) in &self.0 {
            map.serialize_entry(
                currency.code(),
                &number(minor.to_string()).map_err(serde::ser::Error::custom)?,
            )?;
        }
        map.end()
    }
}

/// A number of any length, written as it is.
fn number(digits: String) -> serde_json::Result<Box<RawValue>> {
    RawValue::from_string(digits)
}

/// The verdict on a payment as JSON.
///
/// # Errors
/// When it cannot be written as JSON, which no payment that was read can cause.
pub(crate) fn verdict(payment: &Payment, counts: &Counts, spans: Spans) -> serde_json::Result<Vec<u8>> {
    let counted = |id, totals: &Totals, limits: &[u64], window_ms| -> serde_json::Result<RuleResult> {
        Ok(RuleResult {
            id,
            cfg: CONFIGURATION,
            sub_rule_ref: band(&totals.count, limits),
            indpdnt_varbl: number(totals.count.to_string())?,
            window_ms,
            sum_minor: Sums(totals.sums.clone()),
        })
    };
    let mut verdicts = vec![
        counted("901@1.0.0", &counts.outgoing, &VELOCITY, spans.window_ms)?,
        counted("902@1.0.0", &counts.incoming, &VELOCITY, spans.window_ms)?,
    ];
    if payment.currency == Currency::IDR {
        verdicts.push(large_amount(payment)?);
    }
    verdicts.push(counted("904@1.0.0", &counts.rapid, &RAPID, spans.rapid_ms)?);
    serde_json::to_vec(&Verdict {
        transaction_id: &payment.transaction_id,
        debtor_account: &payment.debtor,
        creditor_account: &payment.creditor,
        timestamp: &payment.timestamp,
        late: payment.late,
        verdicts,
    })
}

fn large_amount(payment: &Payment) -> serde_json::Result<RuleResult> {
    let limits = LARGE.map(|limit| limit * 10_i128.pow(payment.decimals));
    Ok(RuleResult {
        id: "903@1.0.0",
        cfg: CONFIGURATION,
        sub_rule_ref: band(&payment.minor, &limits),
        indpdnt_varbl: number(major_text(payment.minor, payment.decimals))?,
        window_ms: 0,
        sum_minor: Sums(vec![(payment.currency, payment.minor)]),
    })
}

fn band<N: PartialOrd>(value: &N, upper_limits: &[N]) -> &'static str {
    const NAMES: [&str; 4] = [".01", ".02", ".03", ".04"];
    let passed = upper_limits.iter().take_while(|limit| value >= *limit).count();
    NAMES[passed.min(NAMES.len() - 1)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tazama::payment::Origin;
    use serde_json::{Value, json};

    const SPANS: Spans = Spans { window_ms: 86_400_000, rapid_ms: 60_000 };

    fn payment(amount: &str, currency: &str) -> Payment {
        let wire = json!({"transactionId": "T1", "timestamp": "2026-02-06T10:30:00Z", "amount": amount,
            "currency": currency, "debtorAccount": "D", "creditorAccount": "C"});
        Payment::parse(wire.to_string().as_bytes(), Origin { partition: 0, offset: 0 }).unwrap()
    }

    fn judged(payment: &Payment, outgoing: u64, incoming: u64, rapid: u64) -> Value {
        let totals = |count| Totals { count, sums: vec![(payment.currency, payment.minor)] };
        let counts = Counts { outgoing: totals(outgoing), rapid: totals(rapid), incoming: totals(incoming) };
        serde_json::from_slice(&verdict(payment, &counts, SPANS).unwrap()).unwrap()
    }

    #[test]
    fn a_verdict_has_the_four_rules_in_their_order() {
        let result = |id: &str, sub: &str, value: i64, window: i64| {
            json!({"id": id, "cfg": "1.0.0", "subRuleRef": sub, "indpdntVarbl": value, "windowMs": window,
                "sumMinor": {"IDR": 1_500_000_000}})
        };
        let expected = json!({"transactionId": "T1", "debtorAccount": "D", "creditorAccount": "C",
            "timestamp": "2026-02-06T10:30:00Z", "verdicts": [
                result("901@1.0.0", ".03", 3, 86_400_000), result("902@1.0.0", ".02", 2, 86_400_000),
                result("903@1.0.0", ".04", 15_000_000, 0), result("904@1.0.0", ".01", 1, 60_000)]});
        assert_eq!(expected, judged(&payment("15000000", "IDR"), 3, 2, 1));
    }

    #[test]
    fn bands_are_half_open() {
        let velocity = [(1, ".01"), (2, ".02"), (3, ".03"), (1000, ".03")];
        let rapid = [(1, ".01"), (2, ".02"), (3, ".02"), (4, ".03"), (5, ".03"), (6, ".04"), (60, ".04")];
        for (count, expected) in velocity {
            assert_eq!(expected, judged(&payment("1", "IDR"), count, 1, 1)["verdicts"][0]["subRuleRef"]);
            assert_eq!(expected, judged(&payment("1", "IDR"), 1, count, 1)["verdicts"][1]["subRuleRef"]);
        }
        for (count, expected) in rapid {
            assert_eq!(expected, judged(&payment("1", "IDR"), 1, 1, count)["verdicts"][3]["subRuleRef"]);
        }
        let large = [("999999.99", ".01"), ("1000000", ".02"), ("4999999.99", ".02"), ("5000000", ".03")];
        for (amount, expected) in large.into_iter().chain([("9999999.99", ".03"), ("10000000", ".04")]) {
            assert_eq!(expected, judged(&payment(amount, "IDR"), 1, 1, 1)["verdicts"][2]["subRuleRef"]);
        }
    }

    #[test]
    fn the_amount_rule_is_for_rupiah_only_and_lateness_is_said_only_when_late() {
        let mut dollars = payment("12.5", "USD");
        let judged_on_time = judged(&dollars, 1, 1, 1);
        assert_eq!(3, judged_on_time["verdicts"].as_array().unwrap().len());
        assert_eq!(None, judged_on_time.get("late"));
        assert_eq!(json!({"USD": 1250}), judged_on_time["verdicts"][0]["sumMinor"]);
        dollars.late = true;
        assert_eq!(json!(true), judged(&dollars, 1, 1, 1)["late"]);
    }

    #[test]
    fn no_amount_passes_through_a_float() {
        let text = verdict(
            &payment("9007199254740993.01", "IDR"),
            &Counts { outgoing: Totals::default(), rapid: Totals::default(), incoming: Totals::default() },
            SPANS,
        );
        let text = String::from_utf8(text.unwrap()).unwrap();
        assert!(text.contains(r#""indpdntVarbl":9007199254740993.01,"#), "{text}");
        assert!(text.contains(r#""sumMinor":{"IDR":900719925474099301}"#), "{text}");
    }
}
