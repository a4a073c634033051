//! The stores of topo.
