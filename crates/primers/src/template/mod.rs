//! A primer that renders a template.

mod engine;

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use maniple_context::{Kind, Segment, TokenCounter};

use crate::error::PrimeError;
use crate::names::{Checkpoint, PrimerName, Version, Workflow};
use crate::primer::{PrimeReport, PrimeRequest, Primed, Primer};
use engine::Engine;

/// A [`Primer`] whose context is one rendered template, as a pinned instruction.
///
/// Templates are written for `minijinja` (the syntax of Jinja), with its built-in filters and tests.
/// They take every variable that they name, reach no file and include no other template, and are
/// stopped after a million steps. Values are inserted as they are: nothing is escaped in them and
/// nothing is evaluated.
///
/// ```
/// use maniple_context::{Encoding, Tiktoken};
/// use maniple_primers::{PrimeError, PrimeRequest, Primer, PrimerName, TemplatePrimer, Version};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), PrimeError> {
/// let name = PrimerName::new("translate")?;
/// let primer =
///     TemplatePrimer::new(name, Version::new("1"), "Translate to {{ language }}: {{ text }}")?;
/// let counter = Tiktoken::new(Encoding::O200kBase);
///
/// let request = PrimeRequest::new().with_variable("language", "Greek").with_variable("text", "sea");
/// let primed = primer.prime(&request, &counter).await?;
/// assert_eq!(&**primed.segments[0].text(), "Translate to Greek: sea");
///
/// let request = PrimeRequest::new().with_variable("lanugage", "Greek").with_variable("text", "sea");
/// assert_eq!(
///     primer.prime(&request, &counter).await.unwrap_err().to_string(),
///     "translate takes no lanugage (did you mean language?); it takes language, text"
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TemplatePrimer {
    name: PrimerName,
    version: Version,
    workflow: Workflow,
    checkpoints: Vec<Checkpoint>,
    engine: Engine,
}

impl TemplatePrimer {
    /// A primer of this template, whose workflow has the primer's name and no checkpoints.
    ///
    /// # Errors
    /// [`PrimeError::Syntax`] where the template does not parse.
    pub fn new(
        name: PrimerName,
        version: Version,
        template: impl Into<String>,
    ) -> Result<Self, PrimeError> {
        let engine = Engine::new(&name, template.into())?;
        let workflow = Workflow::new(name.as_str());
        Ok(Self { name, version, workflow, checkpoints: Vec::new(), engine })
    }

    /// Starts another workflow than that of its own name.
    pub fn with_workflow(mut self, workflow: Workflow) -> Self {
        self.workflow = workflow;
        self
    }

    /// Goes by these checkpoints, in order, instead of any before.
    pub fn with_checkpoints(mut self, checkpoints: impl IntoIterator<Item = Checkpoint>) -> Self {
        self.checkpoints = checkpoints.into_iter().collect();
        self
    }

    /// The names of the variables that the template takes.
    pub fn variables(&self) -> &BTreeSet<Arc<str>> {
        self.engine.variables()
    }

    fn check(&self, request: &PrimeRequest) -> Result<(), PrimeError> {
        let takes = self.variables();
        let given = request.variables();
        if let Some(variable) = given.keys().find(|given| !takes.contains(*given)) {
            return Err(PrimeError::UnknownVariable {
                primer: self.name.clone(),
                variable: variable.clone(),
                suggestion: nearest(variable, takes),
                takes: takes.clone(),
            });
        }
        let missing: BTreeSet<_> =
            takes.iter().filter(|name| !given.contains_key(*name)).cloned().collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(PrimeError::MissingVariables {
            primer: self.name.clone(),
            missing,
            takes: takes.clone(),
        })
    }
}

#[async_trait]
impl Primer for TemplatePrimer {
    fn name(&self) -> &PrimerName {
        &self.name
    }

    async fn prime(
        &self,
        request: &PrimeRequest,
        counter: &dyn TokenCounter,
    ) -> Result<Primed, PrimeError> {
        self.check(request)?;
        let text = self.engine.render(&self.name, request.variables())?;
        let id = format!("primer:{}", self.name);
        let segment = Segment::new(id, Kind::Instruction, text).pinned();
        let report = PrimeReport {
            primer: self.name.clone(),
            version: self.version.clone(),
            tokens: segment.tokens(counter),
            encoding: counter.encoding().into(),
        };
        Ok(Primed {
            segments: vec![segment],
            workflow: self.workflow.clone(),
            checkpoints: self.checkpoints.clone(),
            report,
        })
    }
}

/// The name that a misspelt one may have meant, if one is near.
fn nearest(name: &str, names: &BTreeSet<Arc<str>>) -> Option<Arc<str>> {
    let farthest = (name.chars().count() / 3).max(1);
    names
        .iter()
        .map(|other| (strsim::damerau_levenshtein(name, other), other))
        .filter(|(distance, _)| *distance <= farthest)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, other)| Arc::clone(other))
}
