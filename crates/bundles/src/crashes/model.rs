use crate::action::Action;

/// What is wrong with what the code did.
pub(super) type Verdict<T = ()> = Result<T, String>;

/// What may be found of a session, and what must be.
#[derive(Debug, Default)]
pub(super) struct Model {
    /// Everything that was acknowledged, in order.
    pub(super) actions: Vec<Action>,
    /// How many of them the loss of power must leave.
    durable: usize,
    /// What was appended behind so many actions, and not acknowledged: a part of it may be found
    /// where nothing that was acknowledged is lost with that.
    refused: Vec<(usize, Vec<Action>)>,
    power_was_lost: bool,
}

impl Model {
    pub(super) fn acknowledge(&mut self, actions: &[Action], is_synced: bool) {
        self.actions.extend_from_slice(actions);
        if is_synced {
            self.all_durable();
        }
    }

    pub(super) fn all_durable(&mut self) {
        self.durable = self.actions.len();
        self.refused.retain(|(behind, _)| *behind >= self.actions.len());
    }

    pub(super) fn refuse(&mut self, actions: &[Action]) {
        self.refused.push((self.actions.len(), actions.to_vec()));
    }

    pub(super) fn lose_power(&mut self) {
        self.power_was_lost = true;
    }

    /// How many actions must be found.
    fn least(&self) -> usize {
        if self.power_was_lost { self.durable } else { self.actions.len() }
    }

    /// Judges what is found, which is then what there is.
    pub(super) fn find(&mut self, found: Vec<Action>) -> Verdict {
        let least = self.least();
        if found.len() < least {
            return Err(format!("{} found, {least} acknowledged", found.len()));
        }
        let follows = |(behind, refused): &(usize, Vec<Action>)| {
            *behind >= least
                && found.len() >= *behind
                && found[..*behind] == self.actions[..*behind]
                && refused.starts_with(&found[*behind..])
        };
        if !self.actions.starts_with(&found) && !self.refused.iter().any(follows) {
            return Err(format!("found {}, expected {self:?}", shown(&found)));
        }
        *self = Self { actions: found, ..Self::default() };
        self.all_durable();
        Ok(())
    }
}

/// Actions without their length.
fn shown(actions: &[Action]) -> String {
    actions.iter().map(|action| format!("{action:.40?}")).collect::<Vec<_>>().join(", ")
}
