//! What the tokens of a scope are made of. The test `model` compiles them against a model checker's.

pub(super) use std::sync::atomic::{AtomicBool, Ordering};
pub(super) use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
