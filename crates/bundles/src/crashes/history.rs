use std::path::Path;
use std::sync::Arc;

use super::Tally;
use crate::action::Action;
use crate::disk::Disk;
use crate::disk::broken::{Breakage, BrokenDisk};
use crate::disk::sim::{Dice, Faults, Machine, Survival};
use crate::durability::Durability;
use crate::error::BundleError;
use crate::session::{Header, Meta, SessionId};
use crate::store::{Opening, Place};
use crate::writer::Driven;

const DIR: &str = "/data/sessions/one";
const LOG: &str = "/data/sessions/one/log.jsonl";

/// What is wrong with what the code did.
type Verdict<T = ()> = Result<T, String>;

/// A session through several processes, with what must be true of it.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Debug)]
pub(super) struct History {
    machine: Machine,
    breakage: Option<Breakage>,
    dice: Dice,
    durability: Durability,
    /// Whether this process may be refused anything.
    is_hostile: bool,
    /// The session that is known to exist.
    id: Option<SessionId>,
    /// Everything that may be found, in order.
    model: Vec<Action>,
    /// How many of them the death of the process must leave.
    acknowledged: usize,
    /// How many of them the loss of power must leave.
    durable: usize,
    /// The last process let go in good order, so that there is nothing to erase.
    orderly: bool,
    /// What the disk kept cannot be told from damage: a part of what was not synced behind a lost
    /// one, or what a failed sync left.
    excused: bool,
    /// The power failed after a sync failed, and the history ends with what that has left.
    doubtful: bool,
    over: bool,
    crashes_in_a_row: u64,
    texts: u64,
    tally: Tally,
}

impl History {
    pub(super) fn new(seed: u64, breakage: Option<Breakage>) -> Self {
        Self {
            machine: Machine::new(seed),
            breakage,
            dice: Dice::new(!seed),
            durability: Durability::Synced,
            is_hostile: false,
            id: None,
            model: Vec::new(),
            acknowledged: 0,
            durable: 0,
            orderly: true,
            excused: false,
            doubtful: false,
            over: false,
            crashes_in_a_row: 0,
            texts: 0,
            tally: Tally { histories: 1, ..Tally::default() },
        }
    }

    /// Lives it, and says what is wrong with it.
    pub(super) fn run(mut self) -> Verdict<Tally> {
        for _ in 0..2 + self.dice.below(6) {
            self.is_hostile = false;
            self.suffer_something();
            self.live()?;
            if self.over {
                return Ok(self.tally);
            }
            self.machine.set_faults(Faults::default());
            self.end();
        }
        // What it all came to, twice, because what is found must stay.
        self.is_hostile = false;
        for _ in 0..2 {
            while !self.over && self.open()?.is_none() {}
            self.crash(Survival::Any);
        }
        Ok(self.tally)
    }

    fn suffer_something(&mut self) {
        let faults = self.draw_faults();
        let short_is_all = Faults { short: faults.short, ..Faults::default() };
        self.is_hostile |= faults != short_is_all;
        self.machine.set_faults(faults);
    }

    fn draw_faults(&mut self) -> Faults {
        let mut faults = Faults::default();
        let coin = self.dice.chance(1, 2);
        match self.dice.below(13) {
            0 | 1 => faults.dies_after = Some(self.dice.below(25)),
            2 | 3 => faults.dies_after = Some(self.dice.below(90)),
            4 => faults.room = Some(self.dice.below(4000)),
            5 => (faults.read_only, faults.forbidden) = (coin, !coin),
            6 => (faults.sync_fails, faults.cut_fails) = (true, coin),
            7 => (faults.room, faults.cut_fails) = (Some(self.dice.below(2000)), true),
            8 => faults.short = true,
            9 => faults.fails_after = Some(self.dice.below(40)),
            _ => {}
        }
        faults
    }

