//! What must be so of a saga, seen from outside.

use std::collections::{BTreeMap, BTreeSet};

use maniple_core::Effect;
use maniple_orchestration::Compensated;

use crate::program::*;
use crate::world::*;

/// What is so of whatever has happened, however often a process died.
pub(crate) fn check_order(program: &Program, world: &World) {
    assert_eq!(world.violations(), [""; 0], "nothing forbidden has happened");
    assert_eq!(world.going(), 0, "nothing is at work any more");
    assert!(world.most() <= program.concurrency, "at most so many are at work");
    let seen = world.seen();
    let first = |name: &str, event| seen.iter().position(|(n, e)| n == name && *e == event);
    let last = |name: &str| seen.iter().rposition(|(n, _)| n == name);
    let aborted = seen.iter().position(|(_, event)| *event == Event::BeginsUndo);
    let leaves = program.leaves();
    // A step that cannot be taken back may be done because an operator says so.
    let is_said = |name: &str| {
        leaves.iter().any(|leaf| leaf.name == name && leaf.spec.reversal == Reversal::Never)
    };
    for leaf in &leaves {
        if let Some(begins) = first(&leaf.name, Event::Begins) {
            for above in leaf.above.iter().filter(|above| !is_said(above)) {
                let ended = first(above, Event::Ends);
                assert!(ended.is_some_and(|at| at < begins), "{} before {above}", leaf.name);
            }
        }
        let began = seen.iter().rposition(|s| *s == (leaf.name.clone(), Event::Begins));
        if let (Some(began), Some(aborted)) = (began, aborted) {
            assert!(began < aborted, "{} begins when the saga is taken back", leaf.name);
        }
        for above in &leaf.above {
            if let Some(undo) = first(above, Event::BeginsUndo) {
                let last = last(&leaf.name);
                assert!(last.is_none_or(|at| at < undo), "{above} before {}", leaf.name);
            }
        }
    }
}

pub(crate) fn check_committed(program: &Program, world: &World) {
    let undone = world.seen().into_iter().find(|(_, event)| *event == Event::BeginsUndo);
    assert_eq!(undone, None, "what is committed is not taken back");
    for leaf in program.leaves() {
        let stands = world.standing().contains(&leaf.name);
        // What an operator says of a step that cannot be taken back, is believed.
        let is_said = leaf.spec.reversal == Reversal::Never;
        assert!(
            stands || is_said || leaf.spec.effect == Effect::Pure,
            "{} has happened",
            leaf.name
        );
    }
}

pub(crate) fn check_compensated(program: &Program, world: &World, ended: &Compensated) {
    let standing = world.standing();
    for Leaf { name, spec, .. } in program.leaves() {
        let is_by_hand = ended.by_hand.iter().any(|by_hand| **by_hand == *name);
        assert!(!is_by_hand || spec.reversal != Reversal::Nothing, "{name} needs no hand");
        if spec.reversal == Reversal::By && !is_by_hand {
            assert!(!standing.contains(&name), "{name} is taken back");
        }
        let is_told = ended.undone.iter().any(|undone| **undone == *name);
        let is_undone = is_undone(world, &name);
        assert!(!is_undone || is_told, "{name} is told of");
        if spec.reversal == Reversal::By && is_told && !is_by_hand {
            assert!(is_undone, "{name} is told of and was taken back");
        }
        if standing.contains(&name) && spec.reversal == Reversal::Nothing {
            assert!(is_told, "{name} stands, and is told of");
        }
    }
}

fn is_undone(world: &World, name: &str) -> bool {
    world.seen().contains(&(name.to_owned(), Event::IsUndone))
}

/// What may have become of a step, by what was seen of it in a process that did not die.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Untouched,
    /// It says that it has not happened.
    Refused,
    Done,
    Doubtful,
}

pub(crate) fn fates(program: &Program, world: &World) -> BTreeMap<String, Fate> {
    let seen = world.seen();
    let fate = |leaf: &Leaf| {
        let of = |event| seen.iter().rposition(|(n, e)| *n == leaf.name && *e == event);
        let began = of(Event::Begins);
        match began {
            None => Fate::Untouched,
            Some(began) if of(Event::Refuses).is_some_and(|at| at > began) => Fate::Refused,
            Some(began) if of(Event::Answers).is_some_and(|at| at > began) => Fate::Done,
            Some(_) => Fate::Doubtful,
        }
    };
    program.leaves().into_iter().map(|leaf| (leaf.name.clone(), fate(&leaf))).collect()
}

/// The steps that have to be taken back, and those that may be.
pub(crate) fn to_undo(program: &Program, world: &World) -> (BTreeSet<String>, BTreeSet<String>) {
    let fates = fates(program, world);
    let (mut must, mut may) = (BTreeSet::new(), BTreeSet::new());
    for Leaf { name, spec, .. } in program.leaves() {
        let is_pure = spec.effect == Effect::Pure;
        let (is_needed, is_allowed) = match fates[&name] {
            // An agent may have begun without getting as far as its work.
            Fate::Untouched => (false, spec.is_agent && !is_pure),
            Fate::Refused => {
                let has_worked = spec.is_agent && !is_pure;
                (has_worked, has_worked)
            }
            Fate::Done => (true, true),
            Fate::Doubtful => (!is_pure, !is_pure),
        };
        if is_needed {
            must.insert(name.clone());
        }
        if is_allowed {
            may.insert(name);
        }
    }
    (must, may)
}
