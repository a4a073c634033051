//! The settings in force: every value valid, each with its source.

use super::{
    ConfigError, ConfigErrors, Key, Kind, Layers, MASK, Source, Table, file, parse, passthrough,
    table::Variable,
};
use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

/// One setting as `topo config` shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// Full key.
    pub key: String,
    /// Value, masked when it is a secret.
    pub shown: String,
    /// Whether the value is masked.
    pub secret: bool,
    /// Where it came from.
    pub source: Source,
}

/// The settings in force. All values have passed the check of their key, so reading one fails only when it is missing.
#[derive(Clone)]
pub struct Settings {
    table: Table,
    values: BTreeMap<String, (String, Source)>,
    application: Option<String>,
}

impl Settings {
    /// Lays the layers over the defaults and checks every value.
    ///
    /// # Errors
    /// All unknown keys and bad values at once.
    pub fn load(table: Table, layers: &Layers) -> Result<Self, ConfigErrors> {
        let mut errors = Vec::new();
        let mut rows = match &layers.file {
            Some(file) => file::rows(file).unwrap_or_else(|found| {
                errors.extend(found);
                Vec::new()
            }),
            None => Vec::new(),
        };
        rows.extend(from_environment(&table, &layers.environment, &mut errors));
        rows.extend(
            layers
                .flags
                .iter()
                .map(|(flag, key, value)| (key.clone(), value.clone(), Source::Flag(flag.clone()))),
        );
        let mut values = BTreeMap::new();
        for (key, value, at) in rows {
            match check(&table, &key, &value, &at) {
                Ok(()) => drop(values.insert(key, (value, at))),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() {
            Ok(Self { table, values, application: None })
        } else {
            Err(ConfigErrors(errors))
        }
    }

    /// The same settings as one application sees them: `orders.state.dir` in place of `state.dir` where it is set.
    #[must_use]
    pub fn for_application(&self, name: &str) -> Self {
        Self { application: Some(name.to_owned()), ..self.clone() }
    }

    /// Text that must be there.
    ///
    /// # Errors
    /// [`ConfigError::Missing`] when it is empty.
    pub fn text(&self, key: &str) -> Result<&str, ConfigError> {
        let missing = || ConfigError::Missing { key: key.to_owned(), variable: Key::variable(key) };
        self.optional(key)?.ok_or_else(missing)
    }

    /// Text that may be absent. Also reads decimals and choices.
    ///
    /// # Errors
    /// [`ConfigError::Undeclared`] when no such key exists.
    pub fn optional(&self, key: &str) -> Result<Option<&str>, ConfigError> {
        Ok(Some(self.raw(key, "text", |_| true)?).filter(|text| !text.is_empty()))
    }

    /// A path.
    ///
    /// # Errors
    /// As [`Settings::text`].
    pub fn path(&self, key: &str) -> Result<PathBuf, ConfigError> {
        self.text(key).map(PathBuf::from)
    }

    /// A whole number.
    ///
    /// # Errors
    /// [`ConfigError::Undeclared`] when no such number exists.
    pub fn integer(&self, key: &str) -> Result<i64, ConfigError> {
        self.typed(key, "a number", |kind| matches!(kind, Kind::Integer { .. }), |text| text.parse().ok())
    }

    /// A switch.
    ///
    /// # Errors
    /// [`ConfigError::Undeclared`] when no such switch exists.
    pub fn flag(&self, key: &str) -> Result<bool, ConfigError> {
        self.typed(key, "true or false", |kind| kind == Kind::Flag, parse::flag)
    }

    /// A length of time.
    ///
    /// # Errors
    /// [`ConfigError::Undeclared`] when no such duration exists.
    pub fn duration(&self, key: &str) -> Result<Duration, ConfigError> {
        self.typed(key, "a duration", |kind| kind == Kind::Duration, parse::duration)
    }

    /// A number of bytes.
    ///
    /// # Errors
    /// [`ConfigError::Undeclared`] when no such size exists.
    pub fn size(&self, key: &str) -> Result<u64, ConfigError> {
        self.typed(key, "a size", |kind| kind == Kind::Size, parse::size)
    }

    /// Consumer group and prefix of internal topics: the setting, or the application's own name.
    ///
    /// # Errors
    /// [`ConfigError::Undeclared`], never with the engine's own table.
    pub fn application_id<'a>(&'a self, name: &'a str) -> Result<&'a str, ConfigError> {
        Ok(self.optional("application.id")?.unwrap_or(name))
    }

    /// Processing threads: the setting, or one per core up to four.
    ///
    /// # Errors
    /// [`ConfigError::Undeclared`], never with the engine's own table.
    pub fn workers(&self) -> Result<usize, ConfigError> {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from).min(4);
        Ok(usize::try_from(self.integer("workers")?).ok().filter(|n| *n > 0).unwrap_or_else(cores))
    }

    /// Where the value of a key came from.
    #[must_use]
    pub fn source(&self, key: &str) -> Source {
        self.stored(key).map_or(Source::Default, |(_, source)| source.clone())
    }

    /// The librdkafka properties passed through, without their prefix. May hold secrets: never print it.
    #[must_use]
    pub fn kafka(&self) -> BTreeMap<String, String> {
        let property = |key: &String| key.strip_prefix(passthrough::PREFIX).map(str::to_owned);
        self.values.iter().filter_map(|(key, (value, _))| Some((property(key)?, value.clone()))).collect()
    }

    /// Every setting in force: the table's keys in their order, then those set per application or passed through.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let known = self.table.keys().iter().map(|key| {
            let (value, source) =
                self.values.get(key.name).cloned().unwrap_or((key.default.to_owned(), Source::Default));
            (key.name.to_owned(), value, source)
        });
        let beyond = self
            .values
            .iter()
            .filter(|(name, _)| self.table.keys().iter().all(|key| key.name != name.as_str()));
        let beyond = beyond.map(|(name, (value, source))| (name.clone(), value.clone(), source.clone()));
        known.chain(beyond).map(|(key, value, source)| self.entry(key, value, source)).collect()
    }

    fn entry(&self, key: String, value: String, source: Source) -> Entry {
        let secret = self.table.is_secret(&key);
        let shown = if secret && !value.is_empty() { MASK.to_owned() } else { value };
        Entry { key, shown, secret, source }
    }

    fn typed<T>(
        &self,
        key: &str,
        wanted: &'static str,
        is: fn(Kind) -> bool,
        parse: fn(&str) -> Option<T>,
    ) -> Result<T, ConfigError> {
        let undeclared = || ConfigError::Undeclared { key: key.to_owned(), wanted };
        parse(self.raw(key, wanted, is)?).ok_or_else(undeclared)
    }

    fn raw(&self, key: &str, wanted: &'static str, is: fn(Kind) -> bool) -> Result<&str, ConfigError> {
        let undeclared = || ConfigError::Undeclared { key: key.to_owned(), wanted };
        let known = self.table.find(key).filter(|known| is(known.kind)).ok_or_else(undeclared)?;
        Ok(self.stored(key).map_or(known.default, |(value, _)| value))
    }

    fn stored(&self, key: &str) -> Option<&(String, Source)> {
        let scoped = self.application.as_ref().and_then(|name| self.values.get(&format!("{name}.{key}")));
        scoped.or_else(|| self.values.get(key))
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.entries().into_iter().map(|entry| (entry.key, entry.shown))).finish()
    }
}

