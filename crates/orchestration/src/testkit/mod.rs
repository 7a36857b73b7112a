//! Checks for what a host gives to the patterns, to call from its own tests.

mod combiner;
mod idempotent;
mod saga;

pub use combiner::{BrokenLaw, Law, check_combiner};
pub use idempotent::{NotIdempotent, check_agent_idempotent};
pub use saga::{BrokenSaga, Disturbance, SagaFault, check_saga};
