//! Who answers for which part of a context that is too large for one.

mod agent;
mod ask;
mod fixed;
mod plan;
mod request;
mod shares;
mod specialty;
mod topics;

pub use agent::ContextOptimizedAgent;
pub use plan::{Delegation, DelegationPlan, Part};
pub use request::{
    ContextRequest, Delegated, DelegationReport, PartError, PartReport, PartRequest, Route,
};
pub use specialty::Specialty;
