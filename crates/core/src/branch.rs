//! Parts of a run whose result is recorded as a whole, and how patterns settle them.

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::broken::Rule;
use crate::budget::Budget;
use crate::context::RunContext;
use crate::context::latch::is_over;
use crate::error::AgentError;
use crate::event::EventKind;
use crate::identity::Key;
use crate::journal::{Fact, Open, Standing};
use crate::run::count;
use crate::step::{AtWork, decode, encode, receipt};

impl RunContext {
    /// Runs a durable branch, named by the path of this context: when the journal holds its result,
    /// that is returned and nothing runs.
    ///
    /// It is the first and only thing that is opened in its context.
    ///
    /// A branch is not a step: one that was entered and has no result, or one that a store has
    /// [withheld](crate::Record::withhold), is entered again, and the steps in it replay. What it does outside of steps happens at least once.
    ///
    /// # Errors
    /// Those of `work`; and as for [`step`](Self::step), except that a branch needs no permission
    /// and reserves no budget.
    ///
    /// # Cancel safety
    /// A dropped branch is entered again on resume.
    pub async fn branch<I, O, F, Fut>(&self, input: I, work: F) -> Result<O, AgentError>
    where
        I: Serialize + Send,
        O: Serialize + DeserializeOwned + Send,
        F: FnOnce(I) -> Fut + Send,
        Fut: Future<Output = Result<O, AgentError>> + Send,
    {
        let key = self.node.path();
        self.check_not_nested(|| key.clone())?;
        self.check_open()?;
        if self.node.is_used() {
            return Err(AgentError::PlaceInUse { key: key.clone(), what: "a branch" });
        }
        let run = &self.env().run;
        let digest = self.digest(key, &input)?;
        let worked = run.clock.worked();
        // Asked before it is known whether it matters: a replay takes no notice of the answer.
        let fresh = self.check_at(worked);
        let visit = run.enter_branch(key, digest, worked, fresh.is_ok());
        let _at_work = AtWork::of(self, key, &visit)?;
        self.env().lease.replay(visit.used);
        match visit.standing {
            Standing::Done(answer) => {
                count(&run.counters.branches_replayed, 1);
                run.emit(|| key.clone(), || EventKind::Replayed);
                self.end_place();
                return decode(key, answer);
            }
            Standing::Abandoned => return Err(AgentError::Cancelled { key: key.clone() }),
            Standing::Diverged(found) => {
                return Err(AgentError::Diverged { key: key.clone(), found: found.into() });
            }
            Standing::Ready => fresh?,
            Standing::Open(..) | Standing::InFlight => {}
        }
        count(&run.counters.branches_run, 1);
        let result = match work(input).await {
            Ok(output) => encode(key, &output),
            Err(error) => Err(error),
        };
        let (answer, result) = match result {
            Ok((payload, output)) => (Ok(payload), Ok(output)),
            Err(error) if self.is_receipt(&error) => (Err(error.recorded()), Err(error)),
            Err(error) => {
                self.check_unfenced()?;
                if error.class().is_certain() {
                    let failed = Fact::Failed { error: error.recorded(), spent: Budget::ZERO };
                    let _ = self.record(key, failed)?.await;
                }
                return Err(error);
            }
        };
        let live = self.unfenced()?;
        let receipt = move |spent| receipt(digest, answer, spent);
        let settled = run.record_at(visit.spot, key, move |history| {
            // One that has outlived the branch around it has been forgotten with all that is in there.
            if is_over(&live, key, history) || !history.is_recorded(visit.spot) {
                return Err(None);
            }
            match history.settled_inside(visit.spot) {
                Some(spent) => Ok(receipt(spent)),
                None => Err(Some(receipt)),
            }
        });
        match settled {
            Ok(durable) => durable.await?,
            Err(None) => return Err(AgentError::Cancelled { key: key.clone() }),
            Err(Some(receipt)) => {
                // In a box, since few branches come by here, and all would be larger by it.
                Box::pin(self.close_inside()).await?;
                let used = run.history().used_inside(visit.spot);
                self.record(key, receipt(used))?.await?;
            }
        }
        self.end_place();
        result
    }

