//! Aggregations of transcribed cases, and the tables around them.

use serde_json::{Value as Json, json};

use super::topology::{Steps, said};
use super::words::{self, Aggregation};

impl Steps<'_> {
    /// An aggregation of the stream, in windows if the case has them, and its updates to a topic.
    pub(super) fn aggregate(&mut self, told: &str) -> Result<(), String> {
        self.stream("input");
        self.push(json!({"step": "group_by_key", "name": "group", "from": "input"}));
        let mut step = match words::aggregation(said(self.told, "aggregator"))? {
            Aggregation::Count => json!({"step": "count"}),
            Aggregation::Reduce(reducer) => json!({"step": "reduce", "reducer": reducer}),
            Aggregation::Aggregate(function, _) => json!({"step": "aggregate", "aggregator": function}),
        };
        step["name"] = "agg".into();
        step["from"] = "group".into();
        step["store"] = "store".into();
        self.windowed(&mut step);
        let id = said(self.case, "id");
        // These tests make stores of their own: one keeps three times the gap of most of its cases, the other a day.
        if id.starts_with("KStreamSessionWindowAggregateProcessorTest.") {
            step["retention_ms"] = 900_000.into();
        } else if id.starts_with("KStreamWindowAggregateTest.shouldEmitWith") {
            step["retention_ms"] = 86_400_000.into();
        }
        self.push(step);
        self.told_table("agg", told);
        Ok(())
    }

    /// Window and emission of a step, where the case has them.
    fn windowed(&self, step: &mut Json) {
        let (window, emit) = (&self.told["window"], said(self.told, "emit"));
        if window.is_null() {
            return;
        }
        let mut form = json!({"type": window["kind"], "grace_ms": window["grace_ms"]});
        let fields: &[(&str, &str)] = match said(window, "kind") {
            "sliding" => &[("diff_ms", "size_ms")],
            "session" => &[("gap_ms", "gap_ms")],
            "tumbling" => &[("size_ms", "size_ms")],
            _ => &[("size_ms", "size_ms"), ("advance_ms", "advance_ms")],
        };
        for (ours, theirs) in fields {
            form[*ours] = window[*theirs].clone();
        }
        step["window"] = form;
        if emit == "on_window_close" {
            step["emit"] = emit.into();
        }
    }

    pub(super) fn cogroup(&mut self, op: &str) -> Result<(), String> {
        let told = self.told;
        let Aggregation::Aggregate(first, others) = words::aggregation(said(told, "aggregator"))? else {
            return Err(format!("{op} that counts"));
        };
        let words = said(told, "aggregator");
        let topics: &[&str] = match words {
            _ if words.contains("single stream") => &["input"],
            _ if words.contains("'left'") => &["left", "right"],
            _ => &["one", "two"],
        };
        let mut groups = Vec::new();
        for (nth, topic) in topics.iter().enumerate() {
            self.stream(topic);
            let group = format!("{topic}-group");
            self.push(json!({"step": "group_by_key", "name": group, "from": topic}));
            groups.push(json!({"from": group, "aggregator": if nth == 0 { first } else { others }}));
        }
        let mut step = json!({"step": "cogroup", "name": "agg", "groups": groups, "store": "store"});
        self.windowed(&mut step);
        self.push(step);
        if op != "cogroup-aggregate-then-table-join" {
            self.told_table("agg", "out");
            return Ok(());
        }
        let joiner = words::joiner(said(told, "joiner"))?;
        self.source_table("three", None);
        self.push(json!({"step": "table_table_join", "name": "join", "left": "agg", "right": "three", "kind": "inner", "joiner": joiner}));
        self.told_table("join", "out");
        Ok(())
    }

    pub(super) fn grouped_table(&mut self) -> Result<(), String> {
        let told = self.told;
        if !told["upgrade_from"].is_null() {
            return Err("upgrade.from".to_owned());
        }
        self.source_table("input", None);
        let grouper = words::grouper(said(told, "grouper"))?;
        self.count_of_groups(grouper, words::aggregation(said(told, "aggregator"))?);
        self.told_table("agg", "out");
        Ok(())
    }

    fn count_of_groups(&mut self, grouper: &str, aggregation: Aggregation) {
        self.push(json!({"step": "table_group_by", "name": "group", "from": "input", "key_fn": grouper}));
        let (step, function) = match aggregation {
            Aggregation::Aggregate(function, _) => ("aggregate", function),
            _ => ("count", ""),
        };
        self.push(
            json!({"step": step, "name": "agg", "from": "group", "store": "store", "aggregator": function}),
        );
    }

    pub(super) fn suppress(&mut self, op: &str) -> Result<(), String> {
        let told = self.told;
        match op {
            "suppress" if told["window"].is_null() => {
                self.source_table("input", None);
                self.count_of_groups("value", Aggregation::Count);
                self.told_table("agg", "raw");
                self.suppressed("agg");
                self.told_table("less", "suppressed");
            }
            "suppress" => {
                self.aggregate("raw")?;
                self.suppressed("agg");
                self.told_table("less", "suppressed");
            }
            "suppress-then-table-join" => {
                let joiner = words::joiner(said(told, "joiner"))?;
                self.source_table("left", None);
                self.source_table("right", None);
                let side = said(&told["suppress"], "side").to_owned();
                self.suppressed(&side);
                let (left, right) = if side == "left" { ("less", "right") } else { ("left", "less") };
                self.push(json!({"step": "table_table_join", "name": "join", "left": left, "right": right, "kind": "outer", "joiner": joiner}));
                self.told_table("join", "out");
            }
            _ => self.fed_directly(),
        }
        Ok(())
    }

    fn suppressed(&mut self, from: &str) {
        let told = &self.told["suppress"];
        let mut step = json!({"step": "suppress", "name": "less", "from": from});
        if said(told, "kind") == "until_window_closes" {
            step["until"] = "window_closes".into();
        } else {
            step["until"] = "time_limit".into();
            step["limit_ms"] = told["limit_ms"].clone();
        }
        if told["max_records"].is_number() {
            step["max_records"] = told["max_records"].clone();
        } else if told["max_bytes"].is_number() {
            step["max_bytes"] = told["max_bytes"].clone();
        }
        if said(told, "when_full") == "shut_down" {
            step["when_full"] = "shut_down".into();
        }
        self.push(step);
    }

    /// Suppression of changes that the case feeds directly: they come out of a table, or of windows that keep the last
    /// value; a session's deletion out of a session that becomes null.
    fn fed_directly(&mut self) {
        let window = &self.told["window"];
        if window.is_null() {
            self.source_table("input", None);
            self.suppressed("input");
        } else {
            self.stream("input");
            self.push(json!({"step": "group_by_key", "name": "group", "from": "input"}));
            let mut step = if said(window, "kind") == "session" {
                json!({"step": "aggregate", "aggregator": "reset_over:0"})
            } else {
                json!({"step": "reduce", "reducer": "last"})
            };
            (step["name"], step["from"], step["store"]) = ("agg".into(), "group".into(), "store".into());
            self.windowed(&mut step);
            self.push(step);
            self.suppressed("agg");
        }
        self.told_table("less", "out");
    }

    /// The operators of one table.
    pub(super) fn table(&mut self, op: &str) -> Result<(), String> {
        let told = self.told;
        let mapper = || words::mapper(said(told, "mapper"));
        match op {
            "table-filter" => return self.filtered(),
            "table-filter-view" => {
                self.source_table("input", None);
                self.filters(&[("table_filter", "filter"), ("table_filter_not", "filterNot")], true)?;
            }
            "table-map-values-view" => {
                self.source_table("input", None);
                for (name, function) in [("pos", "to_i64"), ("neg", "to_i64_negated")] {
                    self.push(json!({"step": "table_map_values", "name": name, "from": "input", "value_fn": function, "store": name}));
                }
            }
            "table-source-view" => self.source_table("input", None),
            "table-source" => {
                self.source_table("input", None);
                self.told_table("input", "out");
            }
            "table-map-values" => {
                self.source_table("input", None);
                self.push(json!({"step": "table_map_values", "name": "it", "from": "input", "value_fn": mapper()?, "store": "store"}));
                self.told_table("it", "out");
            }
            "stream-map-to-table" => {
                self.stream("input");
                self.push(json!({"step": "map", "name": "it", "from": "input", "key_fn": mapper()?, "value_fn": "identity"}));
                self.push(json!({"step": "to_table", "name": "table", "from": "it", "store": "store"}));
                self.told_table("table", "out");
            }
            "stream-to-table-map-values" => {
                self.stream("input");
                self.push(
                    json!({"step": "to_table", "name": "table", "from": "input", "store": "table-store"}),
                );
                self.push(json!({"step": "table_map_values", "name": "it", "from": "table", "value_fn": mapper()?, "store": "store"}));
                self.told_table("it", "out");
            }
            "table-to-stream-map-key" => {
                self.source_table("input", None);
                self.push(json!({"step": "to_stream", "name": "stream", "from": "input"}));
                self.push(json!({"step": "select_key", "name": "it", "from": "stream", "key_fn": mapper()?}));
                self.sink("it", "out");
            }
            other => return Err(other.to_owned()),
        }
        Ok(())
    }

    fn filters(&mut self, filters: &[(&str, &str)], stored: bool) -> Result<(), String> {
        let predicate = words::predicate(said(self.told, "predicate"))?;
        for (step, name) in filters {
            let mut step = json!({"step": step, "name": name, "from": "input", "predicate": predicate});
            if stored {
                step["store"] = (*name).into();
            }
            self.push(step);
        }
        Ok(())
    }

    /// Filtered tables, where somebody behind them may want to know old rows.
    fn filtered(&mut self) -> Result<(), String> {
        let id = said(self.case, "id");
        if self.told["send_old_values"] != true {
            self.source_view("input");
            self.filters(&[("table_filter", "filter"), ("table_filter_not", "filterNot")], false)?;
            self.told_table("filter", "filter");
            self.told_table("filterNot", "filterNot");
            return Ok(());
        }
        self.source_table("input", id.contains("VersionedUpstream").then_some(86_400_000));
        self.filters(&[("table_filter", "filtered")], id.contains("ForcedToMaterialize"))?;
        self.push(
            json!({"step": "table_group_by", "name": "curious", "from": "filtered", "key_fn": "key_string"}),
        );
        self.push(
            json!({"step": "count", "name": "curious-count", "from": "curious", "store": "curious-store"}),
        );
        let told = id.contains("testNot") || self.case["expected"][0]["outputs"][0]["topic"].is_string();
        self.told_table("input", if told { "source" } else { "out" });
        self.told_table("filtered", "filtered");
        Ok(())
    }
}
