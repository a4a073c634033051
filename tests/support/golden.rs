//! Golden files: what a command prints, word for word. `UPDATE_GOLDEN=1` writes them anew; read the diff before you commit it.

use std::path::{Path, PathBuf};

/// Panics with both texts when `actual` differs from the golden file at `path`, counted from the root of the workspace.
#[track_caller]
pub(crate) fn same_as_golden(path: &str, actual: &str) {
    let file = root().join(path);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, actual).unwrap();
        return;
    }
    let golden = std::fs::read_to_string(&file).unwrap_or_default();
    if golden != actual {
        let first = golden.lines().zip(actual.lines()).take_while(|(a, b)| a == b).count() + 1;
        panic!(
            "{path} differs from line {first} on\n--- golden\n{golden}\n--- actual\n{actual}\n(UPDATE_GOLDEN=1 accepts it)"
        );
    }
}

fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().find(|dir| dir.join("Cargo.lock").exists()).unwrap().to_owned()
}
