use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use maniple_core::{Class, Classify};

use crate::names::PrimerName;

/// Why a primer could not be made, or could not prime. The same call fails again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrimeError {
    /// A text is no primer's name.
    #[error(
        "{name:?} cannot name a primer: use lower-case letters, digits and single hyphens between \
         them"
    )]
    InvalidName {
        /// The text.
        name: Arc<str>,
    },
    /// A template does not parse.
    #[error("the template of {primer} does not parse, line {line}: {detail}")]
    Syntax {
        /// The primer whose template it is.
        primer: PrimerName,
        /// The line of the template, counted from 1.
        line: usize,
        /// What is wrong there.
        detail: Box<str>,
        /// The template engine's error.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The request lacks variables that the template takes.
    #[error("{primer} needs {}; it takes {}", Names(missing), Names(takes))]
    MissingVariables {
        /// The primer asked.
        primer: PrimerName,
        /// What is missing, at least one.
        missing: BTreeSet<Arc<str>>,
        /// All that the template takes.
        takes: BTreeSet<Arc<str>>,
    },
    /// The request has a variable that the template does not take.
    #[error(
        "{primer} takes no {variable}{}; it takes {}",
        Suggestion(suggestion.as_deref()),
        Names(takes)
    )]
    UnknownVariable {
        /// The primer asked.
        primer: PrimerName,
        /// The variable that it does not take.
        variable: Arc<str>,
        /// The variable that may have been meant.
        suggestion: Option<Arc<str>>,
        /// All that the template takes.
        takes: BTreeSet<Arc<str>>,
    },
    /// Rendering took more steps than a template may.
    #[error("the template of {primer} ran too long and was stopped: shorten its loops")]
    OutOfFuel {
        /// The primer whose template it is.
        primer: PrimerName,
    },
    /// A template cannot be rendered with these values.
    #[error("the template of {primer} failed, line {line}: {detail}")]
    Render {
        /// The primer whose template it is.
        primer: PrimerName,
        /// The line of the template, counted from 1.
        line: usize,
        /// What failed there.
        detail: Box<str>,
        /// The template engine's error.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl Classify for PrimeError {
    fn class(&self) -> Class {
        Class::Permanent
    }
}

struct Names<'a>(&'a BTreeSet<Arc<str>>);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("no variables");
        }
        for (i, name) in self.0.iter().enumerate() {
            write!(f, "{}{name}", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

struct Suggestion<'a>(Option<&'a str>);

impl fmt::Display for Suggestion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, " (did you mean {name}?)"),
            None => Ok(()),
        }
    }
}
