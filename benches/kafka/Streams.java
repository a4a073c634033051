import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.StreamJoined;
import org.apache.kafka.streams.kstream.TableJoined;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.WindowStore;

/**
 * The topologies of benches/kafka/topologies.rs in Kafka Streams, measured the same way.
 *
 * <p>{@code Streams TOPOLOGY BOOTSTRAP APPLICATION STATE_DIR THREADS} runs one until its input is closed: exactly once, with
 * default caches, a commit every 100 ms. While commits come it prints, every quarter of a second,
 * {@code processed <facts committed> <with what internal topics had> <quiet>}. Quiet: the internal topics have had no commit for
 * two rounds. The end of such a topic says nothing, it counts the markers of transactions.
 */
public final class Streams {
    private static final String FACTS = "bench-facts";
    private static final Serde<String> KEY = Serdes.String();
    private static final Serde<byte[]> FACT = Serdes.ByteArray();
    private static final Serde<Long> COUNT = Serdes.Long();

    private Streams() { }

    public static void main(final String[] args) throws Exception {
        final var config = new Properties();
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, args[2]);
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[1]);
        config.put(StreamsConfig.STATE_DIR_CONFIG, args[3]);
        config.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, args[4]);
        config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        config.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        config.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        final var streams = new KafkaStreams(topology(args[0], args[2] + "-out").build(), config);
        streams.start();
        final var over = new CountDownLatch(1);
        final var input = new Thread(() -> {
            try {
                while (System.in.read() >= 0) { }
            } catch (final java.io.IOException gone) {
                // As good as closed.
            }
            over.countDown();
        });
        input.setDaemon(true);
        input.start();
        try (Admin admin = Admin.create(Map.of(AdminClientConfig.BOOTSTRAP_SERVERS_CONFIG, args[1]))) {
            var told = new Committed(0, 0);
            int still = 0;
            while (!over.await(250, TimeUnit.MILLISECONDS)) {
                final var committed = Committed.by(admin, args[2]);
                still = committed.internal == told.internal ? still + 1 : 0;
                final boolean quiet = committed.internal == 0 || still >= 2;
                if (!committed.equals(told) || committed.internal > 0 && still == 2) {
                    final long all = committed.facts + committed.internal;
                    System.out.println("processed " + committed.facts + " " + all + " " + quiet);
                    told = committed;
                }
            }
        }
        streams.close(Duration.ofSeconds(30));
    }

    /** Sums of committed offsets: of the facts, and of topics that are written and read. */
    private record Committed(long facts, long internal) {
        static Committed by(final Admin admin, final String group) throws InterruptedException {
            try {
                final var all = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
                long facts = 0;
                long internal = 0;
                for (final var entry : all.entrySet()) {
                    final String topic = entry.getKey().topic();
                    final long offset = entry.getValue() == null ? 0 : entry.getValue().offset();
                    facts += topic.equals(FACTS) ? offset : 0;
                    internal += topic.startsWith(group) ? offset : 0;
                }
                return new Committed(facts, internal);
            } catch (final java.util.concurrent.ExecutionException notYet) {
                return new Committed(0, 0);
            }
        }
    }

    private static StreamsBuilder topology(final String name, final String out) {
        final var builder = new StreamsBuilder();
        if (name.startsWith("operator-")) {
            Operators.add(builder, name.substring("operator-".length()), out);
            return builder;
        }
        if (name.equals("fk-join")) {
            builder.table(FACTS, Consumed.with(KEY, FACT), store("facts-store"))
                .leftJoin(rows(builder, "foreign"), fact -> new String(fact, 0, 8, StandardCharsets.UTF_8),
                    (fact, row) -> joined(fact, row != null), TableJoined.as("join"))
                .toStream().to(out, Produced.with(KEY, FACT));
            return builder;
        }
        final KStream<String, byte[]> facts = builder.stream(FACTS, Consumed.with(KEY, FACT));
        final KGroupedStream<String, byte[]> grouped = facts.groupByKey(Grouped.with(KEY, FACT));
        final var counts = Produced.with(KEY, COUNT);
        switch (name) {
            case "pass-through" -> facts.to(out, Produced.with(KEY, FACT));
            case "count" -> grouped
                .count(Materialized.<String, Long, KeyValueStore<Bytes, byte[]>>as("counts")
                    .withKeySerde(KEY).withValueSerde(COUNT))
                .toStream().to(out, counts);
            case "windowed-count" -> grouped
                .windowedBy(TimeWindows.ofSizeWithNoGrace(Duration.ofMinutes(5)))
                .count(Materialized.<String, Long, WindowStore<Bytes, byte[]>>as("counts")
                    .withKeySerde(KEY).withValueSerde(COUNT))
                .toStream((window, count) -> window.key()).to(out, counts);
            case "session-count" -> grouped
                .windowedBy(SessionWindows.ofInactivityGapWithNoGrace(Duration.ofSeconds(30)))
                .count(Materialized.<String, Long, SessionStore<Bytes, byte[]>>as("counts")
                    .withKeySerde(KEY).withValueSerde(COUNT))
                .toStream((session, count) -> session.key()).to(out, counts);
            case "stream-table-join" -> facts
                .leftJoin(rows(builder, "rows"), (fact, row) -> joined(fact, row != null), Joined.with(KEY, FACT, FACT))
                .to(out, Produced.with(KEY, FACT));
            case "stream-stream-join" -> facts.filter((key, fact) -> isLeft(fact))
                .join(facts.filterNot((key, fact) -> isLeft(fact)), (fact, other) -> joined(fact, true),
                    JoinWindows.ofTimeDifferenceWithNoGrace(Duration.ofSeconds(30)),
                    StreamJoined.with(KEY, FACT, FACT).withName("join").withStoreName("join"))
                .to(out, Produced.with(KEY, FACT));
            default -> throw new IllegalArgumentException(name);
        }
        return builder;
    }

    private static KTable<String, byte[]> rows(final StreamsBuilder builder, final String name) {
        return builder.table("bench-" + name, Consumed.with(KEY, FACT), store(name + "-store"));
    }

    private static Materialized<String, byte[], KeyValueStore<Bytes, byte[]>> store(final String name) {
        return Materialized.<String, byte[], KeyValueStore<Bytes, byte[]>>as(name).withKeySerde(KEY).withValueSerde(FACT);
    }

    private static boolean isLeft(final byte[] fact) {
        return fact.length > 7 && fact[7] % 2 == 0;
    }

    private static byte[] joined(final byte[] fact, final boolean hasRow) {
        final byte[] joined = java.util.Arrays.copyOf(fact, fact.length + 1);
        joined[fact.length] = (byte) (hasRow ? 1 : 0);
        return joined;
    }
}
