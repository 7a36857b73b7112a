//! A session through several processes.

mod acts;
mod erased;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use erased::behind_action;

use super::model::{Model, Verdict};
use super::tally::Tally;
use crate::disk::Disk;
use crate::disk::broken::{Breakage, BrokenDisk};
use crate::disk::sim::{Dice, Faults, Machine, Survival};
use crate::durability::Durability;
use crate::error::BundleError;
use crate::format::read_document;
use crate::session::{Header, Meta, SessionId};
use crate::state::State;
use crate::store::file::broken::Rule;
use crate::store::{Document, FileStore};
use crate::writer::{Driven, Opening};

const ROOT: &str = "/data/sessions";

/// What is broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    Nothing,
    /// A promise of the disk.
    Disk(Breakage),
    /// A rule of the store.
    Rule(Rule),
}

/// A session through several processes, with what must be true of it.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Debug)]
pub(super) struct History {
    machine: Machine,
    broken: Broken,
    dice: Dice,
    durability: Durability,
    faults: Faults,
    /// The process that has the session open.
    process: u64,
    /// Whether something may be refused until the session is opened again.
    is_stopped: bool,
    /// Whether this bundle has refused something.
    has_failed: bool,
    /// The session that is known to exist.
    id: Option<SessionId>,
    /// Whether somebody tried to make one.
    is_tried: bool,
    model: Model,
    /// The last process let go in good order, so that there is nothing to erase.
    orderly: bool,
    /// Up to where the snapshot that was acknowledged goes.
    snapshot: u64,
    crashes_in_a_row: u64,
    texts: u64,
    tally: Tally,
}

impl History {
    pub(super) fn new(seed: u64, broken: Broken) -> Self {
        Self {
            machine: Machine::new(seed),
            broken,
            dice: Dice::new(!seed),
            durability: Durability::Synced,
            faults: Faults::default(),
            process: 0,
            is_stopped: false,
            has_failed: false,
            id: None,
            is_tried: false,
            model: Model::default(),
            orderly: true,
            snapshot: 0,
            crashes_in_a_row: 0,
            texts: 0,
            tally: Tally { histories: 1, ..Tally::default() },
        }
    }

    /// Lives it, and says what is wrong with it.
    pub(super) fn run(mut self) -> Verdict<Tally> {
        Rule::break_only(match self.broken {
            Broken::Rule(rule) => Some(rule),
            Broken::Nothing | Broken::Disk(_) => None,
        });
        for _ in 0..2 + self.dice.below(6) {
            self.suffer_something();
            self.live()?;
            self.suffer(Faults::default());
            self.end();
        }
        // What it all came to, twice, because what is found must stay.
        for _ in 0..2 {
            if self.open()?.is_none() {
                return Err("refused, and nothing fails".into());
            }
            self.crash(Survival::Any);
        }
        Ok(self.tally)
    }

    fn suffer_something(&mut self) {
        let faults = self.draw_faults();
        self.suffer(faults);
    }

    fn suffer(&mut self, faults: Faults) {
        self.faults = faults.clone();
        self.machine.set_faults(faults);
    }