fn from_environment(
    table: &Table,
    variables: &[(String, String)],
    errors: &mut Vec<ConfigError>,
) -> Vec<file::Row> {
    let mut rows = Vec::new();
    for (variable, value) in variables {
        let at = Source::Environment(variable.clone());
        match table.variable(variable) {
            Variable::Setting(key) => rows.push((alias_rank(table, variable), key, value.clone(), at)),
            Variable::NotASetting => {}
            Variable::Unknown => {
                let guess = variable.trim_start_matches("TOPO_").to_lowercase().replace('_', ".");
                let nearest = Key::variable(&table.nearest(&guess));
                errors.push(ConfigError::UnknownKey { key: variable.clone(), nearest, at });
            }
        }
    }
    // The order of the environment is nobody's choice: aliases first, so that a key's own variable wins.
    rows.sort_by(|a, b| (&a.1, a.0).cmp(&(&b.1, b.0)));
    rows.into_iter().map(|(_, key, value, at)| (key, value, at)).collect()
}

fn alias_rank(table: &Table, variable: &str) -> usize {
    let rank = |key: &Key| key.aliases.iter().position(|alias| *alias == variable);
    table.keys().iter().find_map(rank).unwrap_or(usize::MAX)
}

fn check(table: &Table, key: &str, value: &str, at: &Source) -> Result<(), ConfigError> {
    if let Some(property) = key.strip_prefix(passthrough::PREFIX) {
        return match passthrough::owned(property) {
            Some(instead) => Err(ConfigError::Reserved { key: key.to_owned(), instead, at: at.clone() }),
            None => Ok(()),
        };
    }
    let unknown =
        || ConfigError::UnknownKey { key: key.to_owned(), nearest: table.nearest(key), at: at.clone() };
    let known = table.find(key).ok_or_else(unknown)?;
    if known.kind.accepts(value) {
        return Ok(());
    }
    let value = if known.secret { MASK } else { value }.to_owned();
    Err(ConfigError::BadValue { key: key.to_owned(), value, wants: known.kind.wants(), at: at.clone() })
}
