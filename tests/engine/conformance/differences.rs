//! `docs/differences.md`: which cases differ on purpose.

use std::collections::BTreeSet;
use std::path::Path;

/// Ids of the cases that the document lists: its code spans of the form `family/topology#number`, or `TestClass.method` of
/// transcribed cases.
pub(super) fn listed() -> BTreeSet<String> {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/differences.md");
    let text = std::fs::read_to_string(document).expect("docs/differences.md is readable");
    let spans = text.split('`').skip(1).step_by(2);
    spans.filter(|span| is_case(span)).map(str::to_owned).collect()
}

fn is_case(span: &str) -> bool {
    let recorded = span.rsplit_once('#').is_some_and(|(topology, number)| {
        topology.contains('/') && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    });
    recorded
        || span.split_once("Test.").is_some_and(|(class, method)| !class.contains(' ') && !method.is_empty())
}
