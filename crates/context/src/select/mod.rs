//! Which candidates to keep when not all of them fit.
//!
//! ```
//! use maniple_context::select::{Candidate, Cover, Greedy};
//!
//! // Two say the same, and the third says less of something else.
//! let [same, other] = [[Cover::once(0)], [Cover::once(1)]];
//! let candidates = [
//!     Candidate { cost: 10, value: 1, covers: &same },
//!     Candidate { cost: 10, value: 1, covers: &same },
//!     Candidate { cost: 10, value: 0, covers: &other },
//! ];
//! let chosen = Greedy::new(20).with_features(&[8, 8]).choose(&candidates, &[]);
//! assert_eq!(chosen, [true, false, true]);
//! ```

mod greedy;

pub use greedy::{Candidate, Cover, Greedy};
