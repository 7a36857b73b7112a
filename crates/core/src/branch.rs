//! Parts of a run whose result is recorded as a whole, and what patterns need besides.

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::broken::Rule;
use crate::budget::Budget;
use crate::context::RunContext;
use crate::error::AgentError;
use crate::event::EventKind;
use crate::identity::Key;
use crate::journal::{Fact, Mark, Outcome, Payload, Standing};
use crate::run::count;
use crate::step::{Claim, decode, encode, receipt};

impl RunContext {
    /// Runs a durable branch, named by the path of this context: when the journal holds its result,
    /// that is returned and nothing runs.
    ///
    /// A branch is not a step: one that was entered and has no result is entered again, and the
    /// steps in it replay. What it does outside of steps happens at least once.
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
        let key = &self.path();
        self.check_not_nested(|| key.clone())?;
        self.check_open()?;
        let run = &self.env().run;
        let digest = self.digest(key, &input)?;
        let (state, used) = run.history().enter(key, None, &digest);
        let _claim = Claim::of(self, key, &state)?;
        self.env().lease.replay(used);
        match state {
            Standing::Done(outcome) => {
                count(&run.counters.branches_replayed, 1);
                run.emit(|| key.clone(), || EventKind::Replayed);
                return decode(key, outcome);
            }
            Standing::Abandoned => return Err(AgentError::Cancelled { key: key.clone() }),
            Standing::Diverged(found) => {
                return Err(AgentError::Diverged { key: key.clone(), found: found.into() });
            }
            Standing::Ready => {
                self.check()?;
                // Only its place before the receipt matters, so nobody waits for it.
                drop(run.record(key, Fact::Entered { digest }));
            }
            Standing::Open(_) | Standing::InFlight => {}
        }
        count(&run.counters.branches_run, 1);
        let result = match work(input).await {
            Ok(output) => encode(key, &output),
            Err(error) => Err(error),
        };
        self.check_open()?;
        let outcome = match &result {
            Ok((payload, _)) => Outcome::Ok(payload.clone()),
            Err(error) if self.is_receipt(error) => Outcome::Err(error.recorded()),
            Err(error) => {
                if error.class().is_certain() {
                    let failed = Fact::Failed { error: error.recorded(), spent: Budget::ZERO };
                    let _ = run.record(key, failed).await;
                }
                return result.map(|(_, output)| output);
            }
        };
        let settled = run.history().settled_inside(key);
        let spent = if let Some(spent) = settled {
            spent
        } else {
            self.close_inside().await?;
            run.history().used_inside(key)
        };
        run.record(key, receipt(digest, outcome, spent)).await?;
        result.map(|(_, output)| output)
    }

    /// Closes what is still open inside this context, because nobody will enter it again: branches
    /// and repeatable steps are abandoned, signals withdrawn, and other steps put to the
    /// reconciler. A pattern that ends for good without some of its branches calls it.
    ///
    /// # Errors
    /// `Parked` where the reconciler cannot tell what became of a step, or the journal has stopped.
    ///
    /// # Cancel safety
    /// Cancel safe: what is closed stays closed.
    pub async fn close_inside(&self) -> Result<(), AgentError> {
        let run = &self.env().run;
        if run.breaks(Rule::OpenIsAbandoned) {
            return Ok(());
        }
        let mut parked: Option<AgentError> = None;
        let open = run.history().open_inside(&self.path());
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
            run.record(&open.key, closed).await?;
        }
        parked.map_or(Ok(()), Err)
    }

    /// The permanent failure that was journaled first among the durable branches directly below this
    /// context. It decides a fail-fast pattern, live and on resume.
    pub fn first_failure(&self) -> Option<AgentError> {
        let run = &self.env().run;
        run.history().first_failure(self.node.path()).cloned().map(AgentError::Recorded)
    }

    /// Decides something that depends on time, arrival or chance, once: the first time `decide` is
    /// called and its value is journaled before it is returned; from then on the journal answers.
    ///
    /// It is named by this context's path, `name`, the attempts around it, and how many of that name
    /// were made here before.
    ///
    /// # Errors
    /// `Parked` where the journal has stopped; `Codec` where the value does not survive JSON;
    /// `NestedStep` in the body of a step.
    ///
    /// # Cancel safety
    /// Dropped, the decision may have been made.
    pub async fn decide<T, F>(&self, name: &str, decide: F) -> Result<T, AgentError>
    where
        T: Serialize + DeserializeOwned + Send,
        F: FnOnce() -> T + Send,
    {
        let key = self.decision_key(name)?;
        self.check_open()?;
        if let Some(recorded) = self.recorded(&key) {
            return decode(&key, Outcome::Ok(recorded));
        }
        let (payload, value) = encode(&key, &decide())?;
        self.record_decision(&key, payload).await?;
        Ok(value)
    }

    /// Records what a durable pattern is made of when it first starts, and compares it ever after.
    ///
    /// # Errors
    /// `Diverged`, with both, where the journal knows another shape.
    pub fn check_shape<T: Serialize>(&self, shape: &T) -> Result<(), AgentError> {
        self.check_open()?;
        let key = Key::new(&format!("{}:shape", self.node.path().as_str()));
        let codec = |source| AgentError::Codec { key: key.clone(), what: "input", source };
        let now = Payload::encode(shape).map_err(codec)?;
        match self.recorded(&key) {
            None => {
                // It precedes whatever the pattern records, so nobody has to wait for it.
                drop(self.env().run.record(&key, Fact::Decided { value: now }));
                Ok(())
            }
            Some(recorded) if recorded == now => Ok(()),
            Some(recorded) => {
                let found = format!("recorded shape {recorded:?}, now {now:?}");
                Err(AgentError::Diverged { key: self.path(), found: found.into() })
            }
        }
    }

    pub(crate) fn decision_key(&self, name: &str) -> Result<Key, AgentError> {
        use crate::context::node::keyed;
        use crate::identity::Sigil::Decision;
        let name = self.name(name);
        let path = self.node.path();
        self.check_not_nested(|| Key::new(&keyed(path.as_str(), Decision, &name, 1)))?;
        let ordinal = self.node.next_ordinal(Decision, &name);
        let key = keyed(path.as_str(), Decision, &name, ordinal);
        let attempts = self.node.attempts();
        Ok(Key::new(&if attempts.is_empty() { key } else { format!("{key}@{attempts}") }))
    }

    /// The decision under this key, if it was made.
    pub(crate) fn recorded(&self, key: &Key) -> Option<Payload> {
        match self.env().run.history().visit_mark(key) {
            Some(Mark::Decided(value)) => Some(value),
            _ => None,
        }
    }

    pub(crate) async fn record_decision(
        &self,
        key: &Key,
        value: Payload,
    ) -> Result<(), AgentError> {
        let run = &self.env().run;
        if run.breaks(Rule::DecisionsAreJournaled) {
            return Ok(());
        }
        run.record(key, Fact::Decided { value }).await
    }
}
