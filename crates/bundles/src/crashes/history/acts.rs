//! What a process does with a session while it has it open.

use super::{History, Verdict};
use crate::action::Action;
use crate::disk::sim::Faults;
use crate::durability::Durability;
use crate::error::BundleError;
use crate::writer::{Driven, Opening, Worker};

impl History {
    pub(super) fn append(&mut self, session: &mut Driven) -> Verdict {
        let count = 1 + self.dice.up_to(4);
        let actions: Vec<Action> = (0..count).map(|_| self.action()).collect();
        self.append_these(session, &actions)?;
        // A host tries again.
        if self.has_failed && self.dice.chance(1, 2) {
            if self.dice.chance(1, 2) {
                self.suffer(Faults::default());
            }
            let again = 1 + self.dice.up_to(count - 1);
            self.append_these(session, &actions[..again])?;
        }
        Ok(())
    }

    fn append_these(&mut self, session: &mut Driven, actions: &[Action]) -> Verdict {
        let first = self.model.actions.len();
        let mut failed = false;
        for (place, answer) in (first..).zip(session.append(actions)) {
            match answer {
                Ok(seq) if failed || usize::try_from(seq) != Ok(place) => {
                    return Err(format!("action {place} was acknowledged as {seq}"));
                }
                Ok(_) => {}
                Err(_) if !failed && place > first => {
                    return Err("a group was acknowledged in part".into());
                }
                Err(error) => {
                    failed = true;
                    self.check_failure(&error)?;
                }
            }
        }
        if failed {
            self.model.refuse(actions);
            return Ok(());
        }
        if self.is_stopped {
            return Err("a bundle whose sync failed takes more".into());
        }
        self.tally.acknowledged += u64::try_from(actions.len()).unwrap();
        self.tally.after_failures += u64::from(self.has_failed);
        self.model.acknowledge(actions, self.durability == Durability::Synced);
        Ok(())
    }

    fn action(&mut self) -> Action {
        self.texts += 1;
        let text = match self.dice.below(16) {
            0..=10 => format!("{} {}", self.texts, "x".repeat(self.dice.up_to(60))),
            11..=13 => format!("{} {}", self.texts, "x".repeat(self.dice.up_to(2500))),
            14 => format!("{} {}", self.texts, "y".repeat(4200)),
            // One of a few, so that blobs are shared.
            _ => format!("{} {}", self.dice.below(3), "z".repeat(4700)),
        };
        self.tally.blobs += u64::from(text.len() > 4096);
        if self.dice.chance(1, 4) {
            let key = self.dice.below(3).to_string();
            let value = maniple_core::Payload::encode(&text).unwrap();
            return Action::Set { key, value };
        }
        Action::Note { text }
    }

    pub(super) fn read(&mut self, session: &mut Driven) -> Verdict {
        match session.entries() {
            Ok(entries)
                if self.model.actions.iter().eq(entries.iter().map(|entry| &entry.action)) =>
            {
                Ok(())
            }
            Ok(_) => Err("what is read is not what was appended".into()),
            Err(error) => self.check_failure(&error),
        }
    }

    /// A second opener is kept out.
    pub(super) fn intrude(&mut self) -> Verdict {
        let Some(id) = self.id.filter(|_| self.machine.process() == self.process) else {
            return Ok(());
        };
        match Driven::open(self.store(), Opening::Remount(id), self.durability) {
            Err(BundleError::OpenElsewhere { .. }) => Ok(()),
            Err(error) => self.check_failure(&error),
            Ok(_) => Err("two have the session open".into()),
        }
    }

    pub(super) fn snapshot(&mut self, session: &mut Driven) -> Verdict {
        match session.act(Worker::snapshot) {
            Ok(()) => {
                self.model.all_durable();
                let actions = u64::try_from(self.model.actions.len()).unwrap();
                self.snapshot = actions;
                self.tally.snapshots += 1;
                Ok(())
            }
            Err(error) => self.check_failure(&error),
        }
    }

    pub(super) fn sync(&mut self, session: &mut Driven) -> Verdict {
        match session.act(Worker::sync) {
            Ok(()) => {
                self.model.all_durable();
                Ok(())
            }
            Err(error) => self.check_failure(&error),
        }
    }

    pub(super) fn tidy(&mut self, session: &mut Driven) -> Verdict {
        match session.act(|worker| worker.writer().tidy()) {
            Ok(()) => {
                self.model.all_durable();
                self.tally.tidied += 1;
                Ok(())
            }
            Err(error) => self.check_failure(&error),
        }
    }

    pub(super) fn close(&mut self, session: &mut Driven) -> Verdict {
        match session.close() {
            Ok(()) => {
                self.model.all_durable();
                self.tally.closed += 1;
                Ok(())
            }
            Err(error) => self.check_failure(&error),
        }
    }
}
