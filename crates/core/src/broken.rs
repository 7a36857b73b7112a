//! Deliberately broken variants of the rules, so that the simulation can show that it would notice.

/// One rule that a run can be told to break. Exists only with the feature `broken`, which is for
/// Maniple's own tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[doc(hidden)]
pub enum Rule {
    /// 1. A scope waits for its grandchildren.
    ScopesWaitForGrandchildren,
    /// 2. No step stands inside a step.
    NoStepInsideStep,
    /// 3. A decision is journaled before it is acted on.
    DecisionsAreJournaled,
    /// 4. A transient failure is not in doubt.
    TransientIsNotInDoubt,
    /// 5. Attempts share the path and start their ordinals again.
    AttemptsShareOrdinals,
    /// 5. An attempt's failure is journaled.
    AttemptsAreJournaled,
    /// 6. Only success and permanent failures are receipts.
    OnlyFinalIsReceipt,
    /// 7. A keyed child is named by its key, not by its arrival.
    ChildrenAreKeyed,
    /// 8. What a settled scope leaves open is closed.
    OpenIsAbandoned,
    /// 9. A suspended branch is not a failure.
    SuspendedIsNoFailure,
    /// 10. A replay asks neither the deadline nor the cancellation.
    ReplayIgnoresDeadline,
    /// 11. A replay debits what the receipt says.
    ReplayDebits,
    /// 12. Digests do not depend on the order of a map.
    DigestIsCanonical,
    /// 13. Names are escaped.
    NamesAreEscaped,
    /// 14. `quiesce` waits for the tasks of dropped runs.
    QuiesceWaits,
    /// 15. Nested scopes share one abort instant.
    SharedAbortInstant,
    /// The intent is durable before the effect begins.
    IntentBeforeEffect,
    /// The receipt is durable before the output is returned.
    ReceiptBeforeReturn,
    /// A step in doubt is not run again without an answer.
    InDoubtIsReconciled,
    /// The recorded digest is compared.
    DigestIsCompared,
    /// A latched context answers every later step the same.
    LatchesHold,
    /// A reservation in doubt counts as spent.
    InDoubtIsSpent,
    /// The first delivery of a signal wins.
    FirstDeliveryWins,
    /// A version is pinned.
    VersionsArePinned,
    /// A panic is contained.
    PanicsAreContained,
    /// The working time of earlier processes counts.
    WorkedTimeCounts,
    /// 18. Who counts is journaled before anybody hears of it.
    SettlementsAreJournaled,
    /// 19. That an item was given up is journaled before it is handed over.
    DeadLettersAreJournaled,
    /// 20. A step whose output was withheld is not run again without an answer.
    WithheldIsReconciled,
}

impl Rule {
    /// Every rule that can be broken.
    #[cfg(feature = "broken")]
    pub const ALL: [Self; 29] = [
        Self::ScopesWaitForGrandchildren,
        Self::NoStepInsideStep,
        Self::DecisionsAreJournaled,
        Self::TransientIsNotInDoubt,
        Self::AttemptsShareOrdinals,
        Self::AttemptsAreJournaled,
        Self::OnlyFinalIsReceipt,
        Self::ChildrenAreKeyed,
        Self::OpenIsAbandoned,
        Self::SuspendedIsNoFailure,
        Self::ReplayIgnoresDeadline,
        Self::ReplayDebits,
        Self::DigestIsCanonical,
        Self::NamesAreEscaped,
        Self::QuiesceWaits,
        Self::SharedAbortInstant,
        Self::IntentBeforeEffect,
        Self::ReceiptBeforeReturn,
        Self::InDoubtIsReconciled,
        Self::DigestIsCompared,
        Self::LatchesHold,
        Self::InDoubtIsSpent,
        Self::FirstDeliveryWins,
        Self::VersionsArePinned,
        Self::PanicsAreContained,
        Self::WorkedTimeCounts,
        Self::SettlementsAreJournaled,
        Self::DeadLettersAreJournaled,
        Self::WithheldIsReconciled,
    ];
}