    /// A branch that has ended is all that there is in its context: its receipt has made the journal
    /// forget the rest.
    fn end_place(&self) {
        let ended = AgentError::PlaceInUse { key: self.path(), what: "what follows a branch" };
        let _ = self.node.anchor().latch.set(ended);
    }

    /// Ends a pattern that will not come by its children again: what is open inside the
    /// [keyed](Self::child_at) children of this context is closed. Branches and repeatable steps are
    /// abandoned, signals withdrawn, and other steps put to the reconciler.
    ///
    /// # Errors
    /// `Parked` where the reconciler cannot tell what became of a step, or the journal has stopped.
    ///
    /// # Cancel safety
    /// Cancel safe: what is closed stays closed.
    pub async fn close_children(&self) -> Result<(), AgentError> {
        let open = {
            let mut history = self.env().run.history();
            history.pass_inside(self.node.path());
            history.open_in_children(self.node.path())
        };
        self.close(open).await
    }

    /// The steps inside this context whose effect may have happened: their last try has an intent and no
    /// end, or an earlier one had none and the last has failed. A pure step has no effect, and is none
    /// of them.
    pub fn in_doubt(&self) -> Vec<Key> {
        self.env().run.history().in_doubt_inside(self.node.path())
    }

    /// The steps inside this context that have succeeded with an output that a store has
    /// [withheld](crate::Record::withhold), and that nobody has told since. A pure step is none of them.
    pub fn withheld(&self) -> Vec<Key> {
        self.env().run.history().withheld_inside(self.node.path())
    }

    /// Whether anything is journaled of this context, or inside of it.
    pub fn has_records(&self) -> bool {
        self.env().run.history().has_entries(self.node.path())
    }

    /// Ends what nobody will come by again: what is open inside this context is closed, steps in doubt
    /// too. Nobody is asked what became of those, so the caller answers for it, as one does who has
    /// taken their effects back.
    ///
    /// # Errors
    /// `Parked` where the journal has stopped.
    ///
    /// # Cancel safety
    /// Cancel safe: what is closed stays closed.
    pub async fn abandon(&self) -> Result<(), AgentError> {
        let open = {
            let mut history = self.env().run.history();
            history.pass_inside(self.node.path());
            history.open_inside(self.node.path())
        };
        for open in open.into_iter().rev() {
            let closed = if open.signal { Fact::Withdrawn } else { Fact::Abandoned };
            self.write(&open.key, closed).await?;
        }
        Ok(())
    }

    /// Closes everything that is open inside this context.
    pub(crate) async fn close_inside(&self) -> Result<(), AgentError> {
        let open = self.env().run.history().open_inside(self.node.path());
        self.close(open).await
    }

    async fn close(&self, open: Vec<Open>) -> Result<(), AgentError> {
        if self.env().run.breaks(Rule::OpenIsAbandoned) {
            return Ok(());
        }
        let mut parked: Option<AgentError> = None;
        // The innermost first, so that a crash in between leaves nothing open below something closed.
        for open in open.into_iter().rev() {
            let closed = match open.step {
                _ if open.signal => Fact::Withdrawn,
                Some((effect, digest)) if !effect.may_repeat() => {
                    match self.resolve_abandoned(&open.key, effect, &digest).await {
                        Ok(Some(_)) => continue,
                        Ok(None) => Fact::Abandoned,
                        Err(error) => {
                            parked = Some(parked.map_or(error.clone(), |p| p.merge(error)));
                            continue;
                        }
                    }
                }
                _ => Fact::Abandoned,
            };
            self.write(&open.key, closed).await?;
        }
        parked.map_or(Ok(()), Err)
    }

    /// The permanent failure that was journaled first among the durable branches of this context's
    /// [keyed](Self::child_at) children. It decides a fail-fast pattern, live and on resume.
    pub fn first_failed_child(&self) -> Option<AgentError> {
        let mut history = self.env().run.history();
        let failure = history.first_failure(self.node.path()).cloned()?;
        // Nobody will come by the other children.
        history.pass_inside(self.node.path());
        Some(AgentError::Recorded(failure))
    }

    /// Writes a fact and waits until it is durable, unless nobody waits for this context any more.
    pub(crate) async fn write(&self, key: &Key, fact: Fact) -> Result<(), AgentError> {
        self.check_unfenced()?;
        self.record(key, fact)?.await
    }
}
