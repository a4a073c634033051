//! Topics the engine owns: created when they are missing, checked when they are there.

use std::collections::BTreeMap;

use super::super::error::Error;
use crate::broker::{Admin, BrokerError, NewTopic};

/// Settings that must be as the engine wants them; all others are the operator's business.
const CHECKED: &[&str] = &["cleanup.policy"];

/// Makes sure that these topics exist with the right partition count and settings. Returns whether all of them can be
/// seen now; a topic just created may take a moment.
pub(super) fn ensure(admin: &mut dyn Admin, wanted: &[NewTopic]) -> Result<bool, Error> {
    let names: Vec<String> = wanted.iter().map(|topic| topic.name.clone()).collect();
    let counts = admin.partitions(&names)?;
    let missing: Vec<NewTopic> =
        wanted.iter().filter(|topic| !counts.contains_key(&topic.name)).cloned().collect();
    for topic in wanted {
        if let Some(&found) = counts.get(&topic.name) {
            check(admin, topic, found)?;
        }
    }
    if missing.is_empty() {
        return Ok(true);
    }
    for created in admin.create(&missing)? {
        created?;
    }
    Ok(false)
}

fn check(admin: &mut dyn Admin, wanted: &NewTopic, found: i32) -> Result<(), Error> {
    if found != wanted.partitions {
        return Err(Error::InternalTopic {
            topic: wanted.name.clone(),
            setting: "partitions".into(),
            found: found.to_string(),
            wanted: wanted.partitions.to_string(),
        });
    }
    if !CHECKED.iter().any(|setting| wanted.settings.contains_key(*setting)) {
        return Ok(());
    }
    let settings = match admin.settings(&wanted.name) {
        Ok(settings) => settings,
        // Whoever may not read settings has to look after them; the partition count was checked.
        Err(BrokerError::Unauthorized(_)) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    for setting in CHECKED {
        let Some(value) = wanted.settings.get(*setting) else { continue };
        let found = settings.get(*setting).map_or("(unset)", String::as_str);
        if !same_policy(found, value) {
            return Err(Error::InternalTopic {
                topic: wanted.name.clone(),
                setting: (*setting).into(),
                found: found.into(),
                wanted: value.clone(),
            });
        }
    }
    Ok(())
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
}
