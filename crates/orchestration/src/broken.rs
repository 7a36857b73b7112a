//! The rules that the patterns keep, and that a run can be told to break where the feature `broken` is
//! on, so that the simulation can show that it would notice.

use maniple_core::RunContext;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    SuspendedIsNoFailure,
    SettlementsAreJournaled,
    DeadLettersAreJournaled,
}

#[cfg(feature = "broken")]
pub(crate) fn keeps(cx: &RunContext, rule: Rule) -> bool {
    !cx.breaks(match rule {
        Rule::SuspendedIsNoFailure => maniple_core::Rule::SuspendedIsNoFailure,
        Rule::SettlementsAreJournaled => maniple_core::Rule::SettlementsAreJournaled,
        Rule::DeadLettersAreJournaled => maniple_core::Rule::DeadLettersAreJournaled,
    })
}

#[cfg(not(feature = "broken"))]
pub(crate) fn keeps(_: &RunContext, _: Rule) -> bool {
    true
}
