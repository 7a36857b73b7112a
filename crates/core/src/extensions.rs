//! The host's own data on a context.

use std::any::{Any, TypeId, type_name};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// At most one value of each type. Maniple reads none of it.
#[derive(Clone, Default)]
pub(crate) struct Extensions(BTreeMap<TypeId, (&'static str, Arc<dyn Any + Send + Sync>)>);

impl Extensions {
    pub(crate) fn with<T: Send + Sync + 'static>(&self, value: T) -> Self {
        let mut all = self.clone();
        all.0.insert(TypeId::of::<T>(), (type_name::<T>(), Arc::new(value)));
        all
    }

    pub(crate) fn get<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.0.get(&TypeId::of::<T>())?.1.downcast_ref()
    }
}

impl fmt::Debug for Extensions {
    /// The types only: the values may hold what should not be in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.values().map(|(name, _)| name)).finish()
    }
}
