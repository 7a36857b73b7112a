#![cfg_attr(feature = "orchestration", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "orchestration"),
    doc = "Small crates for multi-agent LLM systems inside your own application.\n\nEach is re-exported under its own name, behind a feature of that name. Documentation with an example is built with the feature `orchestration`."
)]

#[cfg(feature = "bundles")]
pub use maniple_bundles as bundles;
#[cfg(feature = "context")]
pub use maniple_context as context;
pub use maniple_core as core;
#[cfg(feature = "orchestration")]
pub use maniple_orchestration as orchestration;
#[cfg(feature = "primers")]
pub use maniple_primers as primers;
