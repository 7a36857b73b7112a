use std::borrow::Cow;

use maniple_core::{Fact, Outcome, Payload, Record};

use crate::action::{Action, MergedValue};
use crate::error::BundleError;
use crate::format::{Encoded, encode_json, to_json};
use crate::redact::{Redacted, Redactor};

/// An action as it is to be written, and what of it is to be read again, without secrets.
pub(crate) fn encode(
    redactor: &Redactor,
    action: Action,
) -> Result<(Action, Encoded), BundleError> {
    let action = named_by_key(redactor, action)?;
    let json = to_json(&action)?;
    let Some(redacted) = redactor.redact_json(&json) else {
        return Ok((action, encode_json(json)?));
    };
    let action = match action {
        Action::Journal(record) => Action::Journal(without_secret(record, &redacted)?),
        _ => serde_json::from_slice(&redacted.json).map_err(|_| secret(&redacted))?,
    };
    let json = to_json(&action)?;
    match redactor.redact_json(&json) {
        None => Ok((action, encode_json(json)?)),
        Some(redacted) => Err(secret(&redacted)),
    }
}

/// The same without the values whose keys say that they are secrets.
fn named_by_key(redactor: &Redactor, mut action: Action) -> Result<Action, BundleError> {
    match &mut action {
        Action::Set { key, value } => redact_value(redactor, key, value)?,
        Action::Merged { values, .. } => {
            for MergedValue { key, value, .. } in values {
                value.iter_mut().try_for_each(|value| redact_value(redactor, key, value))?;
            }
        }
        _ => {}
    }
    Ok(action)
}

fn redact_value(redactor: &Redactor, key: &str, value: &mut Payload) -> Result<(), BundleError> {
    // The members of an object are found by their own keys.
    if value.as_str().starts_with('"')
        && let Ok(text) = value.decode::<String>()
        && let Cow::Owned(redacted) = redactor.redact_member(key, &text)
    {
        *value = Payload::encode(&redacted).map_err(|source| BundleError::NoForm { source })?;
    }
    Ok(())
}

/// A record of a run that says what it did, as far as a run may go on from it: an output is withheld,
/// and the text of a failure may say less. Anything else the run counts on.
fn without_secret(record: Record, redacted: &Redacted) -> Result<Record, BundleError> {
    if let Some(withheld) = record.clone().withhold() {
        return Ok(withheld);
    }
    let Ok(Action::Journal(read)) = serde_json::from_slice(&redacted.json) else {
        return Err(secret(redacted));
    };
    // Time is written in milliseconds, and holds no secret.
    let mut expected = Record { worked: read.worked, ..record };
    match (&mut expected.fact, &read.fact) {
        (
            Fact::Receipt { outcome: Outcome::Err(error), .. },
            Fact::Receipt { outcome: Outcome::Err(read), .. },
        )
        | (Fact::Failed { error, .. }, Fact::Failed { error: read, .. }) => *error = read.clone(),
        (Fact::Finished { error }, Fact::Finished { error: read }) => error.clone_from(read),
        _ => {}
    }
    if expected == read { Ok(read) } else { Err(secret(redacted)) }
}

fn secret(redacted: &Redacted) -> BundleError {
    BundleError::Secret { found: redacted.found.keys().cloned().collect() }
}
