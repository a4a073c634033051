import java.nio.charset.StandardCharsets;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Properties;

import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.CloseOptions;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.StreamJoined;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.TableJoined;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.WindowedSerdes;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowStore;

/**
 * The Kafka Streams application that the interoperation test hands over to topo and takes back.
 *
 * <p>{@code run BOOTSTRAP APPLICATION STATE_DIR} runs the topology until it is asked to end (SIGTERM); every topic is named
 * {@code APPLICATION-...}. {@code joins BOOTSTRAP APPLICATION STATE_DIR} runs a left and an outer join of two streams, the
 * topology of tests/engine/interop/waiting.rs. {@code partitions COUNT} reads keys in hex, one a line, and prints each one's partition.
 * tests/engine/interop/topology.rs is the same topology in Rust.
 */
public final class Interop {
    private static final Serde<String> TEXT = Serdes.String();
    private static final Serde<Long> COUNT = Serdes.Long();
    private static final Duration WINDOW = Duration.ofSeconds(60);
    private static final Duration GRACE = Duration.ofSeconds(30);
    private static final Duration GAP = Duration.ofSeconds(10);
    private static final Duration RETENTION = Duration.ofDays(1);

    private Interop() { }

    public static void main(final String[] args) throws Exception {
        switch (args[0]) {
            case "partitions" -> partitions(Integer.parseInt(args[1]));
            case "joins" -> run(joins(args[2]), args[1], args[2], args[3]);
            default -> run(topology(args[2]), args[1], args[2], args[3]);
        }
    }

    private static void partitions(final int count) throws Exception {
        final var keys = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        for (String line = keys.readLine(); line != null; line = keys.readLine()) {
            System.out.println(BuiltInPartitioner.partitionForKey(HexFormat.of().parseHex(line), count));
        }
    }

