//! The simulator over the engine's own scenarios. `make sim` runs many more schedules.

use topo::testkit::sim::{Call, Fault, Sim, Summary};

use super::scenarios;

/// Schedules of each scenario.
const SCHEDULES: u64 = 300;

#[test]
fn every_record_has_exactly_one_effect_whatever_fails() {
    let mut all = Summary::default();
    for scenario in scenarios::all() {
        match Sim::new(scenario.as_ref()).rocks(60).run_all(0..SCHEDULES) {
            Ok(summary) => all.merge(&summary),
            Err(failure) => panic!("{failure}"),
        }
    }
    println!("{all}");
    for fault in Fault::ALL {
        assert!(all.counts.of(*fault) > 0, "in no schedule: {}", fault.text());
    }
    // Consumed repartition records and expired changelog records.
    assert!(all.counts.at(Call::DeleteRecords)[0] > 0, "nothing was deleted in any schedule");
}

#[test]
fn at_least_once_loses_nothing_whatever_fails() {
    for scenario in scenarios::all() {
        if let Err(failure) = Sim::new(scenario.as_ref()).at_least_once().run_all(0..SCHEDULES / 2) {
            panic!("{failure}");
        }
    }
}

#[test]
fn the_models_agree_when_nothing_fails() {
    for scenario in scenarios::all() {
        if let Err(failure) = Sim::new(scenario.as_ref()).quiet().run_all(0..30) {
            panic!("{failure}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for scenario in scenarios::all() {
        let sim = Sim::new(scenario.as_ref());
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..20 {
            let [first, again] = [(); 2].map(|()| sim.run(seed).unwrap());
            assert_eq!(first.fingerprint, again.fingerprint, "seed {seed}");
            assert_eq!((first.steps, first.took_ms), (again.steps, again.took_ms), "seed {seed}");
            seen.insert(first.fingerprint);
        }
        assert_eq!(seen.len(), 20, "seeds that differ gave the same run");
    }
}
