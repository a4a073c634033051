//! The closed list of functions that steps name, and those of transcribed cases.

use super::value::{Render, Type, Value, or_null};

type Text = Option<String>;

/// Splits `name:argument`.
fn parts(function: &str) -> (&str, &str) {
    function.split_once(':').unwrap_or((function, ""))
}

fn number(argument: &str) -> i64 {
    argument.parse().expect("a number as the argument")
}

pub(crate) fn head(text: &str, n: usize) -> String {
    text[..n.min(text.len())].to_owned()
}

pub(crate) fn tail(text: &str, n: usize) -> String {
    text[text.len() - n.min(text.len())..].to_owned()
}

/// Whether a predicate holds of a rendered key and a value.
pub(crate) fn predicate(function: &str, key: Option<&str>, value: Option<&Value>) -> bool {
    let (name, argument) = parts(function);
    let text = value.map(Render::render);
    match name {
        "always" => true,
        "never" => false,
        "value_is_null" => value.is_none(),
        "value_contains" => text.is_some_and(|text| text.contains(argument)),
        "value_len_gt" => text.is_some_and(|text| text.len() as i64 > number(argument)),
        "i64_gt" => matches!(value, Some(Value::Number(it)) if *it > number(argument)),
        "i64_even" => matches!(value, Some(Value::Number(it)) if it % 2 == 0),
        "key_even" => key.is_some_and(|key| key.ends_with(['0', '2', '4', '6', '8'])),
        "key_in" => key.is_some_and(|key| argument.split(',').any(|it| it == key)),
        "value_is" => text.is_some_and(|text| text == argument),
        "key_multiple" => key.is_some_and(|key| number(key) % number(argument) == 0),
        "key_negative" => key.is_some_and(|key| number(key) < 0),
        other => panic!("unknown predicate {other}"),
    }
}

/// The type a value function gives.
pub(crate) fn value_type(function: &str, from: Type) -> Type {
    match parts(function).0 {
        "identity" => from,
        "len" | "i64_add" | "i64_null_if_even" | "len_plus_key" | "first_char_minus" | "to_i64"
        | "to_i64_negated" => Type::Number,
        _ => Type::Text,
    }
}

pub(crate) fn value(function: &str, key: Option<&str>, value: Option<&Value>) -> Option<Value> {
    let (name, argument) = parts(function);
    let text = value.map(Render::render);
    let written = match name {
        "identity" => return value.cloned(),
        "len" => return text.map(|text| Value::Number(text.len() as i64)),
        "i64_add" | "i64_null_if_even" => {
            let Some(Value::Number(it)) = value else { return None };
            return match name {
                "i64_add" => Some(Value::Number(it + number(argument))),
                _ => (it % 2 != 0).then_some(Value::Number(*it)),
            };
        }
        "len_plus_key" => {
            return text.map(|text| Value::Number(text.len() as i64 + key.map_or(0, number)));
        }
        "first_char_minus" => return text.map(|text| Value::Number(first_char_minus(&text, argument))),
        "to_i64" => return text.map(|text| Value::Number(number(&text))),
        "to_i64_negated" => return text.map(|text| Value::Number(-number(&text))),
        "upper" => text.map(|text| text.to_ascii_uppercase()),
        "append" => text.map(|text| text + argument),
        "to_string" => text,
        "or_else" => Some(text.unwrap_or_else(|| argument.to_owned())),
        "null_if_contains" => text.filter(|text| !text.contains(argument)),
        "with_key" => Some(format!("{}={}", key.unwrap_or("null"), or_null(value))),
        other => panic!("unknown value function {other}"),
    };
    written.map(Value::Text)
}

fn first_char_minus(text: &str, argument: &str) -> i64 {
    i64::from(text.as_bytes()[0]) - number(argument)
}

