//! Where the changelogs of stores that forget may begin: before it lie only records that have expired.
//!
//! A commit's changelog records lie behind those of the commit before it; that is how the offset of a segment's first
//! record is known without asking anybody. What is noted goes into the checkpoint together with the rows.

use topo_state::{Checkpoint, Firsts, NO_TIME, Store};

use super::task::{Backing, Task};

/// The stores of a task that forget, by number in the topology.
#[derive(Default)]
pub(crate) struct Expiring {
    stores: Vec<(usize, Firsts)>,
    /// Segments with a record in the open interval.
    touched: Vec<(usize, i64)>,
}

impl Expiring {
    /// A change of this store goes to the changelog.
    pub(super) fn touch(&mut self, number: usize, key: &[u8]) {
        let Some((_, firsts)) = self.stores.iter().find(|(store, _)| *store == number) else { return };
        let Some(segment) = firsts.segment_of(key) else { return };
        if self.touched.last() != Some(&(number, segment)) && !self.touched.contains(&(number, segment)) {
            self.touched.push((number, segment));
        }
    }

    /// The interval begins anew.
    pub(super) fn forget(&mut self) {
        self.touched.clear();
    }

    /// The interval is committed; its records of this store lie at `since` or behind it.
    pub(super) fn commit(
        &mut self,
        number: usize,
        store: &dyn Store,
        since: i64,
        checkpoint: &mut Checkpoint,
    ) {
        let Some(coming) = self.coming(number, store, since) else { return };
        checkpoint.metadata.insert(Firsts::name(&store.spec().name), coming.encode());
        self.stores
            .iter_mut()
            .filter(|(known, _)| *known == number)
            .for_each(|known| known.1 = coming.clone());
    }

    /// What there will be of a store when the interval, as it is now, is committed.
    fn coming(&self, number: usize, store: &dyn Store, since: i64) -> Option<Firsts> {
        let (_, firsts) = self.stores.iter().find(|(known, _)| *known == number)?;
        let mut coming = firsts.clone();
        for (_, segment) in self.touched.iter().filter(|(touched, _)| *touched == number) {
            coming.note(*segment, since);
        }
        coming.expire(store.observed_time());
        Some(coming)
    }
}

impl Task {
    /// Up to where the changelog of a store that forgets holds only what has expired, once the interval that is prepared now is
    /// committed: the first offset that is still wanted then.
    pub(crate) fn expires_before(&self, number: usize) -> Option<i64> {
        let store = self.pipeline.stores.get(number)?.as_ref()?;
        let since = self.changelog_offset(number).map_or(0, |(_, next)| next);
        self.expiring.coming(number, store.as_ref(), since)?.first()
    }

    /// The stores that forget and have a changelog of their own, as the checkpoint has them.
    pub(super) fn expiring_stores(&self) -> Expiring {
        let checkpoint = self.state.checkpoint();
        let firsts = |(number, backing): &(usize, Backing)| {
            let Backing::Changelog(_) = backing else { return None };
            let spec = self.pipeline.stores.get(*number)?.as_ref()?.spec();
            let noted = checkpoint.metadata.get(&Firsts::name(&spec.name)).map(Vec::as_slice);
            let observed = checkpoint.stream_times.get(&format!("store:{}", spec.name));
            let next = checkpoint.changelog.get(&spec.name).copied();
            Some((*number, Firsts::new(spec, noted, next, observed.copied().unwrap_or(NO_TIME))?))
        };
        Expiring { stores: self.stores.iter().filter_map(firsts).collect(), touched: Vec::new() }
    }
}
