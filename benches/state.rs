//! What the stores cost: get, put, commit, scan, restore, over RocksDB in a scratch directory.

use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tempfile::TempDir;
use topo_state::{
    Checkpoint, CodecRef, Identity, KeyValueStore, MemoryBudget, NO_TIME, Place, Restorer, StateError, Store,
    StoreKind, StoreSpec, TaskState, WindowStore, WriteBatch, bytes, i64_be,
};

type Result<T = ()> = std::result::Result<T, StateError>;
type Counts = KeyValueStore<Vec<u8>, i64>;

/// Keys in the store that is read.
const KEYS: u64 = 200_000;
const RESTORED: u64 = 1_000_000;

/// A scratch directory with one key-value or window store.
struct Bench {
    state: TaskState,
    _dir: TempDir,
}

impl Bench {
    fn new(kind: StoreKind) -> Result<Self> {
        let dir = tempfile::tempdir().map_err(|source| StateError::Io {
            action: "making a scratch directory in",
            path: std::env::temp_dir(),
            source,
        })?;
        let place = Place::Rocks { dir: dir.path().join("0_0"), memory: MemoryBudget::new(256 << 20) };
        let spec = StoreSpec::new("s", kind, &*bytes(), &*i64_be());
        let state = TaskState::open(&place, &Identity::default(), vec![spec])?.state;
        Ok(Self { state, _dir: dir })
    }

    fn counts(&self) -> Counts {
        KeyValueStore::new(self.state.specs()[0].clone(), 0, self.state.backend(), bytes(), i64_be())
    }

    fn windows(&self) -> WindowStore<Vec<u8>, i64> {
        let codec: CodecRef<i64> = i64_be();
        WindowStore::new(self.state.specs()[0].clone(), 0, self.state.backend(), bytes(), codec)
    }

    fn commit(&mut self, store: &mut dyn Store) -> Result {
        let mut batch = WriteBatch::new();
        store.drain(&mut batch, &mut |change| {
            black_box(change);
        })?;
        self.state.apply(batch, Checkpoint::default())?;
        store.committed();
        Ok(())
    }
}

/// Sixteen bytes that are spread like random ones.
fn key(number: u64) -> Vec<u8> {
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    [spread.to_be_bytes(), number.to_be_bytes()].concat()
}

fn filled() -> Result<Bench> {
    let mut bench = Bench::new(StoreKind::KeyValue { timestamped: true })?;
    let mut store = bench.counts();
    for number in 0..KEYS {
        store.put(&key(number), number as i64, 0)?;
    }
    bench.commit(&mut store)?;
    Ok(bench)
}

/// Measures `step` on keys that come in turn.
fn per_key(criterion: &mut Criterion, name: &str, keys: u64, mut step: impl FnMut(&Vec<u8>, i64) -> Result) {
    let keys: Vec<_> = (0..keys).map(key).collect();
    criterion.bench_function(name, |bencher| {
        bencher.iter_custom(|rounds| {
            let begun = Instant::now();
            for (round, key) in (0..rounds).zip(keys.iter().cycle()) {
                step(key, round as i64).unwrap_or_else(|error| panic!("{error}"));
            }
            begun.elapsed()
        });
    });
}

fn single_operations(criterion: &mut Criterion) -> Result {
    let bench = filled()?;
    let mut cached = bench.counts();
    per_key(criterion, "get/cached", 1_000, |key, _| {
        cached.get(key).map(|found| {
            black_box(found);
        })
    });
    let mut uncached = bench.counts().with_cache_bytes(0);
    per_key(criterion, "get/uncached", KEYS, |key, _| {
        uncached.get(key).map(|found| {
            black_box(found);
        })
    });
    let mut hot = bench.counts();
    per_key(criterion, "put/hot", 1_000, |key, round| hot.put(key, round, round));
    let window = Bench::new(StoreKind::window(true, 3_600_000, false))?;
    let mut windows = window.windows();
    per_key(criterion, "window/put-and-fetch", 1_000, |key, round| {
        windows.put(key, round / 1_000 * 10, Some(round), round)?;
        windows.fetch(key, round / 1_000 * 10).map(|found| {
            black_box(found);
        })
    });
    Ok(())
}

fn commits(criterion: &mut Criterion) -> Result {
    const DIRTY: u64 = 1_000;
    let mut bench = filled()?;
    let mut store = bench.counts();
    let mut group = criterion.benchmark_group("commit");
    group.throughput(Throughput::Elements(DIRTY));
    let mut round = 0;
    group.bench_function("1000 changes", |bencher| {
        bencher.iter_custom(|rounds| {
            let mut spent = Duration::ZERO;
            for _ in 0..rounds {
                round += DIRTY;
                for number in round..round + DIRTY {
                    store
                        .put(&key(number % KEYS), number as i64, 0)
                        .unwrap_or_else(|error| panic!("{error}"));
                }
                let begun = Instant::now();
                bench.commit(&mut store).unwrap_or_else(|error| panic!("{error}"));
                spent += begun.elapsed();
            }
            spent
        });
    });
    Ok(())
}

fn scans(criterion: &mut Criterion) -> Result {
    let bench = filled()?;
    let mut store = bench.counts();
    let mut group = criterion.benchmark_group("scan");
    group.throughput(Throughput::Elements(KEYS));
    group.bench_function("all", |bencher| {
        bencher.iter(|| {
            let mut sum = 0;
            let visit = &mut |_, value: &topo_state::Timestamped<i64>| {
                sum += value.value;
                ControlFlow::Continue(())
            };
            store.all(visit).unwrap_or_else(|error| panic!("{error}"));
            sum
        });
    });
    Ok(())
}

/// One million records of 16 and 8 bytes into an empty store, flushed at the end.
fn restores(criterion: &mut Criterion) -> Result {
    let records: Vec<_> = (0..RESTORED).map(|number| (key(number), number.to_be_bytes())).collect();
    let mut group = criterion.benchmark_group("restore");
    group.throughput(Throughput::Elements(RESTORED)).sample_size(10);
    group.bench_function("1M records", |bencher| {
        bencher.iter_batched(
            || Bench::new(StoreKind::KeyValue { timestamped: true }),
            |bench| {
                bench.and_then(|bench| restore(bench, &records)).unwrap_or_else(|error| panic!("{error}"))
            },
            BatchSize::PerIteration,
        );
    });
    Ok(())
}

fn restore(mut bench: Bench, records: &[(Vec<u8>, [u8; 8])]) -> Result<Bench> {
    let mut restorer = Restorer::new(&bench.state.specs()[0], 0, NO_TIME);
    let mut batch = WriteBatch::new();
    // As many as make four megabytes, as the engine gathers them.
    for records in records.chunks(125_000) {
        batch.clear();
        for (key, value) in records {
            restorer.add(key, Some(value), 0, &mut batch);
        }
        bench.state.apply_bulk(&batch, Checkpoint::default())?;
    }
    bench.state.settle()?;
    Ok(bench)
}

fn all(criterion: &mut Criterion) {
    for group in [single_operations, commits, scans, restores] {
        group(criterion).unwrap_or_else(|error| panic!("{error}"));
    }
}

criterion_group!(benches, all);
criterion_main!(benches);