    /// A process, from opening the session to letting go of it.
    fn live(&mut self) -> Verdict {
        self.durability =
            if self.dice.chance(2, 3) { Durability::Synced } else { Durability::Buffered };
        let Some(mut session) = self.open()? else { return Ok(()) };
        self.orderly = true;
        for _ in 0..self.dice.below(8) {
            match self.dice.below(10) {
                0..=5 => self.append(&mut session)?,
                6 => self.read(&mut session)?,
                7 => self.intrude()?,
                8 => return self.close(&mut session),
                _ => self.suffer_something(),
            }
        }
        Ok(())
    }

    /// What happens between two processes.
    fn end(&mut self) {
        match self.dice.below(6) {
            0 => {}
            1 => {
                self.tally.kills += 1;
                self.machine.kill();
            }
            2 | 3 => self.crash(Survival::InOrder),
            _ => self.crash(Survival::Any),
        }
    }

    fn crash(&mut self, survival: Survival) {
        self.doubtful |= self.machine.is_in_doubt(Path::new(LOG));
        self.excused |= !self.machine.crash(survival) || self.doubtful;
        self.orderly = false;
        self.acknowledged = self.durable;
        self.tally.crashes += 1;
        self.crashes_in_a_row += 1;
        self.tally.in_a_row = self.tally.in_a_row.max(self.crashes_in_a_row);
    }

    fn place(&self) -> Place {
        let disk = self.machine.disk();
        let disk: Arc<dyn Disk> = match self.breakage {
            Some(breakage) => Arc::new(BrokenDisk::new(disk, breakage)),
            None => Arc::new(disk),
        };
        Place::new(disk, DIR.into())
    }

    fn log(&self) -> Option<Vec<u8>> {
        self.machine.content(Path::new(LOG))
    }

    /// Opens the session and judges what is found; `None` if that was refused for a good reason.
    fn open(&mut self) -> Verdict<Option<Driven>> {
        self.texts += 1;
        let id = format!("0198a6c0-5a00-7abc-8def-{:012x}", self.texts);
        let header = Header::new(id.parse().unwrap(), 1, Meta::new("simulated"));
        let before = self.log();
        let opening = match (self.dice.chance(1, 2), self.id) {
            (true, Some(_)) => Opening::Remount,
            (true, None) if before.is_none() => Opening::Create(header),
            _ => Opening::RemountOrCreate(header),
        };
        self.tally.opened += 1;
        let mut session = match Driven::open(self.place(), opening, self.durability) {
            Ok(session) => session,
            Err(error) => return self.refused(before, error).map(|()| None),
        };
        if self.id.is_some_and(|id| id != session.id) {
            return Err("another session stands where one was acknowledged".into());
        }
        self.id = Some(session.id);
        self.check_erased(before, &session)?;
        let entries = match session.actions() {
            Ok(entries) => entries,
            Err(error) => {
                self.check_failure(&error)?;
                return Ok(None);
            }
        };
        let found: Vec<Action> = entries.into_iter().map(|entry| entry.action).collect();
        if self.doubtful {
            // Lines that were cut off may be back, and the system never said so.
            self.over = true;
            self.tally.doubtful += 1;
            let kept = found.starts_with(&self.model[..self.durable]);
            return if kept { Ok(None) } else { Err("what was durable before is gone".into()) };
        }
        if !self.model.starts_with(&found) {
            let model = &self.model;
            return Err(format!("found {found:?}, which is no prefix of {model:?}"));
        }
        if found.len() < self.acknowledged {
            return Err(format!("{} found, {} acknowledged", found.len(), self.acknowledged));
        }
        self.model = found;
        self.acknowledged = self.model.len();
        self.now_durable();
        self.excused = false;
        self.crashes_in_a_row = 0;
        Ok(Some(session))
    }

