//! From the operator that a case names to the steps of a recorded scenario.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::words;

/// A topology in steps, as `topology::build` takes it. The error names what cannot be said.
pub(super) fn scenario(case: &Json) -> Result<Json, String> {
    let told = &case["topology"];
    let mut steps = Steps { told, case, list: Vec::new() };
    steps.add()?;
    let self_join = said(told, "op") == "stream-stream-self-join";
    Ok(json!({
        "config": {
            "caching": told["caching"] == true,
            "optimization": if self_join { "all" } else { "none" },
            "emit_interval_ms": told["emit_interval_ms"].as_i64().unwrap_or(0),
        },
        "steps": steps.list,
    }))
}

/// The topics whose values are numbers.
pub(super) fn topics_of_numbers(scenario: &Json) -> BTreeSet<String> {
    let steps = scenario["steps"].as_array().into_iter().flatten();
    steps.filter(|step| step["value"] == "i64").map(|step| said(step, "name").to_owned()).collect()
}

pub(super) fn said<'j>(json: &'j Json, field: &str) -> &'j str {
    json[field].as_str().unwrap_or_default()
}

/// The steps so far, and what the case says of its topology.
pub(super) struct Steps<'c> {
    pub(super) told: &'c Json,
    pub(super) case: &'c Json,
    list: Vec<Json>,
}

