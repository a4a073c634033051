//! `join_stream`, `left_join_stream`, `outer_join_stream`: records of two streams that are close in time.

use super::Stream;
use crate::data::Data;
use crate::dsl::join_windows::JoinWindows;
use crate::dsl::same_key::SameKey;
use crate::dsl::stream_join::StreamJoin;
use crate::dsl::stream_joined::StreamJoined;
use crate::ops::JoinKind;

impl<'b, K: Data, V: Data> Stream<'b, K, V> {
    /// Joins each pair of records of two streams that have one key and lie within a span of time; each record is joined when
    /// the later of the two comes in. A result has the later timestamp of its two records and the headers of the one that came
    /// last; several results of one record come by the timestamp of the partner. Records with a null key or value are
    /// dropped and counted, null keys before a repartition uncounted. A record that is older than the span + grace behind the
    /// newest of its side finds no partner any more and, where the store cannot take it, counts as dropped.
    ///
    /// Either side is repartitioned first, through `<name>-left-repartition` or `<name>-right-repartition`, if its key may
    /// have changed; both must have equal partition counts. Kafka Streams: `join(KStream)`, KIP-633 for the grace.
    ///
    /// ```
    /// # use topo::{Builder, JoinWindows, StreamJoined, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// let clicks: Topic<String, String> = Topic::new("clicks", utf8(), utf8());
    /// let orders: Topic<String, i64> = Topic::new("orders", utf8(), i64_be());
    /// let sales: Topic<String, String> = Topic::new("sales", utf8(), utf8());
    ///
    /// let app = Builder::new("sales");
    /// app.stream("clicks", &clicks)
    ///     .join_stream(
    ///         "sale",
    ///         &app.stream("orders", &orders),
    ///         // An order up to a minute behind the click; ten seconds more for what comes late.
    ///         JoinWindows::of_ms(0).after_ms(60_000).grace_ms(10_000),
    ///         StreamJoined::new("sale", utf8(), utf8(), i64_be()),
    ///         |_, page, total| format!("{total} by {page}"),
    ///     )
    ///     .to("sales", &sales);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&clicks, "ann".to_owned(), "shoes".to_owned(), 1_000)?;
    /// driver.pipe(&orders, "ann".to_owned(), 80, 31_000)?;
    /// driver.pipe(&orders, "ann".to_owned(), 90, 61_001)?;
    /// let seen: Vec<_> = driver.read(&sales)?.into_iter().map(|it| (it.value, it.timestamp)).collect();
    /// assert_eq!(seen, [("80 by shoes".to_owned(), 31_000)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn join_stream<K2: Data, V2: Data, R: Data>(
        &self,
        name: &str,
        other: &Stream<'b, K2, V2>,
        windows: JoinWindows,
        stores: StreamJoined<K::Present, V::Present, V2::Present>,
        join: impl Fn(&K::Present, &V::Present, &V2::Present) -> R + Send + Sync + 'static,
    ) -> Stream<'b, K, R>
    where
        K::Present: SameKey<K2::Present>,
    {
        StreamJoin { name, left: self, right: other, windows, kind: JoinKind::Inner, stores }
            .wire(move |key: &K, left, right| Some(join(key.as_present()?, left?, right?)))
    }

    /// The same, and a record of this stream that finds no partner is joined with `None`, once: when stream time has passed
    /// its span and grace, with its own timestamp. Until then it waits in a store, so that a late partner gives one
    /// result and no false one before it. A record that is so late that its span is over already is joined with `None` at
    /// once, and so is one with a null key.
    ///
    /// As in Kafka Streams what is over is looked for by records that carry the join's stream time, at most once in a second
    /// of the wall clock ([`StreamJoined::emit_interval_ms`]), and leaves with the headers of the record that looked; without
    /// new records nothing leaves. Unlike there the stream time, and what waits, survive restarts. Kafka Streams:
    /// `leftJoin(KStream)`, KAFKA-10847, KIP-962 for null keys.
    ///
    /// ```
    /// # use topo::{Builder, JoinWindows, StreamJoined, Topic, state::utf8, testkit::Driver};
    /// let asked: Topic<String, String> = Topic::new("asked", utf8(), utf8());
    /// let answered: Topic<String, String> = Topic::new("answered", utf8(), utf8());
    /// let pairs: Topic<String, String> = Topic::new("pairs", utf8(), utf8());
    ///
    /// let app = Builder::new("answers");
    /// app.stream("asked", &asked)
    ///     .left_join_stream(
    ///         "pair",
    ///         &app.stream("answered", &answered),
    ///         JoinWindows::of_ms(1_000),
    ///         StreamJoined::new("pair", utf8(), utf8(), utf8()).emit_interval_ms(0),
    ///         |_, question, answer| format!("{question} {}", answer.map_or("-", String::as_str)),
    ///     )
    ///     .to("pairs", &pairs);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&asked, "a".to_owned(), "why?".to_owned(), 0)?;
    /// driver.pipe(&asked, "b".to_owned(), "how?".to_owned(), 500)?;
    /// driver.pipe(&answered, "b".to_owned(), "so".to_owned(), 1_001)?;
    /// let seen: Vec<_> = driver.read(&pairs)?.into_iter().map(|it| (it.value, it.timestamp)).collect();
    /// assert_eq!(seen, [("why? -".to_owned(), 0), ("how? so".to_owned(), 1_001)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn left_join_stream<K2: Data, V2: Data, R: Data>(
        &self,
        name: &str,
        other: &Stream<'b, K2, V2>,
        windows: JoinWindows,
        stores: StreamJoined<K::Present, V::Present, V2::Present>,
        join: impl Fn(&K, &V::Present, Option<&V2::Present>) -> R + Send + Sync + 'static,
    ) -> Stream<'b, K, R>
    where
        K::Present: SameKey<K2::Present>,
    {
        StreamJoin { name, left: self, right: other, windows, kind: JoinKind::Left, stores }
            .wire(move |key: &K, left, right| Some(join(key, left?, right)))
    }

    /// The same for both sides: a record of either stream that finds no partner is joined with `None`. What is over leaves by
    /// timestamp, right records before left ones, then by key bytes. If the other stream's key may be null, this one's must be
    /// nullable too. Kafka Streams: `outerJoin(KStream)`.
    ///
    /// ```
    /// # use topo::{Builder, JoinWindows, StreamJoined, Topic, state::utf8, testkit::Driver};
    /// let booked: Topic<String, String> = Topic::new("booked", utf8(), utf8());
    /// let paid: Topic<String, String> = Topic::new("paid", utf8(), utf8());
    /// let checked: Topic<String, String> = Topic::new("checked", utf8(), utf8());
    ///
    /// let app = Builder::new("check");
    /// app.stream("booked", &booked)
    ///     .outer_join_stream(
    ///         "check",
    ///         &app.stream("paid", &paid),
    ///         JoinWindows::of_ms(1_000),
    ///         StreamJoined::new("check", utf8(), utf8(), utf8()).emit_interval_ms(0),
    ///         |_, booked, paid| match (booked, paid) {
    ///             (Some(_), Some(_)) => "fine".to_owned(),
    ///             (Some(_), None) => "unpaid".to_owned(),
    ///             (None, _) => "unknown".to_owned(),
    ///         },
    ///     )
    ///     .to("checked", &checked);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&booked, "a".to_owned(), "x".to_owned(), 0)?;
    /// driver.pipe(&paid, "b".to_owned(), "y".to_owned(), 0)?;
    /// driver.pipe(&paid, "c".to_owned(), "z".to_owned(), 1_001)?;
    /// let seen: Vec<_> = driver.read(&checked)?.into_iter().map(|it| (it.key, it.value)).collect();
    /// assert_eq!(seen, [("b".into(), "unknown".into()), ("a".into(), "unpaid".into())]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn outer_join_stream<K2: Data, V2: Data, R: Data>(
        &self,
        name: &str,
        other: &Stream<'b, K2, V2>,
        windows: JoinWindows,
        stores: StreamJoined<K::Present, V::Present, V2::Present>,
        join: impl Fn(&K, Option<&V::Present>, Option<&V2::Present>) -> R + Send + Sync + 'static,
    ) -> Stream<'b, K, R>
    where
        K::Present: SameKey<K2::Present>,
    {
        if K2::null().is_some() && K::null().is_none() {
            let why =
                "its right side's key may be null and its left side's may not: make the left key an `Option`";
            self.builder.problem(name, why.to_owned());
        }
        StreamJoin { name, left: self, right: other, windows, kind: JoinKind::Outer, stores }
            .wire(move |key: &K, left, right| Some(join(key, left, right)))
    }
}
