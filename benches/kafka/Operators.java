import java.time.Duration;
import java.util.Arrays;
import java.util.List;

import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Branched;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.EmitStrategy;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.SlidingWindows;
import org.apache.kafka.streams.kstream.StreamJoined;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.TimeWindowedKStream;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.ValueJoiner;
import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowStore;

/** The families of operators of benches/families.rs in Kafka Streams, under the same names. */
final class Operators {
    private static final Serde<String> KEY = Serdes.String();
    private static final Serde<byte[]> FACT = Serdes.ByteArray();
    private static final Serde<Long> COUNT = Serdes.Long();
    private static final Produced<String, byte[]> FACTS = Produced.with(KEY, FACT);
    private static final Produced<String, Long> COUNTS = Produced.with(KEY, COUNT);
    private static final JoinWindows HALF_MINUTE = JoinWindows.ofTimeDifferenceWithNoGrace(Duration.ofSeconds(30));

    private final StreamsBuilder builder;
    private final String out;
    /** A topic is read once in a topology. */
    private KStream<String, byte[]> facts;

    private Operators(final StreamsBuilder builder, final String out) {
        this.builder = builder;
        this.out = out;
    }

    static void add(final StreamsBuilder builder, final String name, final String out) {
        new Operators(builder, out).add(name);
    }

