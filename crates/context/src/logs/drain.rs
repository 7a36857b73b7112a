//! Finds which shapes are one template, as Drain does (He, Zhu, Zheng and Lyu, ICWS 2017).
//!
//! A tree of fixed depth leads from the number of tokens and the first words to a leaf with a few
//! clusters; a shape joins the most similar of them if it is similar enough, and the tokens in
//! which it differs are wild from then on.

use std::collections::{BTreeMap, HashMap};

use super::scan::Token;
use crate::hash::mix;

/// Words on the way from the root to a leaf.
const DEPTH: usize = 2;
/// Beyond so many words at one place of the tree, the place is taken to hold a value.
const MOST_CHILDREN: usize = 64;
/// Beyond so many clusters in one leaf, no more are compared.
const MOST_IN_LEAF: usize = 64;
/// So many values show that a wild token holds a value; fewer may be as many messages ("link up",
/// "link down").
pub(super) const EVIDENCE: usize = 4;
/// A shape joins a cluster with which it has at least so many of ten words in common.
const SIMILAR_OF_TEN: usize = 7;
const WILD: u64 = 0;
/// In place of a token that differs in too few ways to be a value.
const SPLIT: u64 = 1;

/// A set of similar shapes, by its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ClusterId(usize);

impl ClusterId {
    pub(super) fn index(self) -> usize {
        self.0
    }
}

#[derive(Debug, Default)]
pub(super) struct Drain {
    clusters: Vec<Cluster>,
    leaves: HashMap<u64, Vec<ClusterId>>,
    children: HashMap<u64, Vec<u64>>,
}

#[derive(Debug)]
struct Cluster {
    tokens: Box<[u64]>,
    /// By the place of a wild token, up to [`EVIDENCE`] of its values.
    values: BTreeMap<usize, Vec<u64>>,
    shapes: usize,
}

impl Cluster {
    fn widen(&mut self, tokens: &[Token]) {
        for (at, (mine, token)) in self.tokens.iter_mut().zip(tokens).enumerate() {
            if *mine == token.hash {
                continue;
            }
            let before = std::mem::replace(mine, WILD);
            let seen = self.values.entry(at).or_insert_with(|| vec![before]);
            if seen.len() < EVIDENCE && !seen.contains(&token.hash) {
                seen.push(token.hash);
            }
        }
    }
}

impl Drain {
    /// The cluster that the shape with these tokens joins. Those of another `kind` are never one.
    pub(super) fn insert(&mut self, kind: u64, tokens: &[Token]) -> ClusterId {
        let leaf = self.leaf(kind, tokens);
        let known = self.leaves.entry(leaf).or_default();
        if let Some(id) = most_similar(&self.clusters, known, tokens) {
            let cluster = &mut self.clusters[id.0];
            cluster.shapes += 1;
            cluster.widen(tokens);
            return id;
        }
        let id = ClusterId(self.clusters.len());
        let tokens = tokens.iter().map(|token| token.hash).collect();
        self.clusters.push(Cluster { tokens, values: BTreeMap::new(), shapes: 1 });
        if known.len() < MOST_IN_LEAF {
            known.push(id);
        }
        id
    }

    /// The number of clusters: their indices are below it.
    pub(super) fn len(&self) -> usize {
        self.clusters.len()
    }

    /// Whether it has more than one shape.
    pub(super) fn is_shared(&self, id: ClusterId) -> bool {
        self.clusters[id.0].shapes > 1
    }

    /// Whether the token at `at` differs between the shapes of a cluster.
    pub(super) fn is_wild(&self, id: ClusterId, at: usize) -> bool {
        self.clusters[id.0].tokens.get(at) == Some(&WILD)
    }

    /// Whether the token at `at` tells several templates of one cluster apart.
    pub(super) fn is_split(&self, id: ClusterId, at: usize) -> bool {
        self.clusters[id.0].tokens.get(at) == Some(&SPLIT)
    }

    /// Takes back what is wild without evidence: from now on it tells templates apart.
    pub(super) fn settle(&mut self) {
        for cluster in &mut self.clusters {
            for (at, seen) in &cluster.values {
                if seen.len() < EVIDENCE {
                    cluster.tokens[*at] = SPLIT;
                }
            }
        }
    }

    fn leaf(&mut self, kind: u64, tokens: &[Token]) -> u64 {
        let mut node = mix(mix(2, kind), tokens.len() as u64);
        for word in tokens.iter().filter(|token| token.is_word).take(DEPTH) {
            let children = self.children.entry(node).or_default();
            let is_known = children.contains(&word.hash);
            if !is_known && children.len() < MOST_CHILDREN {
                children.push(word.hash);
            }
            let step = if is_known || children.len() < MOST_CHILDREN { word.hash } else { WILD };
            node = mix(node, step);
        }
        node
    }
}

fn most_similar(clusters: &[Cluster], known: &[ClusterId], tokens: &[Token]) -> Option<ClusterId> {
    let mut best = None;
    for &id in known {
        let (mut words, mut same) = (0, 0);
        for (mine, token) in clusters[id.0].tokens.iter().zip(tokens) {
            // Fields say nothing about being similar: every line has its time.
            if token.is_word || *mine == WILD {
                words += 1;
                same += usize::from(*mine == token.hash);
            } else if *mine != token.hash {
                words += 1;
            }
        }
        let is_similar = same * 10 >= words * SIMILAR_OF_TEN && same > 0;
        if is_similar && best.is_none_or(|(most, _)| same > most) {
            best = Some((same, id));
        }
    }
    best.map(|(_, id)| id)
}
