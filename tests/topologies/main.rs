//! Tests of the room `topologies`.

mod debezium;
