//! Tests of the room `topologies`.
