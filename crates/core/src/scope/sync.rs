//! What the tokens of a scope are made of. A test compiles them against a model checker's instead.

pub(super) use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
pub(super) use std::sync::{Arc, Mutex, PoisonError};
