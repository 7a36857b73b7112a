//! What an agent may do.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::step::Effect;

/// The tools that may be called and the strongest effect that a step may have. A child's
/// permissions are always a part of its parent's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permissions {
    tools: Tools,
    effect: Effect,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Tools {
    All,
    Only(Arc<BTreeSet<String>>),
}

impl Permissions {
    /// Every tool and every effect.
    pub fn all() -> Self {
        Self { tools: Tools::All, effect: Effect::Irreversible }
    }

    /// Only these tools.
    pub fn with_tools<T: Into<String>>(self, names: impl IntoIterator<Item = T>) -> Self {
        let only = Tools::Only(Arc::new(names.into_iter().map(Into::into).collect()));
        self.intersect(&Self { tools: only, effect: Effect::Irreversible })
    }

    /// No effect beyond this one.
    pub fn with_highest_effect(mut self, effect: Effect) -> Self {
        self.effect = self.effect.min(effect);
        self
    }

    /// What both permit.
    pub fn intersect(&self, other: &Self) -> Self {
        let tools = match (&self.tools, &other.tools) {
            (Tools::All, tools) | (tools, Tools::All) => tools.clone(),
            (Tools::Only(a), Tools::Only(b)) => Tools::Only(Arc::new(&**a & &**b)),
        };
        Self { tools, effect: self.effect.min(other.effect) }
    }

    /// Whether a tool may be called.
    pub fn allows_tool(&self, name: &str) -> bool {
        match &self.tools {
            Tools::All => true,
            Tools::Only(names) => names.contains(name),
        }
    }

    /// The strongest effect that a step may have.
    pub fn highest_effect(&self) -> Effect {
        self.effect
    }
}

impl Default for Permissions {
    /// [`Permissions::all`].
    fn default() -> Self {
        Self::all()
    }
}
