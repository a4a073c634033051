//! Topics the engine owns: created when they are missing, checked when they are there.

use std::collections::BTreeMap;

use super::super::error::Error;
use super::super::internal::InternalTopic;
use crate::broker::{Admin, BrokerError, NewTopic};

/// Settings that must be as the engine wants them; all others are the operator's business.
const CHECKED: &[&str] = &["cleanup.policy"];

/// Makes sure that these topics exist with the right partition count and settings. `None` while one of them cannot be seen
/// yet, because it was created just now; otherwise what an operator should know about them.
pub(super) fn ensure(admin: &mut dyn Admin, wanted: &[InternalTopic]) -> Result<Option<Vec<String>>, Error> {
    let names: Vec<String> = wanted.iter().map(|it| it.topic.name.clone()).collect();
    let counts = admin.partitions(&names)?;
    let mut remarks = Vec::new();
    let mut missing = Vec::new();
    for wanted in wanted {
        match counts.get(&wanted.topic.name) {
            Some(&found) => remarks.extend(check(admin, wanted, found)?),
            None => missing.push(wanted.topic.clone()),
        }
    }
    if missing.is_empty() {
        return Ok(Some(remarks));
    }
    for created in admin.create(&missing)? {
        created?;
    }
    Ok(None)
}

fn check(admin: &mut dyn Admin, wanted: &InternalTopic, found: i32) -> Result<Option<String>, Error> {
    let InternalTopic { topic, forgets_ms } = wanted;
    if found != topic.partitions {
        return Err(unfit(topic, "partitions", &found.to_string(), &topic.partitions.to_string()));
    }
    if !CHECKED.iter().any(|setting| topic.settings.contains_key(*setting)) {
        return Ok(None);
    }
    let settings = match admin.settings(&topic.name) {
        Ok(settings) => settings,
        // Whoever may not read settings has to look after them; the partition count was checked.
        Err(BrokerError::Unauthorized(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if let Some(retention_ms) = forgets_ms.and_then(|least_ms| forgets(&settings, least_ms)) {
        return Ok((retention_ms >= 0).then(|| remark(&topic.name, retention_ms)));
    }
    for setting in CHECKED {
        let Some(value) = topic.settings.get(*setting) else { continue };
        let found = settings.get(*setting).map_or("(unset)", String::as_str);
        if !same_policy(found, value) {
            return Err(unfit(topic, setting, found, value));
        }
    }
    Ok(None)
}

fn unfit(topic: &NewTopic, setting: &str, found: &str, wanted: &str) -> Error {
    Error::InternalTopic {
        topic: topic.name.clone(),
        setting: setting.into(),
        found: found.into(),
        wanted: wanted.into(),
    }
}

/// After how many milliseconds a changelog as Kafka Streams makes it for windows forgets a record (-1 = never): old records
/// are deleted, and it is compacted too unless each record has a key of its own. `None` when it is another kind, or forgets
/// what the store still knows.
fn forgets(settings: &BTreeMap<String, String>, least_ms: i64) -> Option<i64> {
    let retention_ms: i64 = settings.get("retention.ms")?.parse().ok()?;
    let policy = settings.get("cleanup.policy")?;
    let fits = same_policy(policy, "compact,delete") || same_policy(policy, "delete");
    (fits && !(0..least_ms).contains(&retention_ms)).then_some(retention_ms)
}

fn remark(topic: &str, retention_ms: i64) -> String {
    format!(
        "changelog {topic} has a cleanup.policy with delete, as Kafka Streams makes it: the broker deletes records older than \
         {retention_ms} ms by its own clock, so a replay of older input can lose windows; cleanup.policy=compact keeps them"
    )
}

/// `compact,delete` and `delete, compact` are the same list.
fn same_policy(found: &str, wanted: &str) -> bool {
    let list = |text: &str| {
        let mut words: Vec<String> = text.split(',').map(|word| word.trim().to_owned()).collect();
        words.sort();
        words
    };
    list(found) == list(wanted)
}

/// Topics that others own: created when missing, never checked beyond their existence.
pub(super) fn ensure_outputs(
    admin: &mut dyn Admin,
    outputs: &[NewTopic],
) -> Result<Option<BTreeMap<String, i32>>, Error> {
    let names: Vec<String> = outputs.iter().map(|topic| topic.name.clone()).collect();
    let counts = admin.partitions(&names)?;
    let missing: Vec<NewTopic> =
        outputs.iter().filter(|topic| !counts.contains_key(&topic.name)).cloned().collect();
    if missing.is_empty() {
        return Ok(Some(counts));
    }
    for created in admin.create(&missing)? {
        created?;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cleanup_policy_is_a_list_without_order() {
        assert!(same_policy("compact,delete", "delete, compact"));
        assert!(!same_policy("delete", "compact"));
        assert!(!same_policy("compact,delete", "compact"));
    }

    #[test]
    fn a_changelog_of_windows_may_delete_what_the_store_has_forgotten_and_nothing_younger() {
        let forgets = |policy: &str, retention: &str| {
            let settings = [("cleanup.policy", policy), ("retention.ms", retention)];
            forgets(&settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into(), 1_000)
        };
        assert_eq!(forgets("compact,delete", "1000"), Some(1_000));
        assert_eq!(forgets("delete, compact", "-1"), Some(-1));
        assert_eq!(forgets("delete", "1000"), Some(1_000));
        for (policy, retention) in [("compact,delete", "999"), ("delete", "999"), ("compact", "1000")] {
            assert_eq!(forgets(policy, retention), None, "{policy} {retention}");
        }
    }
}
