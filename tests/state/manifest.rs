//! RocksDB's manifest loses its end, which had been synced: whatever is left of it, the directory is refused as damaged, or what
//! opens is exactly what the commits up to its checkpoint made, only older. It is never a mixture.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::crash::{prefix_in, write_and_kill};
use crate::support::copy_tree;

/// Lengths that are tried after each kill.
const CUTS: usize = 40;

fn manifest(dir: &Path) -> PathBuf {
    let name = fs::read_to_string(dir.join("db/CURRENT")).expect("a database");
    dir.join("db").join(name.trim_end())
}

#[test]
fn whatever_is_left_of_a_manifest_the_state_is_refused_or_a_prefix_of_its_commits() {
    let seed = std::env::var("TOPO_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| UNIX_EPOCH.elapsed().unwrap().as_micros() as u64);
    println!("replay with TOPO_TEST_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    for (mode, kills) in [("logged", [150, 40, 1, 90]), ("mixed", [9, 20, 1, 14])] {
        let scratch = tempfile::tempdir().unwrap();
        let (state, copy) = (scratch.path().join("state"), scratch.path().join("copy"));
        let (mut refused, mut older, mut same) = (0, 0, 0);
        for batches in kills {
            let told = write_and_kill(&state, mode, batches);
            let whole = fs::metadata(manifest(&state)).unwrap().len();
            for cut in 0..=CUTS {
                let left = if cut == CUTS { whole } else { rng.random_range(0..whole) };
                let _ = fs::remove_dir_all(&copy);
                copy_tree(&state, &copy);
                fs::OpenOptions::new().write(true).open(manifest(&copy)).unwrap().set_len(left).unwrap();
                match prefix_in(&copy, mode) {
                    Ok(last) if last >= told => same += 1,
                    Ok(_) => older += 1,
                    Err(error) => {
                        assert!(error.is_damage(), "{left} of {whole} bytes: {error}");
                        assert!(left < whole, "nothing was cut: {error}");
                        refused += 1;
                    }
                }
            }
        }
        println!("{mode}: {refused} refused, {older} opened as an older state, {same} as the newest");
        assert!(refused > 0 && same > 0);
    }
}