    private static void run(
            final StreamsBuilder builder, final String bootstrap, final String application, final String stateDir) {
        final var config = new Properties();
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, application);
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        config.put(StreamsConfig.STATE_DIR_CONFIG, stateDir);
        config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        config.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        // Every update goes on, as with topo, so that a group that was empty for a moment is known to both.
        config.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
        config.put(StreamsConfig.consumerPrefix(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG), 10_000);
        final var streams = new KafkaStreams(builder.build(), config);
        streams.setStateListener((now, before) -> System.out.println("state " + now));
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            // Kafka Streams stays in its group otherwise, until its session is over.
            final var leaving = CloseOptions.groupMembershipOperation(CloseOptions.GroupMembershipOperation.LEAVE_GROUP)
                .withTimeout(Duration.ofSeconds(30));
            System.out.println("closed " + streams.close(leaving));
            System.out.flush();
        }));
        streams.start();
    }

    private static StreamsBuilder topology(final String app) {
        final var builder = new StreamsBuilder();
        final KStream<String, String> words = builder.stream(app + "-words", Consumed.with(TEXT, TEXT));
        final KTable<String, String> people = builder.table(
            app + "-people", Consumed.with(TEXT, TEXT), texts("people"));

        words.groupBy((user, word) -> word, Grouped.with("by-word", TEXT, TEXT))
            .count(counts("counts"))
            .toStream()
            .to(app + "-counts", Produced.with(TEXT, COUNT));

        final KTable<Windowed<String>, Long> windowed = words.groupByKey(Grouped.with("by-user", TEXT, TEXT))
            .windowedBy(TimeWindows.ofSizeAndGrace(WINDOW, GRACE))
            .count(Materialized.<String, Long, WindowStore<Bytes, byte[]>>as("windowed")
                .withKeySerde(TEXT).withValueSerde(COUNT).withRetention(RETENTION));
        final Serde<Windowed<String>> window = WindowedSerdes.timeWindowedSerdeFrom(String.class, WINDOW.toMillis());
        windowed.toStream().to(app + "-windowed", Produced.with(window, COUNT));
        windowed.suppress(Suppressed.untilWindowCloses(Suppressed.BufferConfig.unbounded()).withName("final"))
            .toStream()
            .to(app + "-final", Produced.with(window, COUNT));

        words.groupByKey(Grouped.with("by-visitor", TEXT, TEXT))
            .windowedBy(SessionWindows.ofInactivityGapAndGrace(GAP, Duration.ofHours(1)))
            .count(Materialized.<String, Long, SessionStore<Bytes, byte[]>>as("sessions")
                .withKeySerde(TEXT).withValueSerde(COUNT).withRetention(RETENTION))
            .toStream()
            .to(app + "-sessions", Produced.with(WindowedSerdes.sessionWindowedSerdeFrom(String.class), COUNT));

        final KTable<String, String> rates = builder.table(app + "-rates", Consumed.with(TEXT, TEXT),
            Materialized.<String, String>as(Stores.persistentVersionedKeyValueStore("rates", RETENTION))
                .withKeySerde(TEXT).withValueSerde(TEXT));
        rates.toStream().to(app + "-told", Produced.with(TEXT, TEXT));
        words.join(rates, (word, rate) -> word + "*" + rate, Joined.with(TEXT, TEXT, TEXT, "rated"))
            .to(app + "-rated", Produced.with(TEXT, TEXT));

        people.groupBy((name, city) -> KeyValue.pair(city, name), Grouped.with("by-city", TEXT, TEXT))
            .count(counts("cities"))
            .toStream()
            .to(app + "-cities", Produced.with(TEXT, COUNT));

        words.join(people, (word, city) -> word + "@" + city, Joined.with(TEXT, TEXT, TEXT, "located"))
            .to(app + "-located", Produced.with(TEXT, TEXT));

        final KTable<String, String> orders = builder.table(
            app + "-orders", Consumed.with(TEXT, TEXT), texts("orders"));
        orders.join(people, order -> order.split(":")[0], (order, city) -> order + "@" + city,
                TableJoined.as("priced"), texts("priced-store"))
            .toStream()
            .to(app + "-priced", Produced.with(TEXT, TEXT));

        final KStream<String, String> asked = builder.stream(app + "-asked", Consumed.with(TEXT, TEXT));
        final KStream<String, String> answered = builder.stream(app + "-answered", Consumed.with(TEXT, TEXT));
        asked.join(answered, (question, answer) -> question + "=" + answer,
                JoinWindows.ofTimeDifferenceAndGrace(Duration.ZERO, Duration.ofMinutes(30)).after(Duration.ofMinutes(10)),
                StreamJoined.with(TEXT, TEXT, TEXT).withName("pair").withStoreName("pair"))
            .selectKey((user, pair) -> pair)
            .to(app + "-pairs", Produced.with(TEXT, TEXT));
        return builder;
    }

    private static StreamsBuilder joins(final String app) {
        final var builder = new StreamsBuilder();
        final KStream<String, String> left = builder.stream(app + "-left", Consumed.with(TEXT, TEXT));
        final KStream<String, String> right = builder.stream(app + "-right", Consumed.with(TEXT, TEXT));
        final var near = JoinWindows.ofTimeDifferenceAndGrace(Duration.ofSeconds(30), Duration.ofMinutes(10));
        left.leftJoin(right, Interop::pair, near, StreamJoined.with(TEXT, TEXT, TEXT).withName("one").withStoreName("one"))
            .to(app + "-one", Produced.with(TEXT, TEXT));
        left.outerJoin(right, Interop::pair, near, StreamJoined.with(TEXT, TEXT, TEXT).withName("both").withStoreName("both"))
            .to(app + "-both", Produced.with(TEXT, TEXT));
        return builder;
    }

    private static String pair(final String left, final String right) {
        return (left == null ? "-" : left) + "+" + (right == null ? "-" : right);
    }

    private static Materialized<String, String, KeyValueStore<Bytes, byte[]>> texts(final String store) {
        return Materialized.<String, String, KeyValueStore<Bytes, byte[]>>as(store).withKeySerde(TEXT).withValueSerde(TEXT);
    }

    private static Materialized<String, Long, KeyValueStore<Bytes, byte[]>> counts(final String store) {
        return Materialized.<String, Long, KeyValueStore<Bytes, byte[]>>as(store).withKeySerde(TEXT).withValueSerde(COUNT);
    }
}
