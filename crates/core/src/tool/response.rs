use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{AgentError, Class, RecordedError};

/// What a tool hands back.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ToolOutput {
    /// What the model is told.
    pub data: Value,
    /// What the host alone is told, such as where the data comes from.
    pub metadata: BTreeMap<String, Value>,
}

impl ToolOutput {
    /// Adds something for the host.
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.metadata.insert(name.into(), value.into());
        self
    }
}

impl From<Value> for ToolOutput {
    fn from(data: Value) -> Self {
        Self { data, metadata: BTreeMap::new() }
    }
}

/// How a call ended, in a form that is journaled and that a model can read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolResponse {
    /// How it ended.
    pub outcome: ToolOutcome,
    /// What the tool has found or done; null where it has not succeeded.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub data: Value,
    /// Why it has not succeeded; `None` where it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ToolError>,
    /// How long the tool worked, by the wall clock: that of the call that was journaled, in a replay
    /// too. Zero where no tool worked, or a reconciler has answered for it.
    pub duration: Duration,
    /// What the tool told the host and not the model.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, Value>,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ToolOutcome {
    /// The tool did what it is for.
    Succeeded,
    /// The tool has failed; the class of the error says what that means.
    Failed,
    /// The arguments are not those of the tool, which was not called.
    Rejected,
    /// There is no tool of that name.
    Unknown,
    /// The context does not permit the tool, which was not called.
    NotPermitted,
    /// The tool panicked, or the reading of its arguments did.
    Panicked,
}

/// Why a call did not succeed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolError {
    /// What the failure means.
    pub class: Class,
    /// What happened, in words for the model.
    pub text: String,
    /// What is wrong with the arguments, in the order of the paths; at most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<ArgumentFault>,
    /// How many more things are wrong with them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub omitted: usize,
    /// Where arguments that came as a text stop being JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<JsonPosition>,
}

/// One thing that is wrong with the arguments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArgumentFault {
    /// The JSON pointer of the value that is wrong; empty for the arguments as a whole. Where it
    /// would be longer than 200 bytes, it is that of what the value stands in.
    pub path: String,
    /// What is wrong.
    pub problem: String,
    /// What is allowed, as the schema says it, where it does; a long one is a text that is cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<Value>,
}

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct JsonPosition {
    /// The line, from 1.
    pub line: usize,
    /// How many bytes of the line were read.
    pub column: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl ToolResponse {
    /// A call that has succeeded: what a [`Reconciler`](crate::Reconciler) that knows it answers with,
    /// as [`Reconciled::completed`](crate::Reconciled::completed).
    pub fn succeeded(output: impl Into<ToolOutput>) -> Self {
        let ToolOutput { data, metadata } = output.into();
        let (outcome, duration) = (ToolOutcome::Succeeded, Duration::ZERO);
        Self { outcome, data, error: None, duration, metadata }
    }

    /// A call that has failed, or whose tool panicked.
    pub fn failed(error: &AgentError) -> Self {
        if let AgentError::Panicked { message, .. } = error {
            let error = ToolError::new(Class::Panicked, format!("the tool panicked: {message}"));
            return Self::not(ToolOutcome::Panicked, error);
        }
        let RecordedError { class, text } = error.recorded();
        Self::not(ToolOutcome::Failed, ToolError::new(class, text.as_ref()))
    }

    pub(super) fn not(outcome: ToolOutcome, error: ToolError) -> Self {
        let (data, duration) = (Value::Null, Duration::ZERO);
        Self { outcome, data, error: Some(error), duration, metadata: BTreeMap::new() }
    }

    pub(super) fn after(self, duration: Duration) -> Self {
        Self { duration, ..self }
    }

    /// Whether the tool did what it is for.
    pub fn is_success(&self) -> bool {
        self.outcome == ToolOutcome::Succeeded
    }

    /// What a model is told: outcome, data and error as compact JSON. What only the host is to know,
    /// and the duration, which is another each time, are not in it.
    #[expect(clippy::missing_panics_doc, reason = "the invariant is stated")]
    pub fn for_model(&self) -> String {
        #[derive(Serialize)]
        struct ForModel<'a> {
            outcome: ToolOutcome,
            #[serde(skip_serializing_if = "Value::is_null")]
            data: &'a Value,
            #[serde(skip_serializing_if = "Option::is_none")]
            error: Option<&'a ToolError>,
        }
        let Self { outcome, data, error, .. } = self;
        let told = ForModel { outcome: *outcome, data, error: error.as_ref() };
        serde_json::to_string(&told).expect("texts, numbers and JSON values have a form in JSON")
    }

    /// The data, for code that has no use for a response that is no success.
    ///
    /// # Errors
    /// The failure with its class, and the text of all that is wrong.
    pub fn into_result(self) -> Result<Value, AgentError> {
        match self.error {
            None => Ok(self.data),
            Some(error) => {
                let text = error.to_string().into();
                Err(AgentError::Recorded(RecordedError { class: error.class, text }))
            }
        }
    }
}

impl ToolError {
    pub(super) fn new(class: Class, text: impl Into<String>) -> Self {
        let (text, faults) = (text.into(), Vec::new());
        Self { class, text, faults, omitted: 0, position: None }
    }
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        for (i, fault) in self.faults.iter().enumerate() {
            write!(f, "{} {fault}", if i == 0 { ":" } else { ";" })?;
        }
        if self.omitted > 0 {
            write!(f, "; and {} more", self.omitted)?;
        }
        Ok(())
    }
}

impl fmt::Display for ArgumentFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.problem),
            path => write!(f, "{} at {path}", self.problem),
        }
    }
}
