//! Topics the engine owns: created when they are missing, checked when they are there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::error::Error;
use super::super::internal::InternalTopic;
use crate::broker::{Admin, BrokerError, NewTopic};

/// Settings that must be as the engine wants them; all others are the operator's business.
const CHECKED: &[&str] = &["cleanup.policy"];

/// What was found about topics that are there.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// What an operator should know.
    pub(super) remarks: Vec<String>,
    /// Changelogs from which the engine deletes what has expired.
    pub(super) trimmed: BTreeSet<Arc<str>>,
}

/// Makes sure that these topics exist with the right partition count and settings. `None` while one of them cannot be seen
/// yet, because it was created just now.
pub(super) fn ensure(admin: &mut dyn Admin, wanted: &[InternalTopic]) -> Result<Option<Found>, Error> {
    let names: Vec<String> = wanted.iter().map(|it| it.topic.name.clone()).collect();
    let counts = admin.partitions(&names)?;
    let mut found = Found::default();
    let mut missing = Vec::new();
    for wanted in wanted {
        match counts.get(&wanted.topic.name) {
            Some(&count) => check(admin, wanted, count, &mut found)?,
            None => missing.push(wanted.topic.clone()),
        }
    }
    if missing.is_empty() {
        return Ok(Some(found));
    }
    for created in admin.create(&missing)? {
        created?;
    }
    Ok(None)
}

/// Of these topics, as far as they are there, the changelogs from which the engine deletes what has expired.
pub(crate) fn trimmed_changelogs(
    admin: &mut dyn Admin,
    wanted: &[InternalTopic],
) -> Result<BTreeSet<Arc<str>>, Error> {
    let wanted: Vec<&InternalTopic> = wanted.iter().filter(|it| it.forgets_ms.is_some()).collect();
    let names: Vec<String> = wanted.iter().map(|it| it.topic.name.clone()).collect();
    let counts = admin.partitions(&names)?;
    let mut found = Found::default();
    for wanted in wanted {
        if let Some(&count) = counts.get(&wanted.topic.name) {
            check(admin, wanted, count, &mut found)?;
        }
    }
    Ok(found.trimmed)
}

fn check(admin: &mut dyn Admin, wanted: &InternalTopic, count: i32, about: &mut Found) -> Result<(), Error> {
    let InternalTopic { topic, forgets_ms } = wanted;
    if count != topic.partitions {
        return Err(unfit(topic, "partitions", &count.to_string(), &topic.partitions.to_string()));
    }
    if !CHECKED.iter().any(|setting| topic.settings.contains_key(*setting)) {
        return Ok(());
    }
    let settings = match admin.settings(&topic.name) {
        Ok(settings) => settings,
        // Whoever may not read settings has to look after them; the partition count was checked.
        Err(BrokerError::Unauthorized(_)) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    match forgets_ms.and_then(|least_ms| forgets(&settings, least_ms)) {
        Some(Forgetting::OnlyWhenTold) => drop(about.trimmed.insert(topic.name.as_str().into())),
        Some(Forgetting::Never) => about.remarks.push(untrimmed(&topic.name)),
        Some(Forgetting::After { retention_ms }) => about.remarks.push(remark(&topic.name, retention_ms)),
        None => {
            for setting in CHECKED {
                let Some(value) = topic.settings.get(*setting) else { continue };
                let found = settings.get(*setting).map_or("(unset)", String::as_str);
                if !same_policy(found, value) {
                    return Err(unfit(topic, setting, found, value));
                }
            }
        }
    }
    Ok(())
}

fn unfit(topic: &NewTopic, setting: &str, found: &str, wanted: &str) -> Error {
    Error::InternalTopic {
        topic: topic.name.clone(),
        setting: setting.into(),
        found: found.into(),
        wanted: wanted.into(),
    }
}

/// What becomes of old records in the changelog of a store that forgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Forgetting {
    /// They are deleted when the engine says so, as it makes these topics.
    OnlyWhenTold,
    /// They stay, as older versions made these topics: only compacted.
    Never,
    /// The broker deletes them by its own clock, as Kafka Streams makes these topics.
    After { retention_ms: i64 },
}

/// `None` for another kind of topic, or one that forgets what the store still knows.
fn forgets(settings: &BTreeMap<String, String>, least_ms: i64) -> Option<Forgetting> {
    let policy = settings.get("cleanup.policy")?;
    if same_policy(policy, "compact") {
        return Some(Forgetting::Never);
    }
    // Without compaction too, where each record has a key of its own.
    if !same_policy(policy, "compact,delete") && !same_policy(policy, "delete") {
        return None;
    }
    let retention_ms: i64 = settings.get("retention.ms")?.parse().ok()?;
    let endless = settings.get("retention.bytes").is_none_or(|bytes| bytes == "-1");
    match retention_ms {
        ..0 if endless => Some(Forgetting::OnlyWhenTold),
        ..0 => None,
        _ if retention_ms < least_ms => None,
        _ => Some(Forgetting::After { retention_ms }),
    }
}

fn remark(topic: &str, retention_ms: i64) -> String {
    format!(
        "changelog {topic} has a cleanup.policy with delete, as Kafka Streams makes it: the broker deletes records older than \
         {retention_ms} ms by its own clock, so a replay of older input can lose windows; retention.ms=-1 leaves it to the engine"
    )
}

fn untrimmed(topic: &str) -> String {
    format!(
        "changelog {topic} has cleanup.policy=compact, as older versions made it: what has expired stays in it; \
         cleanup.policy=compact,delete with retention.ms=-1 lets the engine delete that"
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
        let forgets = |policy: &str, retention: &str, bytes: &str| {
            let settings =
                [("cleanup.policy", policy), ("retention.ms", retention), ("retention.bytes", bytes)];
            forgets(&settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into(), 1_000)
        };
        let after = Some(Forgetting::After { retention_ms: 1_000 });
        assert_eq!(forgets("compact,delete", "1000", "-1"), after);
        assert_eq!(forgets("delete", "1000", "-1"), after);
        assert_eq!(forgets("delete, compact", "-1", "-1"), Some(Forgetting::OnlyWhenTold));
        assert_eq!(forgets("compact", "1000", "-1"), Some(Forgetting::Never));
        for (policy, retention, bytes) in
            [("compact,delete", "999", "-1"), ("delete", "999", "-1"), ("compact,delete", "-1", "1000")]
        {
            assert_eq!(forgets(policy, retention, bytes), None, "{policy} {retention} {bytes}");
        }
    }
}
