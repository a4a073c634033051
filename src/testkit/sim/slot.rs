//! One machine of a simulation: a process that lives several lives, and its disk.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use topo_state::{Checkpoint, DiskWatch, Image, MemoryDisk};

use super::broker::SimBroker;
use super::chaos::{Chaos, Who};
use super::stores::Stores;
use crate::broker::memory::MemoryBroker;
use crate::graph::Topology;
use crate::runtime::{AppConfig, Error, Event, Observer, Process};

/// What runs on a machine now.
pub(super) enum Life {
    /// Nothing, until then.
    Down { until: i64 },
    /// A process; `stopping` after it was told to stop.
    Up { process: Box<Process>, stopping: bool },
    /// A process that gets no processor time until then.
    Frozen { process: Box<Process>, until: i64 },
}

/// Where a machine keeps its stores.
pub(super) enum Disk {
    /// In memory.
    Memory { disk: MemoryDisk, older: Option<BTreeMap<String, Image>> },
    /// In RocksDB below this directory.
    Rocks { dir: PathBuf, older: Option<PathBuf>, copies: u32 },
}

/// A machine.
pub(super) struct Slot {
    pub(super) who: Arc<Who>,
    pub(super) life: Life,
    pub(super) disk: Disk,
}

/// What every process of a run is made of.
pub(super) struct Parts {
    pub(super) topology: Topology,
    pub(super) broker: MemoryBroker,
    pub(super) chaos: Arc<Chaos>,
    pub(super) stores: Arc<Stores>,
    pub(super) config: AppConfig,
    pub(super) scratch: PathBuf,
}

impl Slot {
    /// A machine on which nothing runs yet.
    pub(super) fn new(parts: &Parts, place: usize, rocks: bool) -> Self {
        let name = format!("p{place}");
        let memory = MemoryDisk::new();
        let who = Arc::new(Who { name: name.clone(), place, disk: (!rocks).then(|| memory.clone()) });
        let disk = if rocks {
            Disk::Rocks { dir: parts.scratch.join(&name), older: None, copies: 0 }
        } else {
            memory.watch(Arc::new(Watch {
                who: who.clone(),
                chaos: parts.chaos.clone(),
                stores: parts.stores.clone(),
                broker: parts.broker.clone(),
            }));
            Disk::Memory { disk: memory, older: None }
        };
        Self { who, life: Life::Down { until: 0 }, disk }
    }

    /// Starts a process on what the disk has.
    pub(super) fn start(&mut self, parts: &Parts) -> Result<(), Error> {
        let (disk, state_dir) = match &self.disk {
            Disk::Memory { disk, .. } => (Some(disk.clone()), parts.scratch.join(&self.who.name)),
            Disk::Rocks { dir, .. } => (None, dir.clone()),
        };
        let process_id = Some(self.who.name.clone());
        let config = AppConfig { state_dir, process_id, ..parts.config.clone() };
        let broker = Arc::new(SimBroker::new(parts.broker.clone(), parts.chaos.clone(), self.who.clone()));
        let observer = Arc::new(Teller { who: self.who.clone(), chaos: parts.chaos.clone() });
        let process = Process::with_disk(parts.topology.clone(), broker, config, observer, disk)?;
        self.life = Life::Up { process: Box::new(process), stopping: false };
        Ok(())
    }

    /// The process is gone without a goodbye: the disk is as a `kill -9` leaves it.
    pub(super) fn crash(&mut self, until: i64) -> io::Result<()> {
        match &mut self.disk {
            Disk::Memory { disk, .. } => disk.crash(),
            Disk::Rocks { dir, copies, .. } => {
                // Closing RocksDB in good order writes what a kill would lose: the copy is taken before.
                *copies += 1;
                let copy = dir.with_extension(copies.to_string());
                copy_tree(dir, &copy)?;
                self.life = Life::Down { until };
                fs::remove_dir_all(&*dir)?;
                *dir = copy;
            }
        }
        self.life = Life::Down { until };
        Ok(())
    }

    /// Remembers the disk as it is, as one that an operator might bring back.
    pub(super) fn remember(&mut self) -> io::Result<()> {
        match &mut self.disk {
            Disk::Memory { disk, older } => *older = Some(disk.images()),
            Disk::Rocks { dir, older, copies } => {
                *copies += 1;
                let copy = dir.with_extension(format!("old{copies}"));
                if dir.exists() {
                    copy_tree(dir, &copy)?;
                    *older = Some(copy);
                }
            }
        }
        Ok(())
    }

    /// Puts the remembered disk in place of this one. Says whether there was one.
    pub(super) fn go_back(&mut self) -> io::Result<bool> {
        match &mut self.disk {
            Disk::Memory { disk, older } => {
                let Some(images) = older.clone() else { return Ok(false) };
                disk.replace(images);
            }
            Disk::Rocks { dir, older, .. } => {
                let Some(copy) = older.take() else { return Ok(false) };
                fs::remove_dir_all(&*dir)?;
                fs::rename(copy, &*dir)?;
            }
        }
        Ok(true)
    }

    /// The disk as a kill at this moment would leave it, and how much was moved aside on it.
    pub(super) fn images(&mut self, parts: &Parts) -> Result<(BTreeMap<String, Image>, u64), String> {
        match &self.disk {
            Disk::Memory { disk, .. } => Ok((disk.images(), disk.moved_aside())),
            Disk::Rocks { .. } => {
                self.crash(i64::MAX).map_err(|error| error.to_string())?;
                let Disk::Rocks { dir, .. } = &self.disk else { return Ok((BTreeMap::new(), 0)) };
                parts.stores.open_all(&dir.join(&parts.topology.name))
            }
        }
    }

    /// Empties the disk.
    pub(super) fn wipe(&mut self) -> io::Result<()> {
        match &mut self.disk {
            Disk::Memory { disk, .. } => disk.replace(BTreeMap::new()),
            Disk::Rocks { dir, .. } if dir.exists() => fs::remove_dir_all(dir)?,
            Disk::Rocks { .. } => {}
        }
        Ok(())
    }
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Stands before the writes of a disk.
struct Watch {
    who: Arc<Who>,
    chaos: Arc<Chaos>,
    stores: Arc<Stores>,
    broker: MemoryBroker,
}

impl DiskWatch for Watch {
    fn write(&self, task: &str, checkpoint: &Checkpoint) -> Result<(), String> {
        if let Some(ahead) = self.stores.is_ahead(&self.broker, &self.who.name, task, checkpoint) {
            self.chaos.state().ledger.violate(format!("{}: {ahead}", self.who.name));
        }
        self.chaos.store_write(&self.who)
    }

    fn written(&self, _task: &str) {
        self.chaos.store_written(&self.who);
    }
}

/// Writes what a process says into the trace, and notes which tasks it runs.
struct Teller {
    who: Arc<Who>,
    chaos: Arc<Chaos>,
}

impl Observer for Teller {
    fn event(&self, event: &Event<'_>) {
        let mut state = self.chaos.state();
        if let Event::Task { task, from, to } = *event {
            let key = (self.who.place, task);
            let before = match to {
                Some(to) => state.tasks.insert(key, to),
                None => state.tasks.remove(&key),
            };
            if before != from {
                let what = format!("leaves {from:?}, and entered {before:?} before");
                state.ledger.violate(format!("{} says that task {task} {what}", self.who.name));
            }
        }
        state.tell(|| format!("{}: {event:?}", self.who.name));
    }
}
