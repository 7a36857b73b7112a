use std::collections::BTreeMap;

use maniple_core::{AgentError, RunContext};

use super::line::{ItemEnd, Passed};
use crate::fan_out::Sink;
use crate::partial::Partial;
use crate::report::PatternReport;

/// Gives outputs away, in order where that is asked for.
pub(super) struct Outputs<O, F> {
    in_order: bool,
    next: usize,
    early: BTreeMap<usize, Option<O>>,
    tell: F,
    dead: Vec<(usize, AgentError)>,
    undelivered: Vec<AgentError>,
}

impl<O, F: FnMut(usize, O)> Outputs<O, F> {
    pub(super) fn new(in_order: bool, tell: F) -> Self {
        let early = BTreeMap::new();
        Self { in_order, next: 0, early, tell, dead: Vec::new(), undelivered: Vec::new() }
    }

    fn give(&mut self, index: usize, output: Option<O>) {
        self.next += 1;
        if let Some(output) = output {
            (self.tell)(index, output);
        }
    }

    /// Says of the items that were handed over that they are no outputs.
    pub(super) fn count(&self, report: &mut PatternReport) {
        report.dead_lettered = self.dead.len();
        report.failed += self.undelivered.len();
        report.succeeded -= self.dead.len() + self.undelivered.len();
    }

    /// Adds what was handed over to what is left out.
    pub(super) fn finish(self, mut rest: Partial<()>) -> Result<Partial<()>, AgentError> {
        if let Some(error) = self.undelivered.into_iter().reduce(AgentError::merge) {
            return Err(error);
        }
        rest.failed.extend(self.dead);
        rest.failed.sort_by_key(|(index, _)| *index);
        Ok(rest)
    }
}

impl<O, F: FnMut(usize, O)> Sink<Passed<O>> for Outputs<O, F> {
    fn put(&mut self, index: usize, passed: Option<Passed<O>>) {
        let output = match passed.map(|passed| passed.end) {
            None => None,
            Some(ItemEnd::Out(output)) => Some(output),
            Some(ItemEnd::Dead(error)) => {
                self.dead.push((index, AgentError::Recorded(error)));
                None
            }
            Some(ItemEnd::Undelivered(error)) => {
                self.undelivered.push(error);
                None
            }
        };
        if !self.in_order {
            self.give(index, output);
            return;
        }
        self.early.insert(index, output);
        while let Some(output) = self.early.remove(&self.next) {
            self.give(self.next, output);
        }
    }

    fn taken(&self) -> usize {
        self.next
    }

    fn failure(&self, _: &RunContext) -> Option<AgentError> {
        None
    }
}