    private void add(final String name) {
        final ValueJoiner<byte[], byte[], byte[]> first = (fact, other) -> fact;
        final ValueJoiner<byte[], byte[], byte[]> either = (fact, other) -> fact == null ? other : fact;
        switch (name) {
            case "filter" -> facts().filter((key, fact) -> fact.length > 1).to(out, FACTS);
            case "flat-map-values" -> facts().flatMapValues(fact -> List.of(fact)).to(out, FACTS);
            case "split" -> facts().split(Named.as("it-"))
                .branch((key, fact) -> even(fact), Branched.withConsumer(even -> even.to(out, FACTS)))
                .defaultBranch(Branched.withConsumer(odd -> odd.to(out, FACTS)));
            case "merge" -> facts().filter((key, fact) -> even(fact))
                .merge(facts().filterNot((key, fact) -> even(fact))).to(out, FACTS);
            case "repartition" ->
                facts().repartition(Repartitioned.with(KEY, FACT).withName("it")).to(out, FACTS);
            case "process-values-with-a-store" -> {
                builder.addStateStore(Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore("seen"), KEY, COUNT));
                facts().processValues(Seen::new, "seen").to(out, FACTS);
            }
            case "count-per-commit" -> grouped().count(counts("counts")).toStream().to(out, COUNTS);
            case "reduce" -> grouped().reduce((old, fact) -> fact, rows("it-store")).toStream().to(out, FACTS);
            case "cogroup" -> grouped()
                .cogroup((String key, byte[] fact, Long longest) -> Math.max(longest, fact.length))
                .cogroup(grouped(), (key, fact, longest) -> Math.max(longest, fact.length))
                .aggregate(() -> 0L, counts("counts")).toStream().to(out, COUNTS);
            case "count-tumbling" -> windowed(TimeWindows.ofSizeWithNoGrace(Duration.ofMinutes(5)));
            case "count-hopping-4" ->
                windowed(TimeWindows.ofSizeWithNoGrace(Duration.ofMinutes(4)).advanceBy(Duration.ofMinutes(1)));
            case "count-sliding" ->
                windowed(grouped().windowedBy(SlidingWindows.ofTimeDifferenceWithNoGrace(Duration.ofSeconds(10))));
            case "count-sessions" -> grouped()
                .windowedBy(SessionWindows.ofInactivityGapWithNoGrace(Duration.ofSeconds(30)))
                .count(Materialized.<String, Long, SessionStore<Bytes, byte[]>>as("it-store")
                    .withKeySerde(KEY).withValueSerde(COUNT))
                .toStream((session, count) -> session.key()).to(out, COUNTS);
            case "count-tumbling-on-close" ->
                windowed(grouped().windowedBy(TimeWindows.ofSizeWithNoGrace(Duration.ofMinutes(1)))
                    .emitStrategy(EmitStrategy.onWindowClose()));
            case "suppress" -> grouped().count(counts("counts"))
                .suppress(Suppressed.untilTimeLimit(Duration.ofSeconds(10), Suppressed.BufferConfig.unbounded()))
                .toStream().to(out, COUNTS);
            case "suppress-until-window-closes" -> grouped()
                .windowedBy(TimeWindows.ofSizeWithNoGrace(Duration.ofMinutes(1)))
                .count(Materialized.<String, Long, WindowStore<Bytes, byte[]>>as("counts")
                    .withKeySerde(KEY).withValueSerde(COUNT))
                .suppress(Suppressed.untilWindowCloses(Suppressed.BufferConfig.unbounded()))
                .toStream((window, count) -> window.key()).to(out, COUNTS);
            case "to-table" -> facts().toTable(rows("it-store")).toStream().to(out, FACTS);
            case "table-filter" -> table("bench-facts").filter((key, fact) -> even(fact)).toStream().to(out, FACTS);
            case "table-group-by-count" -> table("bench-facts")
                .groupBy((key, fact) -> KeyValue.pair(foreign(fact), fact), Grouped.with("by", KEY, FACT))
                .count(counts("counts")).toStream().to(out, COUNTS);
            case "stream-table-join-as-of" ->
                facts().join(prices(), first, Joined.with(KEY, FACT, FACT)).to(out, FACTS);
            case "stream-table-join-grace" -> facts()
                .join(prices(), first, Joined.with(KEY, FACT, FACT, "it", Duration.ofSeconds(10))).to(out, FACTS);
            case "stream-global-join" -> facts()
                .join(builder.globalTable("bench-foreign", Consumed.with(KEY, FACT), rows("foreign-store")),
                    (key, fact) -> foreign(fact), first)
                .to(out, FACTS);
            case "table-table-join" ->
                table("bench-facts").join(table("bench-rows"), first).toStream().to(out, FACTS);
            case "table-table-outer-join" ->
                table("bench-facts").outerJoin(table("bench-rows"), either).toStream().to(out, FACTS);
            case "stream-stream-left-join" -> left().leftJoin(right(), first, HALF_MINUTE, joined()).to(out, FACTS);
            case "stream-stream-outer-join" -> left().outerJoin(right(), either, HALF_MINUTE, joined()).to(out, FACTS);
            default -> throw new IllegalArgumentException(name);
        }
    }

    private KStream<String, byte[]> facts() {
        return facts == null ? facts = builder.stream("bench-facts", Consumed.with(KEY, FACT)) : facts;
    }

    private KStream<String, byte[]> left() {
        return facts().filter((key, fact) -> even(fact));
    }

    private KStream<String, byte[]> right() {
        return facts().filterNot((key, fact) -> even(fact));
    }

    private KGroupedStream<String, byte[]> grouped() {
        return facts().groupByKey(Grouped.with(KEY, FACT));
    }

    private KTable<String, byte[]> table(final String topic) {
        return builder.table(topic, Consumed.with(KEY, FACT), rows(topic + "-store"));
    }

    private KTable<String, byte[]> prices() {
        final var hour = Stores.persistentVersionedKeyValueStore("rows-store", Duration.ofHours(1));
        return builder.table("bench-rows", Consumed.with(KEY, FACT),
            Materialized.<String, byte[]>as(hour).withKeySerde(KEY).withValueSerde(FACT));
    }

    private void windowed(final TimeWindows windows) {
        windowed(grouped().windowedBy(windows));
    }

    private void windowed(final TimeWindowedKStream<String, byte[]> windowed) {
        windowed
            .count(Materialized.<String, Long, WindowStore<Bytes, byte[]>>as("it-store")
                .withKeySerde(KEY).withValueSerde(COUNT))
            .toStream((window, count) -> window.key()).to(out, COUNTS);
    }

    private static Materialized<String, Long, KeyValueStore<Bytes, byte[]>> counts(final String name) {
        return Materialized.<String, Long, KeyValueStore<Bytes, byte[]>>as(name).withKeySerde(KEY).withValueSerde(COUNT);
    }

    private static Materialized<String, byte[], KeyValueStore<Bytes, byte[]>> rows(final String name) {
        return Materialized.<String, byte[], KeyValueStore<Bytes, byte[]>>as(name).withKeySerde(KEY).withValueSerde(FACT);
    }

    private static StreamJoined<String, byte[], byte[]> joined() {
        return StreamJoined.with(KEY, FACT, FACT).withName("it").withStoreName("it");
    }

    private static boolean even(final byte[] fact) {
        return fact.length > 7 && fact[7] % 2 == 0;
    }

    private static String foreign(final byte[] fact) {
        return new String(Arrays.copyOf(fact, 8), java.nio.charset.StandardCharsets.UTF_8);
    }

    /** Remembers how many records of a key it has seen. */
    private static final class Seen implements FixedKeyProcessor<String, byte[], byte[]> {
        private FixedKeyProcessorContext<String, byte[]> context;
        private KeyValueStore<String, Long> seen;

        @Override
        public void init(final FixedKeyProcessorContext<String, byte[]> context) {
            this.context = context;
            seen = context.getStateStore("seen");
        }

        @Override
        public void process(final FixedKeyRecord<String, byte[]> record) {
            final Long before = seen.get(record.key());
            seen.put(record.key(), before == null ? 1 : before + 1);
            context.forward(record);
        }
    }
}