/// A new key from the rendered key, the plain key inside a windowed one, and the value.
pub(crate) fn key(function: &str, key: Option<&str>, plain: Option<&str>, value: Option<&Value>) -> Text {
    let (name, argument) = parts(function);
    let text = value.map(Render::render);
    let n = || number(argument) as usize;
    match name {
        "key_string" => key.map(str::to_owned),
        "window_key" => plain.map(str::to_owned),
        "key_append" => key.map(|key| key.to_owned() + argument),
        "key_prefix" => key.map(|key| head(key, n())),
        "const" => Some(argument.to_owned()),
        "value" => text,
        "value_prefix" => text.map(|text| head(&text, n())),
        "value_suffix" => text.map(|text| tail(&text, n())),
        "value_until" => text.and_then(|text| {
            let at = text.find(argument).filter(|at| *at > 0)?;
            Some(text[..at].to_owned())
        }),
        "key_unless_value_contains" => {
            text.filter(|text| !text.contains(argument)).and(key.map(str::to_owned))
        }
        "value_after" => text.and_then(|text| Some(text.split_once(argument)?.1.to_owned())),
        "key_until" => key.and_then(|key| Some(key.split_once(argument)?.0.to_owned())),
        "value_unless_key_is_null" => text.filter(|_| !key.unwrap_or("null").eq_ignore_ascii_case("null")),
        "key_char_minus" => key.map(|key| first_char_minus(key, argument).to_string()),
        "key_in_words" => key.map(|key| ["ONE", "TWO", "THREE"][number(key) as usize - 1].to_owned()),
        other => panic!("unknown key function {other}"),
    }
}

/// Values of `split` and `repeat`.
pub(crate) fn flat_values(function: &str, value: Option<&Value>) -> Vec<Option<Value>> {
    let (name, argument) = parts(function);
    let Some(text) = value.map(Render::render) else { return Vec::new() };
    let texts: Vec<String> = match name {
        "split" => text.split(argument).filter(|part| !part.is_empty()).map(str::to_owned).collect(),
        "repeat" => (0..number(argument)).map(|nth| format!("{text}.{nth}")).collect(),
        other => panic!("unknown flat function {other}"),
    };
    texts.into_iter().map(|text| Some(Value::Text(text))).collect()
}

/// Pairs of `split_rekey` and `both_keys`.
pub(crate) fn flat_pairs(
    function: &str,
    key: Option<&str>,
    value: Option<&Value>,
) -> Vec<(Text, Option<Value>)> {
    let (name, argument) = parts(function);
    match name {
        "split_rekey" => flat_values(&format!("split:{argument}"), value)
            .into_iter()
            .map(|part| (part.as_ref().map(|part| head(&part.render(), 1)), part))
            .collect(),
        "tenfold" => {
            let first = key.map_or(0, number) * 10;
            let pair = |nth: i64| (Some((first + nth).to_string()), value.cloned());
            (0..key.map_or(0, number)).map(pair).collect()
        }
        "both_keys" => {
            let mut pairs = vec![(key.map(str::to_owned), value.cloned())];
            if let Some(text) = value.map(Render::render) {
                let swapped = key.unwrap_or("null").to_owned();
                pairs.push((Some(head(&text, number(argument) as usize)), Some(Value::Text(swapped))));
            }
            pairs
        }
        other => panic!("unknown flat function {other}"),
    }
}

/// Type and first aggregate of an aggregator.
pub(crate) fn init(function: &str) -> (Type, Value) {
    match parts(function).0 {
        "sum_len" | "sum_of_texts" | "one_more" => (Type::Number, Value::Number(0)),
        "chain" => (Type::Text, Value::Text(parts(function).1.get(1..).unwrap_or_default().to_owned())),
        _ => (Type::Text, Value::Text(String::new())),
    }
}

pub(crate) fn add(function: &str, value: &str, so_far: Value) -> Option<Value> {
    let (name, argument) = parts(function);
    match (name, so_far) {
        ("sum_len", Value::Number(sum)) => Some(Value::Number(sum + value.len() as i64)),
        ("sum_of_texts", Value::Number(sum)) => Some(Value::Number(sum + number(value))),
        ("one_more", Value::Number(sum)) => Some(Value::Number(sum + 1)),
        ("chain", Value::Text(text)) => Some(Value::Text(text + head(argument, 1).as_str() + value)),
        ("sorted", Value::Text(text)) => {
            let mut bytes = (text + value).into_bytes();
            bytes.sort_unstable();
            Some(Value::Text(String::from_utf8_lossy(&bytes).into_owned()))
        }
        ("concat", Value::Text(text)) => {
            let joined = if text.is_empty() { value.to_owned() } else { format!("{text},{value}") };
            Some(Value::Text(tail(&joined, number(argument) as usize)))
        }
        ("reset_over", Value::Text(text)) => {
            let joined = text + value;
            (joined.len() as i64 <= number(argument)).then_some(Value::Text(joined))
        }
        other => panic!("unknown aggregator {other:?}"),
    }
}

