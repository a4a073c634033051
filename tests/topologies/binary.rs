use std::process::{Command, Output};

use crate::golden::same_as_golden;

fn topo(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_topo"));
    // Settings of the person who runs the tests must not show.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TOPO_") || name == "RUST_LOG") {
        command.env_remove(name);
    }
    command.args(args).output().unwrap()
}

fn printed(args: &[&str]) -> String {
    let output = topo(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_topology_is_drawn_in_four_formats() {
    for name in ["orders", "velocity"] {
        for format in ["text", "dot", "mermaid", "json"] {
            let picture = printed(&["describe", name, "--format", format]);
            same_as_golden(&format!("tests/topologies/golden/{name}.{format}"), &picture);
        }
    }
}

#[test]
fn the_text_begins_as_kafka_streams_begins() {
    let text = printed(&["describe", "orders"]);
    assert!(text.starts_with("Topologies:\n   Sub-topology: 0\n    Source: "), "{text}");
    assert!(text.contains("\n\n  Sub-topology: 1\n    Source: "), "{text}");
}

#[test]
fn the_configuration_names_every_key_its_value_and_its_source() {
    let page =
        printed(&["config", "--set", "commit.interval.ms=250ms", "--set", "postgres.url=postgres://u:p@h/d"]);
    same_as_golden("tests/topologies/golden/config.txt", &page);
    assert!(!page.contains("postgres://u:p"), "a secret is printed");
}

#[test]
fn an_unknown_key_is_an_error_that_names_the_nearest() {
    let output = topo(&["config", "--set", "orders.alert.treshold=5"]);
    assert_eq!(output.status.code(), Some(2));
    same_as_golden("tests/topologies/golden/unknown_key.txt", &String::from_utf8(output.stderr).unwrap());
}

#[test]
fn an_exit_without_a_database_says_how_to_name_one() {
    let output = topo(&["run", "orders-ods"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("TOPO_POSTGRES_URL"), "{said}");
}

#[test]
fn generated_events_are_one_json_object_a_line_and_the_same_for_a_seed() {
    for name in ["orders", "payments"] {
        let args = ["generate", name, "--events", "50", "--seed", "7", "--to", "stdout"];
        let lines = printed(&args);
        assert!(lines.lines().count() >= 50, "{lines}");
        for line in lines.lines() {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(record["topic"].is_string() && record["timestamp"].is_i64(), "{line}");
        }
        assert_eq!(lines, printed(&args));
    }
}
