//! Each objection, provoked.

use super::sample::Sample;
use super::{Changelog, CopartitionGroup, NodeKind, TopologyError, TopologyErrors, checked};

fn errors(sample: &Sample) -> Vec<TopologyError> {
    checked(sample.topology(), Vec::new()).err().map_or_else(Vec::new, |errors| errors.0)
}

fn has(sample: &Sample, wanted: impl Fn(&TopologyError) -> bool) {
    let errors = errors(sample);
    assert!(errors.iter().any(wanted), "{errors:?}");
}

fn good() -> Sample {
    let mut sample = Sample::new();
    sample.source("in", &["a"]);
    sample.store("counts");
    sample.processor("count", &["in"], &["counts"]);
    sample.repartition("by-x");
    sample.sink("out", &["count"], "by-x");
    sample.source("back", &["by-x"]);
    sample.sink("end", &["back"], "result");
    sample
}

#[test]
fn a_sound_topology_passes_and_the_builders_problems_are_kept() {
    assert_eq!(errors(&good()), []);
    let problem = TopologyError::Wiring { name: "x".into(), why: "y".into() };
    let found = checked(good().topology(), vec![problem.clone()]).map(|_| ());
    assert_eq!(found, Err(TopologyErrors(vec![problem])));
}

#[test]
fn all_objections_come_at_once() {
    let mut sample = good();
    sample.source("in", &["a"]);
    sample.store("unused");
    sample.store("bad name");
    let found = errors(&sample);
    let text = TopologyErrors(found.clone()).to_string();
    assert!(text.starts_with(&format!("the topology has {} errors:\n- ", found.len())), "{text}");
    assert!(found.contains(&TopologyError::DuplicateName { what: "node", name: "in".into() }));
    assert!(found.iter().any(|error| matches!(error, TopologyError::TopicReadTwice { .. })));
    assert!(found.contains(&TopologyError::UnusedStore { store: "unused".into() }));
    assert!(found.iter().any(|error| matches!(error, TopologyError::IllegalName { what: "store", .. })));
}

#[test]
fn a_name_that_makes_too_long_a_topic_is_refused() {
    let mut sample = good();
    sample.store(&"x".repeat(240));
    has(&sample, |error| matches!(error, TopologyError::IllegalName { what: "changelog topic", .. }));
}

#[test]
fn wrong_edges_are_named() {
    let mut sample = good();
    let end = sample.number("end");
    sample.inner().nodes[end].parents.push(99);
    has(&sample, |error| error.to_string().contains("node number 99, which was never added"));

    let mut sample = good();
    sample.processor("behind", &["out"], &[]);
    has(&sample, |error| error.to_string().contains("nothing comes out of a sink"));

    let mut sample = good();
    sample.processor("orphan", &[], &[]);
    has(&sample, |error| error.to_string().contains("nothing feeds it"));

    let mut sample = good();
    let end = sample.number("end");
    sample.inner().nodes[end].parents.push(end);
    has(&sample, |error| error.to_string().contains("behind itself"));
}

#[test]
fn stores_must_exist_and_global_ones_are_not_connected() {
    let mut sample = good();
    let count = sample.number("count");
    sample.inner().nodes[count].kind = NodeKind::Processor { stores: vec![0, 7] };
    has(&sample, |error| matches!(error, TopologyError::UnknownStore { store: 7, .. }));

    let mut sample = good();
    let global = sample.global("rates", "r");
    let count = sample.number("count");
    sample.inner().nodes[count].kind = NodeKind::Processor { stores: vec![0, global] };
    has(&sample, |error| matches!(error, TopologyError::GlobalStoreConnected { .. }));

    let mut sample = good();
    sample.global("rates", "r");
    sample.processor("mixed", &["rates"], &[]);
    has(&sample, |error| matches!(error, TopologyError::GlobalMixed { .. }));
}

#[test]
fn a_source_changelog_must_be_read_by_the_same_sub_topology() {
    let mut sample = good();
    let topic = sample.topic("by-x");
    sample.inner().stores[0].changelog = Changelog::Source(topic);
    has(&sample, |error| matches!(error, TopologyError::ForeignChangelog { .. }));
    let topic = sample.topic("a");
    sample.inner().stores[0].changelog = Changelog::Source(topic);
    assert_eq!(errors(&sample), []);
}

#[test]
fn a_circle_through_an_internal_topic_is_found_and_one_sub_topology_visited_twice_is_none() {
    let mut sample = good();
    let (end, topic) = (sample.number("end"), sample.topic("by-x"));
    sample.inner().nodes[end].kind = NodeKind::Sink { topic: super::SinkTopic::Static(topic) };
    let circle = vec!["back".to_owned(), "end".to_owned(), "back".to_owned()];
    has(&sample, |error| *error == TopologyError::Cycle { nodes: circle.clone() });

    // A foreign-key join: out through one internal topic, back into the same sub-topology through another.
    let mut sample = good();
    sample.repartition("answers");
    sample.sink("answer", &["back"], "answers");
    sample.source("answered", &["answers"]);
    sample.processor("resolve", &["answered"], &["counts"]);
    assert_eq!(errors(&sample), []);
}

#[test]
fn internal_topics_must_be_declared_written_and_read() {
    let mut sample = good();
    sample.repartition("lost");
    sample.inner().repartitions[0].partitions = Some(0);
    has(&sample, |error| error.to_string() == "internal topic \"lost\": nothing writes it");
    has(&sample, |error| error.to_string() == "internal topic \"lost\": nothing reads it");
    has(&sample, |error| error.to_string() == "internal topic \"by-x\": it cannot have 0 partitions");
    sample.inner().repartitions.clear();
    has(&sample, |error| error.to_string() == "internal topic \"by-x\": it was never declared");
}

#[test]
fn partners_must_be_read_and_agree_on_fixed_counts() {
    let mut sample = good();
    sample.repartition("by-y");
    sample.sink("out-y", &["count"], "by-y");
    sample.source("back-y", &["by-y"]);
    let (x, y, stranger) = (sample.topic("by-x"), sample.topic("by-y"), sample.topic("q"));
    let group = CopartitionGroup { operator: "join".into(), topics: vec![x, y, stranger] };
    sample.inner().copartitioned.push(group);
    sample.inner().repartitions[0].partitions = Some(3);
    sample.inner().repartitions[1].partitions = Some(4);
    has(&sample, |error| matches!(error, TopologyError::UnknownPartner { topic, .. } if topic == "q"));
    has(&sample, |error| error.to_string().ends_with("fixed as by-x = 3, by-y = 4"));
}

#[test]
fn a_topology_needs_a_source() {
    has(&Sample::new(), |error| *error == TopologyError::NoSource);
}