    /// What recovery says that it erased is what is gone.
    fn check_erased(&mut self, before: Option<Vec<u8>>, session: &Driven) -> Verdict {
        let length = |bytes: Option<Vec<u8>>| bytes.map_or(0, |b| u64::try_from(b.len()).unwrap());
        let (before, after) = (length(before), length(self.log()));
        let erased = session.recovery.map_or(0, |recovery| recovery.erased_bytes);
        self.tally.erased_bytes += erased;
        if after + erased != before {
            return Err(format!("{before} bytes, then {after}, {erased} reported as erased"));
        }
        if self.orderly && erased > 0 {
            return Err(format!("{erased} bytes erased behind an orderly end"));
        }
        Ok(())
    }

    fn refused(&mut self, before: Option<Vec<u8>>, error: BundleError) -> Verdict {
        match error {
            BundleError::Damaged { path, offset, .. } if self.excused && path == Path::new(LOG) => {
                if self.log() != before {
                    return Err("a damaged log was changed".into());
                }
                // Whoever repairs it cuts it where it is damaged, which costs nothing acknowledged.
                let mut log = before.unwrap_or_default();
                log.truncate(usize::try_from(offset).unwrap());
                self.machine.replace(Path::new(LOG), log);
                self.tally.refused += 1;
                Ok(())
            }
            error => self.check_failure(&error),
        }
    }

    /// A failure has a reason, and says it.
    fn check_failure(&mut self, error: &BundleError) -> Verdict {
        self.orderly = false;
        match error {
            BundleError::Io { .. } | BundleError::Stopped { .. } if self.is_hostile => {
                self.tally.failures += 1;
                Ok(())
            }
            error => Err(format!("failed without a reason: {error}")),
        }
    }

    fn append(&mut self, session: &mut Driven) -> Verdict {
        let count = 1 + self.dice.up_to(4);
        let actions: Vec<Action> = (0..count).map(|_| self.note()).collect();
        let first = self.model.len();
        self.model.extend_from_slice(&actions);
        let mut failed = false;
        for (place, answer) in (first..).zip(session.append(&actions)) {
            match answer {
                Ok(seq) if failed || usize::try_from(seq) != Ok(place) => {
                    return Err(format!("action {place} was acknowledged as {seq}"));
                }
                Ok(_) => {}
                Err(error) => {
                    failed = true;
                    self.check_failure(&error)?;
                }
            }
        }
        if !failed {
            self.tally.acknowledged += u64::try_from(count).unwrap();
            self.acknowledged = self.model.len();
            if self.durability == Durability::Synced {
                self.now_durable();
            }
        }
        Ok(())
    }

    fn note(&mut self) -> Action {
        self.texts += 1;
        let most = if self.dice.chance(1, 3) { 2500 } else { 60 };
        let fill = "x".repeat(self.dice.up_to(most));
        Action::Note { text: format!("{} {fill}", self.texts) }
    }

    fn read(&mut self, session: &mut Driven) -> Verdict {
        match session.actions() {
            Ok(entries) if self.model.iter().eq(entries.iter().map(|entry| &entry.action)) => {
                Ok(())
            }
            Ok(_) => Err("what is read is not what was appended".into()),
            Err(error) => self.check_failure(&error),
        }
    }

    /// A second opener is kept out.
    fn intrude(&mut self) -> Verdict {
        match Driven::open(self.place(), Opening::Remount, self.durability) {
            Err(BundleError::OpenElsewhere { .. }) => Ok(()),
            Err(error) => self.check_failure(&error),
            // One that stopped has let go.
            Ok(_) if self.is_hostile => Ok(()),
            Ok(_) => Err("two have the session open".into()),
        }
    }

    fn close(&mut self, session: &mut Driven) -> Verdict {
        if self.model.last() != Some(&Action::Closed) {
            self.model.push(Action::Closed);
        }
        match session.close() {
            Ok(()) => {
                self.acknowledged = self.model.len();
                self.now_durable();
                Ok(())
            }
            Err(error) => self.check_failure(&error),
        }
    }

    /// Everything acknowledged has been synced, and is durable unless a sync failed before.
    fn now_durable(&mut self) {
        if !self.machine.is_in_doubt(Path::new(LOG)) {
            self.durable = self.acknowledged;
        }
    }
}
