//! The table of known keys: those of the engine and those the applications register.

use super::{Key, engine_keys, nearest::nearest, passthrough};

/// Variables that begin with `TOPO_` and are not settings: where the tests and the shell look.
const NOT_SETTINGS: &[&str] = &["TOPO_CONFIG", "TOPO_KAFKA_JARS"];
const NOT_SETTINGS_PREFIXES: &[&str] = &["TOPO_TEST_", "TOPO_BENCH_"];

/// Which keys exist. Every engine key also exists per application: `orders.commit.interval.ms` holds for `orders` only.
#[derive(Debug, Clone)]
pub struct Table {
    keys: Vec<Key>,
    applications: Vec<&'static str>,
}

/// What the name of an environment variable stands for.
pub(super) enum Variable {
    /// The setting of this name.
    Setting(String),
    /// Nothing of ours.
    NotASetting,
    /// It begins with `TOPO_` and no key maps to it.
    Unknown,
}

impl Table {
    /// The engine's keys, the applications' own keys (by full name), and the names of the applications.
    #[must_use]
    pub fn new(application_keys: &[Key], applications: &[&'static str]) -> Self {
        let keys = engine_keys().iter().chain(application_keys).copied().collect();
        Self { keys, applications: applications.to_vec() }
    }

    /// All keys in the order they are printed.
    #[must_use]
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The key a name stands for: itself, or the engine key behind an application's prefix.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Key> {
        let exact = |name: &str| self.keys.iter().find(|key| key.name == name);
        exact(name).or_else(|| {
            let (_, rest) = self
                .applications
                .iter()
                .find_map(|it| Some((it, name.strip_prefix(it)?.strip_prefix('.')?)))?;
            exact(rest).filter(|key| engine_keys().contains(key))
        })
    }

    /// Whether the value of `name` must not be printed.
    #[must_use]
    pub fn is_secret(&self, name: &str) -> bool {
        match name.strip_prefix(passthrough::PREFIX) {
            Some(property) => passthrough::looks_secret(property),
            None => self.find(name).is_none_or(|key| key.secret),
        }
    }

    /// The known name that is spelled most like `name`.
    #[must_use]
    pub fn nearest(&self, name: &str) -> String {
        let prefix = self
            .applications
            .iter()
            .find(|it| name.strip_prefix(**it).is_some_and(|rest| rest.starts_with('.')));
        let mut names: Vec<String> = self.keys.iter().map(|key| key.name.to_owned()).collect();
        if let Some(prefix) = prefix {
            names.extend(engine_keys().iter().map(|key| format!("{prefix}.{}", key.name)));
        }
        nearest(name, names.iter().map(String::as_str)).unwrap_or_default().to_owned()
    }

    pub(super) fn variable(&self, variable: &str) -> Variable {
        if let Some(key) = self.keys.iter().find(|key| key.aliases.contains(&variable)) {
            return Variable::Setting(key.name.to_owned());
        }
        let unrelated = !variable.starts_with("TOPO_")
            || NOT_SETTINGS.contains(&variable)
            || NOT_SETTINGS_PREFIXES.iter().any(|prefix| variable.starts_with(prefix));
        if unrelated {
            return Variable::NotASetting;
        }
        match self.names().find(|name| Key::variable(name) == variable) {
            Some(name) => Variable::Setting(name),
            None => match variable.strip_prefix("TOPO_KAFKA_") {
                // librdkafka's own names have dots only, so the way back is unambiguous.
                Some(property) => Variable::Setting(format!(
                    "{}{}",
                    passthrough::PREFIX,
                    property.to_lowercase().replace('_', ".")
                )),
                None => Variable::Unknown,
            },
        }
    }

    fn names(&self) -> impl Iterator<Item = String> {
        let own = self.keys.iter().map(|key| key.name.to_owned());
        let scoped = self.applications.iter().flat_map(|application| {
            engine_keys().iter().map(move |key| format!("{application}.{}", key.name))
        });
        own.chain(scoped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Kind;
    use std::collections::BTreeSet;

    #[test]
    fn every_default_has_the_form_its_kind_asks_for() {
        for key in engine_keys() {
            assert!(key.kind.accepts(key.default), "{} = `{}`", key.name, key.default);
        }
    }

    #[test]
    fn no_two_keys_share_a_name_or_a_variable() {
        let table = Table::new(&[], &["orders", "orders-ods"]);
        let names: Vec<String> = table.names().collect();
        let variables: BTreeSet<String> = names.iter().map(|name| Key::variable(name)).collect();
        assert_eq!(variables.len(), names.len());
    }

    #[test]
    fn no_key_is_a_table_of_another_so_a_file_can_hold_both() {
        for a in engine_keys() {
            for b in engine_keys() {
                assert!(!b.name.starts_with(&format!("{}.", a.name)), "{} and {}", a.name, b.name);
            }
        }
    }

    #[test]
    fn an_application_prefix_reaches_engine_keys_only() {
        let table = Table::new(
            &[Key::new("orders.alert.threshold", Kind::Decimal, "10000", "x")],
            &["orders", "velocity"],
        );
        assert_eq!(table.find("velocity.state.dir").map(|key| key.name), Some("state.dir"));
        assert!(table.find("velocity.orders.alert.threshold").is_none());
        assert!(table.find("payments.state.dir").is_none());
        assert_eq!(table.nearest("velocity.state.dri"), "velocity.state.dir");
    }
}
