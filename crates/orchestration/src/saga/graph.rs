use std::collections::BTreeSet;
use std::sync::Arc;

/// What comes after what: a directed graph without cycles.
#[derive(Debug, Clone)]
pub(super) struct Graph {
    /// In the order in which they were added.
    pub(super) nodes: Vec<Node>,
    /// Each after all that it comes after.
    pub(super) order: Vec<usize>,
}

/// One step.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) name: Arc<str>,
    /// What it comes directly after.
    pub(super) after: BTreeSet<usize>,
    /// What comes directly after it.
    pub(super) before: BTreeSet<usize>,
}

impl Graph {
    /// Fails with the names of a cycle.
    pub(super) fn new(steps: Vec<(Arc<str>, BTreeSet<usize>)>) -> Result<Self, Vec<Arc<str>>> {
        let mut nodes: Vec<Node> = steps
            .into_iter()
            .map(|(name, after)| Node { name, after, before: BTreeSet::new() })
            .collect();
        for step in 0..nodes.len() {
            for earlier in nodes[step].after.clone() {
                nodes[earlier].before.insert(step);
            }
        }
        let mut left: Vec<usize> = nodes.iter().map(|node| node.after.len()).collect();
        let mut order: Vec<usize> = (0..nodes.len()).filter(|step| left[*step] == 0).collect();
        let mut at = 0;
        while let Some(step) = order.get(at).copied() {
            at += 1;
            for later in &nodes[step].before {
                left[*later] -= 1;
                if left[*later] == 0 {
                    order.push(*later);
                }
            }
        }
        if order.len() < nodes.len() {
            return Err(cycle(&nodes, &left));
        }
        Ok(Self { nodes, order })
    }

    /// Whether one step comes before another, directly or not.
    pub(super) fn is_before(&self, earlier: usize, later: usize) -> bool {
        let mut seen = BTreeSet::new();
        let mut left = vec![later];
        while let Some(step) = left.pop() {
            for above in &self.nodes[step].after {
                if *above == earlier {
                    return true;
                }
                if seen.insert(*above) {
                    left.push(*above);
                }
            }
        }
        false
    }
}

/// One cycle among the steps that wait for each other.
fn cycle(nodes: &[Node], left: &[usize]) -> Vec<Arc<str>> {
    let mut path: Vec<usize> = Vec::new();
    let mut here = left.iter().position(|left| *left > 0);
    while let Some(step) = here {
        if let Some(first) = path.iter().position(|seen| *seen == step) {
            // Walked against the arrows, so the last comes first.
            return path[first..].iter().rev().map(|step| nodes[*step].name.clone()).collect();
        }
        path.push(step);
        here = nodes[step].after.iter().copied().find(|above| left[*above] > 0);
    }
    Vec::new()
}
