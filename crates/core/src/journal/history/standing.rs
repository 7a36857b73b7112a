use super::entry::{Body, Entry, State, Work};
use super::{Answer, History, Spot};
use crate::budget::Budget;
use crate::identity::{Digest, Key};
use crate::step::{Doubt, Effect};

/// Where a step or branch stands when it is come by.
#[derive(Debug)]
pub(crate) enum Standing {
    /// Never entered, or failed without a lasting effect.
    Ready,
    /// Entered, without a receipt that answers. A step is in doubt, with the stricter of the recorded
    /// and the stated effect; a branch is entered again.
    Open(Effect, Doubt),
    Done(Answer),
    Abandoned,
    /// Somebody is at it at the moment.
    InFlight,
    Diverged(String),
}

/// What coming by a step or branch has found.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) standing: Standing,
    /// What the journal says it has used, where this process had not yet counted that.
    pub(crate) used: Budget,
    /// Where there is work to do, this is claimed for it, and stays until the claim is given back.
    pub(crate) spot: Spot,
}

impl History {
    /// Comes by a step, or by a branch where there is no `effect`.
    pub(crate) fn enter(&mut self, key: &Key, effect: Option<Effect>, digest: &Digest) -> Visit {
        let spot = self.places.open(key);
        self.enter_at(spot, effect, digest)
    }

    /// As [`enter`](Self::enter) of a branch, with the hash of its key.
    pub(crate) fn enter_hashed(&mut self, hash: u64, key: &Key, digest: &Digest) -> Visit {
        let spot = self.places.open_at(hash, key);
        self.enter_at(spot, None, digest)
    }

    fn enter_at(&mut self, spot: Spot, effect: Option<Effect>, digest: &Digest) -> Visit {
        let place = &mut self.places[spot];
        if place.claimed {
            return Visit { standing: Standing::InFlight, used: Budget::ZERO, spot };
        }
        let (standing, used) = match &mut place.entry {
            Some(entry) => (entry.standing(effect, digest), entry.visit()),
            None => (Standing::Ready, Budget::ZERO),
        };
        place.claimed = matches!(standing, Standing::Ready | Standing::Open(..));
        Visit { standing, used, spot }
    }

    /// Gives a claim back.
    pub(crate) fn release(&mut self, spot: Spot) {
        let place = &mut self.places[spot];
        place.claimed = false;
        if !place.is_known() {
            self.places.remove(spot);
        }
    }

    #[cfg(feature = "broken")]
    pub(crate) fn digest_of(&self, key: &Key) -> Option<Digest> {
        match &self.entry(key)?.body {
            Body::Work(work) => Some(work.digest),
            Body::Mark(_) => None,
        }
    }

    pub(crate) fn is_done(&self, key: &Key) -> bool {
        let done = |body: &Body| matches!(body, Body::Work(Work { state: State::Done(_), .. }));
        self.entry(key).is_some_and(|entry| done(&entry.body))
    }
}

impl Entry {
    fn standing(&self, effect: Option<Effect>, digest: &Digest) -> Standing {
        match &self.body {
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
        }
    }
}

impl Work {
    fn standing(&self, stated: Option<Effect>) -> Standing {
        let effect = self.effect.max(stated).unwrap_or(Effect::Pure);
        match &self.state {
            State::Open { .. } => Standing::Open(effect, Doubt::NoReceipt),
            State::Withheld => Standing::Open(effect, Doubt::Withheld),
            State::Failed => Standing::Ready,
            State::Done(answer) => Standing::Done(answer.clone()),
            State::Abandoned => Standing::Abandoned,
        }
    }
}
