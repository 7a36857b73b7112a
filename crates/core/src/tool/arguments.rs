//! What a model sends, and what is wrong with it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;

use super::cost::{DEEPEST, is_affordable, is_deeper};
use super::registry::Entry;
use super::response::{ArgumentFault, JsonPosition, ToolError, ToolOutcome, ToolResponse};
use crate::contain::message;
use crate::error::Class;

/// How many faults a model is told of.
const MOST: usize = 16;
/// How long a path is at most, in bytes, and how long the other texts of a fault are.
const LONGEST_PATH: usize = 200;
const LONGEST_TEXT: usize = 300;
/// How long a value is that is shown to the model again.
const LONGEST_SHOWN: usize = 40;
/// What is told where looking for the place would take too long.
const TOO_MANY: &str = "something in it is wrong, and its alternatives are nested too deep to say where: nest them less";

/// The arguments that a tool is called with, or what the model is answered. A function of the tool and
/// of what was sent alone.
pub(super) fn accept(entry: &Entry, sent: Value) -> Result<Value, Box<ToolResponse>> {
    let refuse = |outcome, error| Box::new(ToolResponse::not(outcome, error));
    let rejected = |error| refuse(ToolOutcome::Rejected, error);
    let arguments = parse(sent).map_err(rejected)?;
    if is_deeper(&arguments, DEEPEST) {
        let text = format!("the arguments are nested deeper than {DEEPEST} levels");
        return Err(rejected(ToolError::new(Class::Permanent, text)));
    }
    // Types of the host's own read data from outside here, and not in the body of a step.
    let checked = catch_unwind(AssertUnwindSafe(|| check(entry, &arguments)));
    match checked {
        Ok(Ok(())) => Ok(arguments),
        Ok(Err(error)) => Err(rejected(error)),
        Err(panic) => {
            let text = format!("reading the arguments panicked: {}", message(&*panic));
            Err(refuse(ToolOutcome::Panicked, ToolError::new(Class::Panicked, text)))
        }
    }
}

/// No tool takes a text, so one stands for the JSON in it. Of a tool without arguments, some models
/// say nothing at all.
fn parse(sent: Value) -> Result<Value, ToolError> {
    let sent = match sent {
        Value::String(text) if text.trim().is_empty() => Value::Null,
        Value::String(text) => serde_json::from_str(&text).map_err(|error| {
            let position = JsonPosition { line: error.line(), column: error.column() };
            let text = format!("the arguments are not JSON: {error}");
            ToolError { position: Some(position), ..ToolError::new(Class::Permanent, text) }
        })?,
        sent => sent,
    };
    Ok(if sent.is_null() { Value::Object(serde_json::Map::new()) } else { sent })
}

fn check(entry: &Entry, arguments: &Value) -> Result<(), ToolError> {
    let (faults, omitted) = if entry.validator.is_valid(arguments) {
        match entry.spec.misfit(arguments) {
            None => return Ok(()),
            Some(misfit) => (vec![misfit], 0),
        }
    } else {
        faults(entry, arguments)
    };
    let text = "the arguments do not fit the tool's schema";
    Err(ToolError { faults, omitted, ..ToolError::new(Class::Permanent, text) })
}

/// The first faults, and how many more there are. The order in which they are found is the
/// validator's own affair; that in which they are told is not.
fn faults(entry: &Entry, arguments: &Value) -> (Vec<ArgumentFault>, usize) {
    let schema = entry.spec.schema().as_value();
    if !is_affordable(schema, arguments) {
        let problem = TOO_MANY.to_owned();
        return (vec![ArgumentFault { path: String::new(), problem, allowed: None }], 0);
    }
    let errors: Vec<_> = entry.validator.iter_errors(arguments).collect();
    let mut meant = Vec::with_capacity(errors.len());
    for error in &errors {
        push_meant(error, &mut meant);
    }
    let place = |error: &ValidationError<'_>| {
        (error.instance_path().as_str().to_owned(), error.schema_path().as_str().to_owned())
    };
    meant.sort_by_cached_key(|error| (place(error), error.masked().to_string()));
    let omitted = meant.len().saturating_sub(MOST);
    (meant.iter().take(MOST).map(|error| fault(error, schema)).collect(), omitted)
}

