//! Agents as services of [`tower`](https://docs.rs/tower), and services as agents (feature `tower`).
//!
//! An agent behind an [`AgentService`] takes every layer that exists for services: timeouts, limits,
//! load shedding, buffers. A service, with or without such layers, is an agent by
//! [`service_agent`]; layers around an agent give an agent again by [`layered_agent`].
//!
//! ```
//! use std::time::Duration;
//!
//! use maniple_core::tower::{AgentService, layered_agent};
//! use maniple_core::{AgentError, Run, agent_fn};
//! use tower::ServiceBuilder;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), AgentError> {
//! let double = agent_fn("double", |n: u64, _cx| async move { Ok(2 * n) });
//! let limited = ServiceBuilder::new()
//!     .timeout(Duration::from_secs(30))
//!     .concurrency_limit(4)
//!     .service(AgentService::new(double));
//! let double = layered_agent("double", limited);
//!
//! let run = Run::builder("example").open().await?;
//! assert_eq!(run.execute(double, 21).await?, 42);
//! # Ok(())
//! # }
//! ```

mod agent;
mod service;

pub use agent::{ServiceAgent, layered_agent, service_agent};
pub use service::{AgentService, Request};
