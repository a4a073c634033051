//! The applications of topo.
