//! Descriptions recorded from Kafka Streams, read into a graph and described again: the same bytes must come out.
//!
//! Reading takes names, topics, stores and parents from the text and nothing of the orders it prints, except that of
//! parents and of sub-topologies, which the graph has by itself.

use std::path::Path;

use crate::graph::Topology;
use crate::graph::sample::Sample;

/// One node of a description.
#[derive(Debug, Default, Clone)]
struct Line {
    kind: String,
    name: String,
    things: Vec<String>,
    parents: Vec<String>,
    global: bool,
}

fn list(text: &str) -> Vec<String> {
    let text = text.trim().trim_start_matches('[').trim_end_matches(']');
    if text.is_empty() || text == "none" { Vec::new() } else { text.split(", ").map(str::to_owned).collect() }
}

fn lines(text: &str) -> Vec<Line> {
    let mut nodes: Vec<Line> = Vec::new();
    let mut global = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with("Sub-topology:") {
            global = line.contains("global store");
        } else if let Some(parents) = line.strip_prefix("<-- ") {
            nodes.last_mut().unwrap().parents = list(parents);
        } else if let Some((head, things)) = line.split_once(" (")
            && let Some((kind, name)) = head.split_once(": ")
        {
            let (_, things) = things.trim_end_matches(')').split_once(": ").unwrap();
            let mut things = list(things);
            // The recorded order is what is to be found again.
            things.sort();
            let (kind, name) = (kind.to_owned(), name.to_owned());
            nodes.push(Line { kind, name, things, parents: Vec::new(), global });
        }
    }
    nodes
}

/// The graph of a description; nodes in the order of the text, parents before children.
fn graph(text: &str) -> Topology {
    let mut waiting = lines(text);
    let read: Vec<String> = things(&waiting, "Source");
    let mut sample = Sample::new();
    // A topic that is written and read is an internal one here; the text does not tell.
    for topic in things(&waiting, "Sink").into_iter().filter(|topic| read.contains(topic)) {
        if sample.inner().repartitions.iter().all(|made| *made.topic.name != *topic) {
            sample.repartition(&topic);
        }
    }
    for store in things(&waiting, "Processor") {
        if sample.inner().store_number(&store).is_none() {
            sample.store(&store);
        }
    }
    while let Some(next) =
        waiting.iter().position(|line| line.parents.iter().all(|it| known(&mut sample, it)))
    {
        let Line { kind, name, things, parents, global } = waiting.remove(next);
        let parents: Vec<&str> = parents.iter().map(String::as_str).collect();
        let things: Vec<&str> = things.iter().map(String::as_str).collect();
        match kind.as_str() {
            "Source" => sample.source(&name, &things),
            "Processor" => sample.processor(&name, &parents, &things),
            _ => sample.sink(&name, &parents, things[0]),
        }
        if global {
            sample.inner().nodes.last_mut().unwrap().global = true;
            for store in things.iter().filter(|_| kind == "Processor") {
                sample.make_global(&[], store);
            }
        }
    }
    assert!(waiting.is_empty(), "{waiting:?}");
    sample.topology()
}

fn things(lines: &[Line], kind: &str) -> Vec<String> {
    lines.iter().filter(|line| line.kind == kind).flat_map(|line| line.things.clone()).collect()
}

fn known(sample: &mut Sample, name: &str) -> bool {
    sample.inner().nodes.iter().any(|node| node.name == name)
}

#[test]
fn descriptions_of_kafka_streams_come_out_to_the_byte() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engine/data/describe");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|it| it == "txt"));
    files.sort();
    assert_eq!(files.len(), 31);
    let mut wrong = Vec::new();
    for file in files {
        let recorded = std::fs::read_to_string(&file).unwrap();
        let ours = graph(&recorded).describe();
        if ours != recorded {
            wrong.push(format!("{}\n{recorded}\n--- ours ---\n{ours}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn pictures_name_topics_stores_changelogs_and_partitions() {
    let mut sample = Sample::new();
    sample.source("in", &["words"]);
    sample.repartition("by-word");
    sample.inner().repartitions[0].partitions = Some(4);
    sample.sink("by-word-sink", &["in"], "by-word");
    sample.source("by-word-source", &["by-word"]);
    sample.store("counts");
    sample.processor("count", &["by-word-source"], &["counts"]);
    let topology = sample.topology();
    let (dot, mermaid, json) =
        (topology.describe_dot(), topology.describe_mermaid(), topology.describe_json());
    for picture in [&dot, &mermaid, &json.to_string()] {
        for word in ["words", "by-word", "counts", "counts-changelog", "4", "as it has"] {
            assert!(picture.contains(word), "{word} is missing in\n{picture}");
        }
    }
    assert!(dot.starts_with("digraph \"app\" {\n") && dot.ends_with("}\n"), "{dot}");
    assert!(dot.contains("\"topic by-word\" -> \"node by-word-source\";"), "{dot}");
    assert!(mermaid.starts_with("flowchart LR\n") && mermaid.contains("n3 -.- s0"), "{mermaid}");
    assert_eq!(json["sub_topologies"][1]["stores"][0]["changelog"], "counts-changelog");
    assert_eq!(json["sub_topologies"][0]["nodes"][1]["topic"]["partitions"], "4");
}