impl Steps<'_> {
    fn add(&mut self) -> Result<(), String> {
        let told = self.told;
        let op = said(told, "op");
        match op {
            "fk-join" | "fk-join-then-table-join" => self.foreign_join(op)?,
            "reduce" => self.aggregate("out")?,
            "stream-global-table-join" => self.global_join()?,
            "stream-stream-join" | "stream-stream-self-join" | "stream-stream-join-chain" => {
                self.stream_join(op)?;
            }
            "stream-table-join" => self.stream_table_join()?,
            "table-table-join" | "table-table-join-chain" => self.table_join(op)?,
            "suppress" | "suppress-processor" | "suppress-then-table-join" => self.suppress(op)?,
            "merge" => self.merged(),
            "repartition" => self.repartitioned(),
            "split" => self.split(),
            "filter-not" | "flat-map" | "map-values" => self.each(op)?,
            _ if op.starts_with("cogroup-") => self.cogroup(op)?,
            _ if op.starts_with("table-groupby-") => self.grouped_table()?,
            _ if op.starts_with("window-") || op.starts_with("sliding-") || op.starts_with("session-") => {
                self.aggregate("out")?;
            }
            _ if op.contains("table") => self.table(op)?,
            other => return Err(other.to_owned()),
        }
        Ok(())
    }

    pub(super) fn push(&mut self, step: Json) {
        self.list.push(step);
    }

    /// What the values of an input topic are: numbers if all of them are.
    pub(super) fn values(&self, topic: &str) -> &'static str {
        let inputs = self.case["inputs"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut values = inputs.iter().filter(|it| it["topic"] == topic).map(|it| &it["value"]);
        let numbers = values.clone().any(Json::is_number) && values.all(|it| it.is_number() || it.is_null());
        if numbers { "i64" } else { "string" }
    }

    pub(super) fn stream(&mut self, topic: &str) {
        let value = self.values(topic);
        self.push(
            json!({"step": "stream", "name": topic, "topics": [topic], "key": "string", "value": value}),
        );
    }

    /// A table with a store of its name, plain or with a history.
    pub(super) fn source_table(&mut self, topic: &str, history_ms: Option<i64>) {
        self.source_view(topic);
        let step = self.list.last_mut().expect("the step just pushed");
        step["store"] = format!("{topic}-store").into();
        if let Some(history_ms) = history_ms {
            step["history_ms"] = history_ms.into();
        }
    }

    /// A table that nobody keeps.
    pub(super) fn source_view(&mut self, topic: &str) {
        let value = self.values(topic);
        self.push(json!({"step": "table", "name": topic, "topic": topic, "key": "string", "value": value}));
    }

    /// A table's updates to an output topic.
    pub(super) fn told_table(&mut self, from: &str, topic: &str) {
        let name = format!("{from}-to-stream-{topic}");
        self.push(json!({"step": "to_stream", "name": name, "from": from}));
        self.sink(&name, topic);
    }

    pub(super) fn sink(&mut self, from: &str, topic: &str) {
        self.push(
            json!({"step": "to", "name": format!("{from}-sink-{topic}"), "from": from, "topic": topic}),
        );
    }

    fn foreign_join(&mut self, op: &str) -> Result<(), String> {
        let told = self.told;
        let kind = said(told, "join").split(',').next().unwrap_or("inner").to_owned();
        let joiner = words::joiner(said(told, "joiner"))?;
        let extractor = words::extractor(said(told, "fk_extractor"))?;
        self.source_table("left", None);
        self.source_table("right", None);
        let mut join = json!({"step": "fk_join", "name": "fk", "left": "left", "right": "right", "kind": kind, "extractor": extractor, "joiner": joiner});
        // A cache and a join behind need the result's store.
        if told["caching"] == true || !told["rejoin"].is_null() {
            join["store"] = "fk-store".into();
        }
        self.push(join);
        if op == "fk-join-then-table-join" {
            self.push(json!({"step": "table_table_join", "name": "again", "left": "left", "right": "fk", "kind": "inner", "joiner": joiner}));
            self.told_table("again", "out");
        } else if told["rejoin"].is_null() {
            self.told_table("fk", "out");
        } else {
            self.push(json!({"step": "table_table_join", "name": "again", "left": "fk", "right": "left", "kind": kind, "joiner": "call:rejoin"}));
            self.told_table("fk", "output");
            self.told_table("again", "rejoin");
        }
        Ok(())
    }

    fn global_join(&mut self) -> Result<(), String> {
        let told = self.told;
        let (joiner, lookup) =
            (words::joiner(said(told, "joiner"))?, words::lookup(said(told, "key_mapper"))?);
        self.stream("left");
        let value = self.values("right");
        self.push(json!({"step": "global_table", "name": "right", "topic": "right", "key": "string", "value": value, "store": "right-store"}));
        self.push(json!({"step": "stream_global_join", "name": "join", "left": "left", "right": "right", "kind": said(told, "join"), "key_fn": lookup, "joiner": joiner}));
        self.sink("join", "out");
        Ok(())
    }

    /// A stream behind a step that may have changed its keys, or behind a repartition topic.
    fn moved(&mut self, topic: &str) -> String {
        let id = said(self.case, "id");
        if id.contains("testInnerRepartitioned") {
            let name = format!("{topic}-mapped");
            self.push(json!({"step": "map", "name": name, "from": topic, "key_fn": "key_string", "value_fn": "identity"}));
            return name;
        }
        if id.contains("Relaxed") {
            let name = format!("{topic}-moved");
            self.push(json!({"step": "repartition", "name": name, "from": topic}));
            return name;
        }
        topic.to_owned()
    }

    fn stream_join(&mut self, op: &str) -> Result<(), String> {
        let told = self.told;
        if told["spurious_fix"] == false {
            return Err("eager non-matches of the deprecated JoinWindows.of".to_owned());
        }
        let joiner = words::joiner(said(told, "joiner"))?;
        let (left, right) = if op == "stream-stream-self-join" {
            let id = said(self.case, "id");
            let topic = if id.contains("KStreamKStreamSelfJoinTest") { "input" } else { "left" };
            self.stream(topic);
            (topic.to_owned(), topic.to_owned())
        } else {
            self.stream("left");
            self.stream("right");
            (self.moved("left"), self.moved("right"))
        };
        let window = &told["window"];
        let mut last = left;
        let joins = if op == "stream-stream-join-chain" { 2 } else { 1 };
        for nth in 1..=joins {
            let (name, store) = (format!("join{nth}"), format!("store{nth}"));
            self.push(json!({"step": "stream_stream_join", "name": name, "left": last, "right": right, "kind": said(told, "join"),
                "before_ms": window["before_ms"], "after_ms": window["after_ms"], "grace_ms": window["grace_ms"], "joiner": joiner, "store": store}));
            last = name;
        }
        self.sink(&last, "out");
        Ok(())
    }

    fn stream_table_join(&mut self) -> Result<(), String> {
        let told = self.told;
        let joiner = words::joiner(said(told, "joiner"))?;
        self.stream("left");
        let left = self.moved("left");
        let right = if left == "left" {
            let table = &told["table"];
            let history_ms = table["history_retention_ms"].as_i64().filter(|_| table["versioned"] == true);
            self.source_table("right", history_ms);
            "right"
        } else {
            self.stream("right");
            let moved = self.moved("right");
            self.push(json!({"step": "to_table", "name": "table", "from": moved, "store": "right-store"}));
            "table"
        };
        let mut join = json!({"step": "stream_table_join", "name": "join", "left": left, "right": right, "kind": said(told, "join"), "joiner": joiner});
        if !told["join_grace_ms"].is_null() {
            join["grace_ms"] = told["join_grace_ms"].clone();
        }
        self.push(join);
        self.sink("join", "out");
        Ok(())
    }

    fn table_join(&mut self, op: &str) -> Result<(), String> {
        let told = self.told;
        let joiner = words::joiner(said(told, "joiner"))?;
        // Long enough for every case: none of them asks what is older.
        let history_ms = |side: &str| (said(&told["tables"], side) == "versioned").then_some(86_400_000);
        self.source_table("left", history_ms("left"));
        self.source_table("right", history_ms("right"));
        let mut last = "left".to_owned();
        for (nth, kind) in said(told, "join").split(',').enumerate() {
            let (name, store) = (format!("join{nth}"), format!("join{nth}-store"));
            let mut join = json!({"step": "table_table_join", "name": name, "left": last, "right": "right", "kind": kind, "joiner": joiner});
            if op.ends_with("-chain")
                || !told["tables"].is_null()
                || said(self.case, "id").contains("Queryable")
            {
                join["store"] = store.into();
            }
            self.push(join);
            last = name;
        }
        self.told_table(&last, "out");
        Ok(())
    }

    fn merged(&mut self) {
        for nth in 1..=4 {
            self.stream(&format!("topic-{nth}"));
        }
        for (name, from, with) in
            [("m1", "topic-1", "topic-2"), ("m2", "m1", "topic-3"), ("m3", "m2", "topic-4")]
        {
            self.push(json!({"step": "merge", "name": name, "from": from, "with": with}));
        }
        self.sink("m3", "out");
    }

    fn repartitioned(&mut self) {
        self.stream("left");
        self.push(json!({"step": "repartition", "name": "once", "from": "left"}));
        self.push(json!({"step": "repartition", "name": "twice", "from": "once"}));
        self.sink("twice", "out");
    }

    fn split(&mut self) {
        self.stream("input");
        let branch = |name: &str, predicate: &str| json!({"name": name, "predicate": predicate});
        if said(self.case, "id").contains("NoTerminalOperation") {
            let branches = [branch("s-even", "key_even"), branch("s-five", "key_multiple:5")];
            self.push(json!({"step": "split", "name": "s-", "from": "input", "branches": branches}));
            self.sink("s-even", "out");
            self.sink("s-five", "out");
            return;
        }
        let branches = [
            branch("foo-bar", "key_even"),
            branch("foo-2", "key_multiple:3"),
            branch("foo-3", "key_multiple:5"),
            branch("foo-4", "key_negative"),
            branch("foo-5", "key_multiple:7"),
        ];
        self.push(json!({"step": "split", "name": "foo-", "from": "input", "branches": branches, "default": "foo-0"}));
        for told in ["foo-bar", "foo-4", "foo-5", "foo-0"] {
            self.sink(told, told);
        }
    }

    fn each(&mut self, op: &str) -> Result<(), String> {
        self.stream("input");
        let told = self.told;
        self.push(match op {
            "filter-not" => {
                json!({"step": "filter_not", "name": "it", "from": "input", "predicate": words::predicate(said(told, "predicate"))?})
            }
            "flat-map" => {
                json!({"step": "flat_map", "name": "it", "from": "input", "flat_fn": words::mapper(said(told, "mapper"))?})
            }
            _ => {
                json!({"step": "map_values", "name": "it", "from": "input", "value_fn": words::mapper(said(told, "mapper"))?})
            }
        });
        self.sink("it", "out");
        Ok(())
    }
}
