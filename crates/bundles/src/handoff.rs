//! What one agent tells the next, and what of it the log confirms.

use std::ops::ControlFlow;

use maniple_core::{Budget, Claim, Record, Support};
use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::bundle::ContextBundle;
use crate::error::BundleError;
use crate::format::ChainHead;
use crate::session::{Point, SessionId};
use crate::view::SessionView;

/// What whoever lets go of a session tells whoever goes on with it, or with what it came to.
///
/// It says what is so as its writer sees it. What of it can be relied upon says
/// [`check`](SessionView::check): a claim counts only if the log confirms what it cites.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct HandoffDocument {
    /// The session that is handed over.
    pub session: SessionId,
    /// How many actions it had before this was said.
    pub actions: u64,
    /// The hash of the last of them.
    pub head: ChainHead,
    /// What was done, in a few words.
    pub summary: String,
    /// The pieces of work that are open, by name, with what is to be known about each.
    pub open_work: Vec<OpenWork>,
    /// What may go wrong.
    pub risks: Vec<String>,
    /// What is left to spend; `None` if nothing was limited.
    pub budget_left: Option<Budget>,
    /// What is claimed to have been achieved, with what it rests on.
    pub claims: Vec<Claim>,
}

/// A piece of work that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct OpenWork {
    /// The name of its task.
    pub name: String,
    /// What is to be known about it, or nothing.
    pub detail: String,
}

/// What is to be said in a [`HandoffDocument`]. The rest, the session says itself.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Handoff {
    summary: String,
    risks: Vec<String>,
    budget_left: Option<Budget>,
    claims: Vec<Claim>,
}

/// A claim, and what the log says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckedClaim {
    /// What is claimed.
    pub claim: Claim,
    /// Whether the log confirms what it cites.
    pub support: Support,
}

impl Handoff {
    /// A hand-off with this summary.
    pub fn new(summary: impl Into<String>) -> Self {
        Self { summary: summary.into(), ..Self::default() }
    }

    /// Something that may go wrong.
    pub fn with_risk(mut self, risk: impl Into<String>) -> Self {
        self.risks.push(risk.into());
        self
    }

    /// What is left to spend.
    pub fn with_budget_left(mut self, left: Budget) -> Self {
        self.budget_left = Some(left);
        self
    }

    /// Something that was achieved. Without receipts it will not be believed.
    pub fn with_claim(mut self, claim: Claim) -> Self {
        self.claims.push(claim);
        self
    }
}

impl ContextBundle {
    /// Writes down what whoever goes on is to know, and returns it. The work that is open is taken
    /// from the session's tasks.
    ///
    /// ```
    /// use maniple_bundles::{BundleError, Handoff, MemoryStore, Meta, Sessions};
    /// use maniple_core::{Claim, Support};
    ///
    /// # futures::executor::block_on(async {
    /// let sessions = Sessions::new(MemoryStore::new());
    /// let bundle = sessions.create(Meta::new("triage")).await?;
    /// let claim = Claim { text: "all tests pass".into(), receipts: Vec::new() };
    /// let document = bundle.hand_off(Handoff::new("half done").with_claim(claim)).await?;
    ///
    /// let checked = bundle.view().check(&document).await?;
    /// assert_ne!(checked[0].support, Support::Verified, "it cites nothing");
    /// # Ok::<(), BundleError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// Those of [`append`](Self::append).
    ///
    /// # Cancel safety
    /// If the future is dropped, it is written down all the same.
    pub async fn hand_off(&self, handoff: Handoff) -> Result<HandoffDocument, BundleError> {
        let Handoff { summary, risks, budget_left, claims } = handoff;
        let settings = self.settings.clone();
        self.with(move |worker| {
            let state = worker.state();
            let open_work = {
                let state = state.read().unwrap_or_else(std::sync::PoisonError::into_inner);
                let open = state.open_tasks().map(|(name, task)| OpenWork {
                    name: name.to_owned(),
                    detail: task.detail.clone(),
                });
                open.collect()
            };
            let tip = worker.tip();
            let document = HandoffDocument {
                session: worker.header().id,
                actions: tip.actions,
                head: tip.head,
                summary,
                open_work,
                risks,
                budget_left,
                claims,
            };
            let action = Action::HandedOff(Box::new(document));
            let (action, encoded) = crate::bundle::encode(&settings.redactor, action)?;
            let Action::HandedOff(document) = action.clone() else {
                unreachable!("redacting keeps the kind of an action")
            };
            worker.append_now(action, encoded)?;
            Ok(*document)
        })
        .await
    }
}

impl SessionView {
    /// What this session's log says of each claim of a document that hands it over. The word of
    /// whoever wrote the document counts for nothing.
    ///
    /// # Errors
    /// [`Misquoted`](BundleError::Misquoted) if the document is about another session, or another
    /// log; otherwise as for [`actions`](Self::actions).
    ///
    /// # Cancel safety
    /// As for [`actions`](Self::actions).
    pub async fn check(
        &self,
        document: &HandoffDocument,
    ) -> Result<Vec<CheckedClaim>, BundleError> {
        let document = document.clone();
        self.offload(move |view| {
            let at = Point::Behind(document.actions);
            let is_same = document.session == view.id()
                && match view.folded(&at) {
                    Ok(folded) => folded.tip.head == document.head,
                    Err(BundleError::OutOfRange { .. }) => false,
                    // What was dropped was there.
                    Err(BundleError::Dropped { .. }) => true,
                    Err(error) => return Err(error),
                };
            if !is_same {
                let (id, actions) = (view.id(), document.actions);
                return Err(BundleError::Misquoted { id, actions });
            }
            let records = records(&view)?;
            let check = |claim: Claim| {
                let support = claim.check(&records);
                CheckedClaim { claim, support }
            };
            Ok(document.claims.into_iter().map(check).collect())
        })
        .await
    }
}

/// The records of the run whose journal the session is.
fn records(view: &SessionView) -> Result<Vec<Record>, BundleError> {
    view.with(|log, _| {
        let mut records = Vec::new();
        log.entries(0, &mut |entry| {
            if let Action::Journal(record) = entry.action {
                records.push(record);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(records)
    })
}
