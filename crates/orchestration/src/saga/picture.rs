//! How far a saga is, as its journal tells, and a drawing of that.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use maniple_core::{Fact, Key, Outcome, Record};
use serde::{Deserialize, Serialize};

use super::desk::{DESK, Decision, Note, SIGNAL};
use super::drive::Aborted;
use super::error::Compensated;
use super::plan::{Kind, Plan, Reversal};
use super::{ABORT, DO, Saga, UNDO};

/// What became of a step so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StepState {
    /// It has not begun.
    Waiting,
    /// It has begun.
    Acting,
    /// It is done.
    Done,
    /// It has failed, and has not happened.
    Failed,
    /// It may have happened.
    InDoubt,
    /// It waits for an operator.
    Parked,
    /// It is being taken back.
    Undoing,
    /// It is taken back.
    Undone,
}

impl StepState {
    const ALL: [Self; 8] = [
        Self::Waiting,
        Self::Acting,
        Self::Done,
        Self::Failed,
        Self::InDoubt,
        Self::Parked,
        Self::Undoing,
        Self::Undone,
    ];

    /// In one word, as it is journaled and drawn.
    fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Acting => "acting",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::InDoubt => "in_doubt",
            Self::Parked => "parked",
            Self::Undoing => "undoing",
            Self::Undone => "undone",
        }
    }

    fn color(self) -> &'static str {
        match self {
            Self::Waiting => "#ffffff",
            Self::Acting => "#cfe8ff",
            Self::Done => "#c8f0c8",
            Self::Failed => "#f6c2c2",
            Self::InDoubt => "#ffe1a8",
            Self::Parked => "#e3c8f5",
            Self::Undoing => "#d9e6f2",
            Self::Undone => "#dddddd",
        }
    }
}

impl fmt::Display for StepState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.word().replace('_', " "))
    }
}

/// A step, and what became of it so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepStatus {
    /// Its name.
    pub step: Arc<str>,
    /// What became of it.
    pub state: StepState,
}

impl<I, O> Saga<I, O> {
    /// How far a run of this saga is, by the records of its journal, in the order in which the steps were
    /// added. `place` is the key of its context: `/deploy`, where a saga of that name is executed as the
    /// agent of a run.
    ///
    /// It needs no more than the records, so that it works while the saga runs, in another process, and
    /// when it has ended.
    pub fn status<'a>(
        &self,
        place: &Key,
        records: impl IntoIterator<Item = &'a Record>,
    ) -> Vec<StepStatus> {
        let mut reading = Reading::new(&self.plan, place);
        for record in records {
            reading.read(record);
        }
        let nodes = self.plan.graph.nodes.iter();
        let statuses = nodes.zip(reading.states);
        statuses.map(|(node, state)| StepStatus { step: node.name.clone(), state }).collect()
    }

    /// The steps in the language of Graphviz, coloured by their [status](Self::status) where there is
    /// one.
    pub fn to_dot(&self, status: &[StepStatus]) -> String {
        let mut dot = format!("digraph {} {{\n  rankdir=LR;\n", quoted(&self.name));
        dot.push_str("  node [shape=box, style=\"rounded,filled\", fillcolor=\"#ffffff\"];\n");
        for (step, node) in self.plan.graph.nodes.iter().enumerate() {
            let (state, name) = (state_of(status, &node.name), quoted(&node.name));
            let label = quoted(&self.label(step, state, "\n"));
            let color = state.map_or("#ffffff", StepState::color);
            // Writing to a string does not fail.
            let _ = writeln!(dot, "  {name} [label={label}, fillcolor=\"{color}\"];");
        }
        for node in &self.plan.graph.nodes {
            for after in &node.after {
                let (from, to) = (quoted(&self.plan.graph.nodes[*after].name), quoted(&node.name));
                let _ = writeln!(dot, "  {from} -> {to};");
            }
        }
        dot.push_str("}\n");
        dot
    }

    /// The steps as a flowchart of Mermaid, coloured by their [status](Self::status) where there is one.
    pub fn to_mermaid(&self, status: &[StepStatus]) -> String {
        let mut chart = String::from("flowchart LR\n");
        for (step, node) in self.plan.graph.nodes.iter().enumerate() {
            let state = state_of(status, &node.name);
            let label = self.label(step, state, "\n");
            let label: Vec<String> = label.lines().map(entities).collect();
            let class = state.map_or(String::new(), |state| format!(":::{}", state.word()));
            let _ = writeln!(chart, "  s{step}[\"{}\"]{class}", label.join("<br/>"));
        }
        for (step, node) in self.plan.graph.nodes.iter().enumerate() {
            for after in &node.after {
                let _ = writeln!(chart, "  s{after} --> s{step}");
            }
        }
        let drawn: Vec<StepState> =
            StepState::ALL.into_iter().filter(|s| status.iter().any(|st| st.state == *s)).collect();
        for state in drawn {
            let _ = writeln!(chart, "  classDef {} fill:{}", state.word(), state.color());
        }
        chart
    }

    /// The name, what cannot be taken back, and the state.
    fn label(&self, step: usize, state: Option<StepState>, newline: &str) -> String {
        let mut label = String::from(&*self.plan.graph.nodes[step].name);
        if matches!(self.plan.parts[step].reversal, Reversal::Never) {
            label.push_str(newline);
            label.push_str("cannot be taken back");
        }
        if let Some(state) = state {
            label.push_str(newline);
            label.push_str(&state.to_string());
        }
        label
    }
}

