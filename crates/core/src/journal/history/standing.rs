use super::entry::{Body, State, Work};
use super::{History, Outcome};
use crate::budget::Budget;
use crate::identity::{Digest, Key};
use crate::step::Effect;

/// Where a step or branch stands when it is come by.
#[derive(Debug)]
pub(crate) enum Standing {
    /// Never entered, or failed without a lasting effect.
    Ready,
    /// Entered, without a receipt. A step is in doubt, with the stricter of the recorded and the
    /// stated effect; a branch is entered again.
    Open(Effect),
    Done(Outcome),
    Abandoned,
    /// Somebody is at it at the moment.
    InFlight,
    Diverged(String),
}

impl History {
    /// Comes by a step, or by a branch where there is no `effect`.
    ///
    /// Where there is work to do, the key is claimed for it. The second value is what the journal says
    /// it has used, where this process had not yet counted that.
    pub(crate) fn enter(
        &mut self,
        key: &Key,
        effect: Option<Effect>,
        digest: &Digest,
    ) -> (Standing, Budget) {
        if self.in_flight.contains(key) {
            return (Standing::InFlight, Budget::ZERO);
        }
        let (standing, used) = self.stand(key, effect, digest);
        if matches!(standing, Standing::Ready | Standing::Open(_)) {
            self.in_flight.insert(key.clone());
        }
        (standing, used)
    }

    fn stand(&mut self, key: &Key, effect: Option<Effect>, digest: &Digest) -> (Standing, Budget) {
        let Some(entry) = self.entries.get_mut(key) else {
            return (Standing::Ready, Budget::ZERO);
        };
        let used = entry.visit();
        let standing = match &entry.body {
            Body::Work(work) if work.effect.is_some() == effect.is_some() => {
                if work.digest == *digest {
                    work.standing(effect)
                } else {
                    let recorded = work.digest;
                    Standing::Diverged(format!("recorded input {recorded}, now {digest}"))
                }
            }
            _ if effect.is_some() => Standing::Diverged("recorded as a branch, now a step".into()),
            _ => Standing::Diverged("recorded as a step, now a branch".into()),
        };
        (standing, used)
    }

    /// Gives a claim back.
    pub(crate) fn release(&mut self, key: &Key) {
        self.in_flight.remove(key);
    }

    #[cfg(feature = "broken")]
    pub(crate) fn digest_of(&self, key: &Key) -> Option<Digest> {
        match &self.entries.get(key)?.body {
            Body::Work(work) => Some(work.digest),
            Body::Mark(_) => None,
        }
    }

    pub(crate) fn is_done(&self, key: &Key) -> bool {
        let done = |body: &Body| matches!(body, Body::Work(Work { state: State::Done(_), .. }));
        self.entries.get(key).is_some_and(|entry| done(&entry.body))
    }
}

impl Work {
    fn standing(&self, stated: Option<Effect>) -> Standing {
        match &self.state {
            State::Open { .. } => Standing::Open(self.effect.max(stated).unwrap_or(Effect::Pure)),
            State::Failed => Standing::Ready,
            State::Done(outcome) => Standing::Done(outcome.clone()),
            State::Abandoned => Standing::Abandoned,
        }
    }
}
