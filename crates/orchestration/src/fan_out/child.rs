use std::fmt;
use std::sync::Arc;

use maniple_core::ChildKey;
use serde::{Deserialize, Serialize};

/// How the children of a pattern are told apart.
pub(crate) enum Naming<I> {
    Index,
    Key(Arc<dyn Fn(&I) -> String + Send + Sync>),
    /// By the place of the input; no two are alike.
    Names(Arc<[Arc<str>]>),
}

impl<I> Naming<I> {
    /// Its name in the shape that is journaled.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Key(_) => "key",
            Self::Names(_) => "name",
        }
    }
}

impl<I> Clone for Naming<I> {
    fn clone(&self) -> Self {
        match self {
            Self::Index => Self::Index,
            Self::Key(key) => Self::Key(key.clone()),
            Self::Names(names) => Self::Names(names.clone()),
        }
    }
}

/// One child of a pattern, the same in every process.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Child {
    Index(u64),
    Key(Arc<str>),
}

impl From<Child> for ChildKey {
    fn from(child: Child) -> Self {
        match child {
            Child::Index(index) => index.into(),
            Child::Key(key) => Self::from(&*key),
        }
    }
}

impl fmt::Display for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => index.fmt(f),
            Self::Key(key) => key.fmt(f),
        }
    }
}
