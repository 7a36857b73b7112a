use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use maniple_core::{MemoryJournal, Run};

/// What is outside: which steps have happened and were not taken back, and what was done in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct World(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    standing: BTreeSet<String>,
    log: Vec<String>,
}

impl World {
    pub(crate) fn act(&self, name: &str) {
        let mut state = self.0.lock().unwrap();
        state.standing.insert(name.to_owned());
        state.log.push(name.to_owned());
    }

    pub(crate) fn undo(&self, name: &str) {
        let mut state = self.0.lock().unwrap();
        state.standing.remove(name);
        state.log.push(format!("-{name}"));
    }

    /// What stands, in the order of the names.
    pub(crate) fn standing(&self) -> Vec<String> {
        self.0.lock().unwrap().standing.iter().cloned().collect()
    }

    /// What was done and taken back, in order.
    pub(crate) fn log(&self) -> Vec<String> {
        self.0.lock().unwrap().log.clone()
    }
}

pub(crate) async fn open(journal: &MemoryJournal) -> Run {
    Run::builder("saga").with_journal(journal.clone()).open().await.unwrap()
}
