//! Stateful stream processing on Kafka.
