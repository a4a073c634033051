//! Looks for a circle that a record could travel for ever: along edges, and from sinks through internal topics.

use super::node::{NodeKind, SinkTopic, Topology};

/// The nodes of one circle in order, or `None`. Expects edges to lead to nodes that exist.
pub(crate) fn find(topology: &Topology) -> Option<Vec<usize>> {
    let mut search = Search { topology, seen: vec![Seen::Never; topology.nodes.len()], path: Vec::new() };
    (0..topology.nodes.len()).find_map(|node| search.visit(node))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Never,
    OnPath,
    Done,
}

struct Search<'t> {
    topology: &'t Topology,
    seen: Vec<Seen>,
    path: Vec<usize>,
}

impl Search<'_> {
    fn visit(&mut self, node: usize) -> Option<Vec<usize>> {
        match self.seen[node] {
            Seen::Done => return None,
            Seen::OnPath => {
                let begin = self.path.iter().position(|on_path| *on_path == node).unwrap_or_default();
                let mut circle = self.path[begin..].to_vec();
                circle.push(node);
                return Some(circle);
            }
            Seen::Never => {}
        }
        self.seen[node] = Seen::OnPath;
        self.path.push(node);
        let circle = self.next(node).into_iter().find_map(|next| self.visit(next));
        self.path.pop();
        self.seen[node] = Seen::Done;
        circle
    }

    /// Children, and behind a sink to an internal topic the source that reads it. A topic of the outside may well be
    /// read by the topology that writes it; that is its author's business.
    fn next(&self, node: usize) -> Vec<usize> {
        let def = &self.topology.nodes[node];
        let mut next = def.children.clone();
        if let NodeKind::Sink { topic: SinkTopic::Static(topic) } = &def.kind
            && topic.internal
        {
            let nodes = self.topology.nodes.iter().enumerate();
            next.extend(nodes.filter_map(|(number, other)| match &other.kind {
                NodeKind::Source { topics, .. } if topics.contains(topic) => Some(number),
                _ => None,
            }));
        }
        next
    }
}