    fn draw_faults(&mut self) -> Faults {
        let mut faults = Faults::default();
        let coin = self.dice.chance(1, 2);
        match self.dice.below(18) {
            0 => faults.dies_after = Some(self.dice.below(25)),
            1 => faults.dies_after = Some(self.dice.below(90)),
            2 | 3 => faults.dies_after = Some(self.dice.below(300)),
            4 => faults.room = Some(self.dice.below(6000)),
            5 => (faults.read_only, faults.forbidden) = (coin, !coin),
            6 => (faults.sync_fails, faults.cut_fails) = (true, coin),
            7 => (faults.room, faults.cut_fails) = (Some(self.dice.below(2000)), true),
            8 => faults.short = true,
            9 | 10 => faults.fails_after = Some(self.dice.below(120)),
            11 => faults.sync_dir_fails = true,
            12 => faults.cut_fails = true,
            13 => faults.sync_fails_after = Some(self.dice.below(25)),
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
        for _ in 0..self.dice.below(14) {
            match self.dice.below(20) {
                0..=9 => self.append(&mut session)?,
                10 => self.read(&mut session)?,
                11 => self.intrude()?,
                12 => {
                    self.perhaps_fail_a_sync(4);
                    return self.close(&mut session);
                }
                13 => self.snapshot(&mut session)?,
                14 => self.sync(&mut session)?,
                15 => {
                    self.perhaps_fail_a_sync(16);
                    self.tidy(&mut session)?;
                }
                16 => self.suffer(Faults::default()),
                _ => self.suffer_something(),
            }
        }
        if self.dice.chance(1, 2) {
            session.finish();
        }
        Ok(())
    }

    /// One of the next syncs fails, where it would seldom be met by chance.
    fn perhaps_fail_a_sync(&mut self, soon: u64) {
        if self.dice.chance(1, 4) {
            let sync_fails_after = Some(self.dice.below(soon));
            self.suffer(Faults { sync_fails_after, ..Faults::default() });
        }
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
        self.machine.crash(survival);
        self.orderly = false;
        self.model.lose_power();
        self.tally.crashes += 1;
        self.crashes_in_a_row += 1;
        self.tally.in_a_row = self.tally.in_a_row.max(self.crashes_in_a_row);
    }

    fn store(&self) -> Arc<FileStore> {
        let disk = self.machine.disk();
        let disk: Arc<dyn Disk> = match self.broken {
            Broken::Disk(breakage) => Arc::new(BrokenDisk::new(disk, breakage)),
            Broken::Nothing | Broken::Rule(_) => Arc::new(disk),
        };
        Arc::new(FileStore::on(disk, ROOT.into()))
    }

    /// Opens the session and judges what is found; `None` if that was refused for a good reason.
    fn open(&mut self) -> Verdict<Option<Driven>> {
        self.texts += 1;
        let id = format!("0198a6c0-5a00-7abc-8def-{:012x}", self.texts);
        let header = Header::new(id.parse().unwrap(), 1, Meta::new("simulated"));
        let opening = match (self.dice.chance(1, 2), self.id) {
            (true, Some(id)) => Opening::Remount(id),
            (true, None) if !self.is_tried => Opening::Create(header),
            _ => Opening::RemountOrCreate(header),
        };
        self.is_tried = true;
        self.process = self.machine.process();
        (self.is_stopped, self.has_failed) = (false, false);
        self.tally.opened += 1;
        let before = self.last_chunk();
        let mut session = match Driven::open(self.store(), opening, self.durability) {
            Ok(session) => session,
            Err(error) => return self.check_failure(&error).map(|()| None),
        };
        if self.id.is_some_and(|id| id != session.id) {
            return Err("another session stands where one was acknowledged".into());
        }
        self.id = Some(session.id);
        let entries = match session.entries() {
            Ok(entries) => entries,
            Err(error) => return self.check_failure(&error).map(|()| None),
        };
        if let Some(bad) = &session.remounted.bad_snapshot {
            return Err(format!("a snapshot is not whole: {bad}"));
        }
        self.check_erased(before, u64::try_from(entries.len()).unwrap(), &session)?;
        let mut state = State::default();
        entries.iter().cloned().for_each(|entry| state.apply(entry));
        if session.state() != Some(state) {
            return Err("the state is not what the actions come to".into());
        }
        self.model.find(entries.into_iter().map(|entry| entry.action).collect())?;
        self.check_snapshot()?;
        let chunks = self.chunks().len();
        self.tally.chunks = self.tally.chunks.max(u64::try_from(chunks).unwrap());
        self.crashes_in_a_row = 0;
        Ok(Some(session))
    }

    fn dir(&self) -> Option<PathBuf> {
        Some(Path::new(ROOT).join(self.id?.to_string()))
    }

    fn chunks(&self) -> Vec<PathBuf> {
        let Some(dir) = self.dir() else { return Vec::new() };
        let paths = self.machine.names(&dir).into_iter().map(|name| dir.join(name));
        paths.filter(|path| path.extension().is_some_and(|kind| kind == "jsonl")).collect()
    }

    fn last_chunk(&self) -> Option<Vec<u8>> {
        self.machine.content(self.chunks().last()?)
    }

    /// What recovery says that it erased is what was behind the last action that is left.
    fn check_erased(&mut self, before: Option<Vec<u8>>, actions: u64, session: &Driven) -> Verdict {
        let erased = session.remounted.recovery.map_or(0, |recovery| recovery.erased_bytes);
        let behind = before.map_or(0, |chunk| behind_action(&chunk, actions));
        self.tally.recoveries += u64::from(erased > 0);
        self.tally.erased_bytes += erased;
        if u64::try_from(behind).unwrap() != erased {
            return Err(format!("{behind} bytes behind the last action, {erased} erased"));
        }
        if session.remounted.recovery.is_some_and(|recovery| recovery.seq != actions) {
            return Err(format!("{actions} actions, {:?}", session.remounted.recovery));
        }
        if self.orderly && erased > 0 {
            return Err(format!("{erased} bytes erased behind an orderly end"));
        }
        Ok(())
    }

    /// The snapshot is whole, and not older than the one that was acknowledged.
    fn check_snapshot(&self) -> Verdict {
        let path = self.dir().unwrap_or_default().join("snapshot.json");
        let actions = match self.machine.content(&path) {
            Some(bytes) => {
                let snapshot: serde_json::Value = read_document(Document::Snapshot, &bytes, &path)
                    .map_err(|error| error.to_string())?;
                snapshot["actions"].as_u64().ok_or("a snapshot without a number")?
            }
            None => 0,
        };
        if actions < self.snapshot {
            return Err(format!("a snapshot of {actions} actions, not of {}", self.snapshot));
        }
        Ok(())
    }

    /// Whether the system may refuse something now.
    fn is_hostile(&self) -> bool {
        let short_is_all = Faults { short: self.faults.short, ..Faults::default() };
        self.faults != short_is_all || self.machine.process() != self.process
    }

    /// A failure has a reason, and says it.
    fn check_failure(&mut self, error: &BundleError) -> Verdict {
        self.orderly = false;
        self.has_failed = true;
        self.tally.failures += 1;
        match error {
            BundleError::Io { .. } if self.is_hostile() => {}
            BundleError::Stopped { source, .. } => match &**source {
                BundleError::Io { attempt, .. } if attempt.starts_with("sync") => {
                    self.tally.stopped += u64::from(!self.is_stopped);
                    self.is_stopped = true;
                }
                other => return Err(format!("stopped where no sync failed: {other}")),
            },
            error => return Err(format!("failed without a reason: {error}")),
        }
        Ok(())
    }
}