fn state_of(status: &[StepStatus], step: &str) -> Option<StepState> {
    status.iter().find(|status| &*status.step == step).map(|status| status.state)
}

fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{text}\"")
}

/// What Mermaid takes for markup in a label.
fn entities(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '<' | '>' | '&' | '#' | '`' | '\\' => {
                let _ = write!(out, "#{};", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// Reads records.
struct Reading<'a> {
    plan: &'a Plan,
    place: &'a Key,
    /// By the steps' names in keys.
    steps: HashMap<String, usize>,
    names: HashMap<&'a str, usize>,
    states: Vec<StepState>,
}

impl<'a> Reading<'a> {
    fn new(plan: &'a Plan, place: &'a Key) -> Self {
        let nodes = || plan.graph.nodes.iter().enumerate();
        let in_key = |name: &Arc<str>| Key::new("").child_at(&**name).as_str().to_owned();
        Self {
            plan,
            place,
            steps: nodes().map(|(step, node)| (in_key(&node.name), step)).collect(),
            names: nodes().map(|(step, node)| (&*node.name, step)).collect(),
            states: vec![StepState::Waiting; plan.parts.len()],
        }
    }

    fn read(&mut self, record: &Record) {
        let Some(rest) = record.key.as_str().strip_prefix(self.place.as_str()) else { return };
        if let Some((place, value)) = record.settlement() {
            if place == *self.place {
                if let Ok(ended) = value.decode::<Compensated>() {
                    self.set(ended.undone.iter().map(|name| &**name), StepState::Undone);
                    self.values_are(StepState::Undone);
                }
                return;
            }
            let abort = place.as_str().strip_prefix(self.place.as_str());
            if abort.and_then(|abort| abort.strip_prefix('/')) == Some(ABORT) {
                if let Ok(aborted) = value.decode::<Aborted>() {
                    self.set(std::iter::once(&*aborted.step), StepState::Failed);
                    let in_doubt = aborted.in_doubt.iter().map(String::as_str);
                    self.set(in_doubt, StepState::InDoubt);
                }
                return;
            }
        }
        let (rest, undoes) = match rest.strip_prefix('/').and_then(|rest| rest.strip_prefix(UNDO)) {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let Some(at) = rest.find(']') else { return };
        let (step, rest) = rest.split_at(at + 1);
        let Some(step) = self.steps.get(step).copied() else { return };
        if let Some(state) = self.state(step, undoes, rest, record) {
            self.states[step] = state;
            self.values_follow();
        }
    }

    /// What a record says of a step, `rest` being where in the step's place it stands.
    fn state(&self, step: usize, undoes: bool, rest: &str, record: &Record) -> Option<StepState> {
        let (place, inner) = split(rest.strip_prefix('/')?);
        if place == DESK {
            let is_decision = inner.strip_prefix('!') == Some(SIGNAL);
            return match &record.fact {
                Fact::Delivered { value } if is_decision => Some(match value.decode().ok()? {
                    Decision::Retry if undoes => StepState::Undoing,
                    Decision::Retry => StepState::Acting,
                    Decision::Skip | Decision::Resolve(_) if undoes => StepState::Undone,
                    Decision::Skip => StepState::Failed,
                    Decision::Resolve(_) => StepState::Done,
                }),
                Fact::Decided { value } => value.decode::<Note>().ok().map(|_| StepState::Parked),
                _ => None,
            };
        }
        // Of an agent its branch, of others their step, and not what lies further inside.
        let depth = match self.plan.parts[step].kind {
            Kind::Agent if !undoes => 0,
            _ => 1,
        };
        let is_own = inner.matches(['/', '[', '!', '@', ':']).count() == depth;
        if !is_own || place != (if undoes { UNDO } else { DO }) {
            return None;
        }
        Some(match (&record.fact, undoes) {
            (Fact::Intent { .. } | Fact::Entered { .. }, false) => StepState::Acting,
            (Fact::Receipt { outcome: Outcome::Err(_), .. } | Fact::Failed { .. }, false) => {
                StepState::Failed
            }
            (Fact::Receipt { .. }, false) => StepState::Done,
            (Fact::Receipt { outcome: Outcome::Ok(_) | Outcome::Withheld, .. }, true) => {
                StepState::Undone
            }
            (Fact::Intent { .. } | Fact::Receipt { .. } | Fact::Failed { .. }, true) => {
                StepState::Undoing
            }
            _ => return None,
        })
    }

    fn set<'b>(&mut self, names: impl Iterator<Item = &'b str>, state: StepState) {
        for name in names {
            if let Some(step) = self.names.get(name) {
                self.states[*step] = state;
            }
        }
    }

    /// What leaves nothing in the journal is done when what comes before it is.
    fn values_follow(&mut self) {
        for step in &self.plan.graph.order {
            if self.plan.parts[*step].kind == Kind::Value {
                let mut before = self.plan.graph.nodes[*step].after.iter();
                if before.all(|before| self.states[*before] == StepState::Done) {
                    self.states[*step] = StepState::Done;
                }
            }
        }
    }

    fn values_are(&mut self, state: StepState) {
        for (part, at) in self.plan.parts.iter().zip(&mut self.states) {
            if part.kind == Kind::Value && *at != StepState::Waiting {
                *at = state;
            }
        }
    }
}

/// A name without its ordinal, and what stands inside of it.
fn split(rest: &str) -> (&str, &str) {
    let end = rest.find(['/', '[', '!', '@', ':']).unwrap_or(rest.len());
    let (name, inner) = rest.split_at(end);
    (name.split_once('#').map_or(name, |(name, _)| name), inner)
}
