//! Looks into stores.

use std::ops::{Bound, ControlFlow};

use topo_state::{
    Direction, KeyValueStore, SessionStore, Store, Timestamped, VersionedStore, WindowStore, Windowed,
};

use super::driver::Driver;
use super::error::DriverError;

/// Key and value of a row as they lie in a store's backend.
pub type RawRow = (Vec<u8>, Vec<u8>);

impl Driver {
    /// All entries of a key-value store, in the byte order of their keys, uncommitted ones too. `K` and `V` are the
    /// store's own types, without `Option`.
    ///
    /// # Errors
    /// [`DriverError::Store`] when there is no such store, or not of these types.
    pub fn key_values<K: 'static, V: Clone + Send + 'static>(
        &mut self,
        store: &str,
    ) -> Result<Vec<(K, Timestamped<V>)>, DriverError> {
        let mut rows = Vec::new();
        self.typed::<KeyValueStore<K, V>>(store)?.all(&mut |key, value| {
            rows.push((key, value.clone()));
            ControlFlow::Continue(())
        })?;
        Ok(rows)
    }

    /// The value of a key in a key-value store.
    ///
    /// # Errors
    /// As [`key_values`](Self::key_values).
    pub fn value<K: 'static, V: Clone + Send + 'static>(
        &mut self,
        store: &str,
        key: &K,
    ) -> Result<Option<V>, DriverError> {
        let found = self.typed::<KeyValueStore<K, V>>(store)?.get(key)?;
        Ok(found.map(|stored| stored.value.clone()))
    }

    /// All visible entries of a window store: key, window start, value. Ordered by time segment, key bytes, start.
    ///
    /// # Errors
    /// As [`key_values`](Self::key_values).
    pub fn windows<K: 'static, V: Clone + Send + 'static>(
        &mut self,
        store: &str,
    ) -> Result<Vec<(K, i64, Timestamped<V>)>, DriverError> {
        let mut rows = Vec::new();
        self.typed::<WindowStore<K, V>>(store)?.fetch_all(
            i64::MIN..=i64::MAX,
            &mut |key, start, value| {
                rows.push((key, start, value.clone()));
                ControlFlow::Continue(())
            },
        )?;
        Ok(rows)
    }

    /// All visible entries of a session store, by end, start, then key bytes.
    ///
    /// # Errors
    /// As [`key_values`](Self::key_values).
    pub fn sessions<K: 'static, V: Clone + Send + 'static>(
        &mut self,
        store: &str,
    ) -> Result<Vec<(Windowed<K>, V)>, DriverError> {
        Ok(self.typed::<SessionStore<K, V>>(store)?.in_time_order(i64::MIN..=i64::MAX)?)
    }

    /// The value of a key in a store of values over time, with the time from which on it counts: as of `as_of`, or now.
    ///
    /// # Errors
    /// As [`key_values`](Self::key_values).
    pub fn version<K: 'static, V: Clone + Send + 'static>(
        &mut self,
        store: &str,
        key: &K,
        as_of: Option<i64>,
    ) -> Result<Option<Timestamped<V>>, DriverError> {
        let versions = self.typed::<VersionedStore<K, V>>(store)?;
        Ok(match as_of {
            Some(time) => versions.get_as_of(key, time)?,
            None => versions.get(key)?,
        })
    }

    /// The committed rows of any store as they lie in its backend, in byte order: timestamps and time segments included.
    ///
    /// # Errors
    /// As [`key_values`](Self::key_values).
    pub fn rows(&self, store: &str) -> Result<Vec<RawRow>, DriverError> {
        let running = self.running.as_ref().ok_or(DriverError::Crashed)?;
        let states =
            std::iter::once(running.task.state()).chain(running.globals.iter().map(|global| global.state()));
        let found = states.into_iter().find_map(|state| Some((state.backend(), state.index_of(store)?)));
        let (backend, index) = found.ok_or_else(|| missing(store))?;
        let mut rows = Vec::new();
        backend.scan(index, Bound::Unbounded, Bound::Unbounded, Direction::Forward, &mut |key, value| {
            rows.push((key.to_vec(), value.to_vec()));
            ControlFlow::Continue(())
        })?;
        Ok(rows)
    }

    /// Every committed changelog record of a store, oldest first; none for a store without a changelog of its own.
    pub fn changelog(&self, store: &str) -> impl Iterator<Item = &crate::record::RawRecord> {
        let topic = self.naming.changelog(store);
        self.written(&topic).collect::<Vec<_>>().into_iter()
    }

    fn typed<S: Store>(&mut self, store: &str) -> Result<&mut S, DriverError> {
        let running = self.running.as_mut().ok_or(DriverError::Crashed)?;
        let number = self.setup.topology.store_number(store).ok_or_else(|| missing(store))?;
        let typed = running.task.store_mut(number).and_then(|it| it.as_any_mut().downcast_mut::<S>());
        typed.ok_or_else(|| DriverError::Store {
            store: store.to_owned(),
            why: format!("it is not a {}", std::any::type_name::<S>()),
        })
    }
}

fn missing(store: &str) -> DriverError {
    DriverError::Store { store: store.to_owned(), why: "the topology has no such store".to_owned() }
}