/// Where one of several alternatives is clearly the one that was meant, what is wrong there says more
/// than that none of them fits.
fn push_meant<'e, 'i>(error: &'e ValidationError<'i>, meant: &mut Vec<&'e ValidationError<'i>>)
where
    'static: 'i,
{
    let (ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context }) =
        error.kind()
    else {
        return meant.push(error);
    };
    let here = error.instance_path();
    let is_another = |inner: &ValidationError<'static>| match inner.kind() {
        ValidationErrorKind::Constant { .. } => true,
        ValidationErrorKind::Type { .. } => inner.instance_path() == here,
        _ => false,
    };
    let mut likely = context.iter().filter(|errors| !errors.iter().any(is_another));
    match (likely.next(), likely.next()) {
        (Some(only), None) if !only.is_empty() => {
            for inner in only {
                push_meant(inner, meant);
            }
        }
        _ => meant.push(error),
    }
}

fn fault(error: &ValidationError<'_>, schema: &Value) -> ArgumentFault {
    ArgumentFault {
        path: shorten_path(error.instance_path().as_str()),
        problem: shorten(error.masked_with(shown(error.instance())).to_string(), LONGEST_TEXT),
        allowed: allowed(error, schema),
    }
}

/// What the schema says at the keyword that does not hold.
fn allowed(error: &ValidationError<'_>, schema: &Value) -> Option<Value> {
    let at = error.schema_path().as_str();
    let allowed = match error.kind() {
        // The schema only says `false` there.
        ValidationErrorKind::AdditionalProperties { .. }
        | ValidationErrorKind::UnevaluatedProperties { .. } => {
            let (around, _) = at.rsplit_once('/')?;
            let properties = schema.pointer(around)?.get("properties")?.as_object()?;
            Value::from(properties.keys().cloned().collect::<Vec<_>>())
        }
        _ => schema.pointer(at)?.clone(),
    };
    let text = allowed.to_string();
    Some(if text.len() > LONGEST_TEXT { shorten(text, LONGEST_TEXT).into() } else { allowed })
}

/// A value as the model is shown it again.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => "an array".into(),
        Value::Object(_) => "an object".into(),
        Value::String(text) if text.len() > LONGEST_SHOWN => "a string".into(),
        value => value.to_string(),
    }
}

/// What keeps a value from a type, if anything does.
pub(super) fn misfit<A: DeserializeOwned>(arguments: &Value) -> Option<ArgumentFault> {
    let error = serde_path_to_error::deserialize::<_, A>(arguments).err()?;
    let mut path = String::new();
    for segment in error.path() {
        let part = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => key.replace('~', "~0").replace('/', "~1"),
            Segment::Enum { variant } => variant.replace('~', "~0").replace('/', "~1"),
            Segment::Unknown => break,
        };
        let below = format!("{path}/{part}");
        // How an enum is written decides whether its variant is a key.
        if arguments.pointer(&below).is_some() {
            path = below;
        }
    }
    let problem = shorten(error.inner().to_string(), LONGEST_TEXT);
    Some(ArgumentFault { path: shorten_path(&path), problem, allowed: None })
}

/// The path, or that of what it stands in.
fn shorten_path(path: &str) -> String {
    let mut path = path;
    while path.len() > LONGEST_PATH {
        path = path.rsplit_once('/').map_or("", |(above, _)| above);
    }
    path.to_owned()
}

pub(super) fn shorten(mut text: String, longest: usize) -> String {
    if text.len() > longest {
        let cuts = (0..=longest).rev();
        text.truncate(cuts.into_iter().find(|at| text.is_char_boundary(*at)).unwrap_or(0));
        text.push('…');
    }
    text
}
