//! Which names are good: those Kafka takes for topics, since topics are made of them.

/// Longest name of a Kafka topic.
const LONGEST: usize = 249;

/// Why `name` is not a name of a node, store or topic; `None` when it is.
pub(crate) fn objection(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("it is empty".into());
    }
    if name == "." || name == ".." {
        return Some("`.` and `..` are no names for Kafka".into());
    }
    if name.len() > LONGEST {
        return Some(format!("it has {} characters, Kafka takes {LONGEST}", name.len()));
    }
    let stranger = name.chars().find(|it| !(it.is_ascii_alphanumeric() || matches!(it, '.' | '_' | '-')))?;
    Some(format!("{stranger:?} is not among the letters, digits, `.`, `_` and `-` that Kafka takes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_kafka_takes_for_topics() {
        for good in ["a", "orders.enriched_v2-x", &"x".repeat(249)] {
            assert_eq!(objection(good), None, "{good}");
        }
        for bad in ["", ".", "..", "a b", "a/b", "caf\u{e9}", &"x".repeat(250)] {
            assert!(objection(bad).is_some(), "{bad}");
        }
    }
}
