use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::redact::Redactor;

/// What a host says about a session when it creates it.
///
/// ```
/// use maniple_bundles::Meta;
/// let meta = Meta::new("brief").with_label("question", "how does retry work?");
/// assert_eq!(meta.label("question"), Some("how does retry work?"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meta {
    name: String,
    labels: BTreeMap<String, String>,
}

impl Meta {
    /// A name for people; it need not be unique.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), labels: BTreeMap::new() }
    }

    /// Adds a label, or replaces the one of that key.
    pub fn with_label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    /// The same without secrets.
    pub(crate) fn redacted(self, redactor: &Redactor) -> Self {
        let redact = |text: String| redactor.redact(&text).into_owned();
        let labels = self.labels.into_iter().map(|(key, value)| {
            let value = redactor.redact_member(&key, &value).into_owned();
            (redact(key), value)
        });
        Self { name: redact(self.name), labels: labels.collect() }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The label of that key.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key).map(String::as_str)
    }

    /// All labels, by key.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.labels.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}
