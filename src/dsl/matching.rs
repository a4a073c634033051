//! `stream_matching`: one stream of all topics that match a pattern.

use super::Builder;
use super::stream::Stream;
use crate::data::Data;
use crate::graph::Pattern;
use crate::topic::TopicPattern;

impl Builder {
    /// Reads all topics whose names match a pattern as one stream. Kafka Streams: `stream(Pattern)`,
    /// `addSource(name, Pattern)`.
    ///
    /// Which topics those are is asked of the cluster at the start: while there is none the application waits and says so.
    /// Records of one partition number of all of them are taken in timestamp order. Topics that the engine makes for the
    /// application, its dead letters, and Kafka's own (`__consumer_offsets`) never match; a topic that matches and is read by
    /// name, or matches two patterns, is an error.
    ///
    /// The list is looked at again every `metadata.max.age.ms`, and when another process of the application has seen another
    /// one. If other topics match then, all processes let go of their tasks, which takes as long as a restart of the
    /// application, and go on with the new list; a topic that is gone is not read any more. Tasks, stores and offsets stay what
    /// they are. But a task reads one partition of each topic, and stores have as many partitions as there are tasks: so a
    /// new topic with more partitions than the widest one before, or with another count than what it meets in a join, is not
    /// taken in. The log says so, and the application goes on with the topics it has; its next start ends with that error.
    ///
    /// Null keys and values, and what no codec can read, are as in [`stream`](Self::stream).
    ///
    /// ```
    /// # use topo::{Builder, Topic, TopicPattern, state::utf8, testkit::Driver};
    /// # let text = |name: &str| Topic::<String, String>::new(name, utf8(), utf8());
    /// let app = Builder::new("doc");
    /// app.stream_matching("read", &TopicPattern::<String, String>::new("visits-[a-z]+", utf8(), utf8()))
    ///     .to("write", &text("all"));
    ///
    /// let mut driver = Driver::builder(app.build()?).topics(["visits-bern", "visits-2", "visits-thun"]).build()?;
    /// driver.pipe(&text("visits-thun"), "a".to_owned(), "x".to_owned(), 0)?;
    /// driver.pipe(&text("visits-bern"), "b".to_owned(), "y".to_owned(), 1)?;
    /// assert!(driver.pipe(&text("visits-2"), "c".to_owned(), "z".to_owned(), 2).is_err());
    /// assert_eq!(driver.read(&text("all"))?.len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stream_matching<K: Data, V: Data>(
        &self,
        name: &str,
        topics: &TopicPattern<K, V>,
    ) -> Stream<'_, K, V> {
        match Pattern::new(&topics.0.name) {
            Ok(pattern) => self.wiring.borrow_mut().topology.patterns.push(pattern),
            Err(why) => self.problem(name, why),
        }
        Stream::source(self, name, &[&topics.0])
    }
}
