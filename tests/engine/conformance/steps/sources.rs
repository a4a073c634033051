//! Where records enter and leave, and the steps that need them by key.

use serde_json::Value as Json;
use topo::state::utf8;
use topo::{Data, Grouped, Stream, Topic};

use super::super::topology::{Handle, Same, Sink, Steps, text};
use super::super::value::{Type, Value, codec};
use super::{codecs, declared, store, table_store, topic};

impl<'b> Steps<'b> {
    pub(in super::super) fn source(
        &mut self,
        kind: &str,
        step: &Json,
        name: &str,
    ) -> Result<Handle<'b>, String> {
        let of = declared(step);
        Ok(match kind {
            "stream" => {
                let names =
                    step["topics"].as_array().expect("topics").iter().map(|it| it.as_str().expect("a name"));
                let topics: Vec<_> = names.map(|name| topic(name, of)).collect();
                Handle::Stream(self.builder.streams(name, &topics), of)
            }
            "global_table" => {
                let rows = store(text(step, "store"), of);
                Handle::Global(self.builder.global_table(name, &topic(text(step, "topic"), of), rows))
            }
            _ => {
                let from = topic(text(step, "topic"), of);
                Handle::Table(
                    match step["store"].as_str() {
                        Some(_) => self.builder.table(name, &from, table_store(step, of)),
                        None => self.builder.table_view(name, &from),
                    },
                    of,
                )
            }
        })
    }

    pub(in super::super) fn to(&mut self, step: &Json, name: &str) -> Result<(), String> {
        let to = text(step, "topic");
        let sink = match self.handle(step, "from") {
            Handle::Stream(stream, of) => {
                stream.to(name, &topic(to, of));
                Sink { of, keys: None }
            }
            Handle::Facts(stream, of) => {
                stream.to(name, &Topic::new(to, utf8(), codec(of)));
                Sink { of, keys: None }
            }
            Handle::WindowedStream(stream, of, keys) => {
                stream.to(name, &Topic::new(to, keys.codec, codec(of)));
                Sink { of, keys: Some(keys.windows) }
            }
            _ => return Err("to of no stream".to_owned()),
        };
        self.nature.sinks.insert(to.to_owned(), sink);
        Ok(())
    }

    /// The steps that need records by key.
    pub(in super::super) fn by_key(
        &mut self,
        kind: &str,
        step: &Json,
        name: &str,
    ) -> Result<Handle<'b>, String> {
        match self.handle(step, "from") {
            Handle::Stream(stream, of) => {
                by_key(kind, step, name, &stream, of, Handle::Stream, Handle::Grouped)
            }
            Handle::Facts(stream, of) => {
                by_key(kind, step, name, &stream, of, Handle::Facts, Handle::GroupedFacts)
            }
            _ => Err(format!("{kind} of a windowed stream")),
        }
    }
}

fn by_key<'b, K: Data<Present = String>>(
    kind: &str,
    step: &Json,
    name: &str,
    stream: &Stream<'b, K, Option<Value>>,
    of: Type,
    same: Same<'b, Stream<'b, K, Option<Value>>>,
    grouped: Same<'b, Grouped<'b, K, Option<Value>>>,
) -> Result<Handle<'b>, String> {
    Ok(match kind {
        "repartition" => same(stream.repartition(name, codecs(of)), of),
        "to_table" => Handle::Table(stream.to_table(name, table_store(step, of)), of),
        _ => grouped(stream.group_by_key(name, codecs(of)), of),
    })
}