pub(crate) fn subtract(function: &str, value: &str, so_far: Value) -> Option<Value> {
    let (name, argument) = parts(function);
    match (name, so_far) {
        ("sum_len", Value::Number(sum)) => Some(Value::Number(sum - value.len() as i64)),
        ("chain", Value::Text(text)) => Some(Value::Text(text + "-" + value)),
        ("concat", Value::Text(text)) => {
            Some(Value::Text(tail(&format!("{text}-{value}"), number(argument) as usize)))
        }
        ("reset_over", Value::Text(text)) => {
            (text.len() > value.len()).then(|| Value::Text(head(&text, text.len() - value.len())))
        }
        other => panic!("unknown aggregator {other:?}"),
    }
}

/// Merges the aggregates of two sessions.
pub(crate) fn merge(function: &str, one: Value, other: Value) -> Option<Value> {
    let (name, argument) = parts(function);
    match (name, one, other) {
        ("sum_len" | "one_more", Value::Number(one), Value::Number(other)) => {
            Some(Value::Number(one + other))
        }
        ("chain", Value::Text(one), Value::Text(other)) => {
            Some(Value::Text(one + head(argument, 1).as_str() + &other))
        }
        ("concat", Value::Text(one), Value::Text(other)) => Some(Value::Text(match (&*one, &*other) {
            ("", _) => other,
            (_, "") => one,
            _ => tail(&format!("{one}|{other}"), number(argument) as usize),
        })),
        ("reset_over", Value::Text(one), Value::Text(other)) => {
            let joined = one + &other;
            (joined.len() as i64 <= number(argument)).then_some(Value::Text(joined))
        }
        other => panic!("unknown aggregator {other:?}"),
    }
}

pub(crate) fn reduce(function: &str, so_far: Value, next: Option<Value>) -> Option<Value> {
    let (name, argument) = parts(function);
    let (a, b) = (so_far.render(), or_null(next.as_ref()));
    match name {
        "concat" => Some(Value::Text(tail(&format!("{a},{b}"), number(argument) as usize))),
        "chain" => Some(Value::Text(format!("{a}{argument}{b}"))),
        "max" => {
            if a >= b {
                Some(so_far)
            } else {
                next
            }
        }
        "min" => {
            if a <= b {
                Some(so_far)
            } else {
                next
            }
        }
        "first" => Some(so_far),
        "last" => next,
        "sum" => sum(so_far, next, 1),
        "null_if_equal_len" => {
            if a.len() == b.len() {
                None
            } else {
                next
            }
        }
        other => panic!("unknown reducer {other}"),
    }
}

pub(crate) fn reduce_subtract(function: &str, so_far: Value, old: Value) -> Option<Value> {
    let (name, argument) = parts(function);
    match name {
        "concat" => {
            let text = format!("{}-{}", so_far.render(), old.render());
            Some(Value::Text(tail(&text, number(argument) as usize)))
        }
        "max" | "min" | "first" => Some(so_far),
        "last" => (so_far != old).then_some(so_far),
        "sum" => sum(so_far, Some(old), -1),
        other => panic!("unknown reducer {other}"),
    }
}

fn sum(a: Value, b: Option<Value>, sign: i64) -> Option<Value> {
    match (a, b) {
        (Value::Number(a), Some(Value::Number(b))) => Some(Value::Number(a + sign * b)),
        other => panic!("cannot add {other:?}"),
    }
}

pub(crate) fn join(
    function: &str,
    key: Option<&str>,
    left: Option<&Value>,
    right: Option<&Value>,
) -> Option<Value> {
    let (name, argument) = parts(function);
    let (l, r) = (or_null(left), or_null(right));
    let joined = match name {
        "pair" => Some(format!("{l}{argument}{r}")),
        "keyed" => Some(format!("{}:{l}+{r}", key.unwrap_or("null"))),
        "left" => left.map(Render::render),
        "right" => right.map(Render::render),
        "null_if_contains" => Some(format!("{l}+{r}")).filter(|joined| !joined.contains(argument)),
        "call" => Some(format!("{argument}({l},{r})")),
        "sum" => Some((number(&l) + number(&r)).to_string()),
        "keyed_sum" => {
            let sum = number(&l) + right.map_or(0, |_| number(&r));
            Some(format!("{}:{sum}", key.unwrap_or("null")))
        }
        other => panic!("unknown joiner {other}"),
    };
    joined.map(Value::Text)
}
