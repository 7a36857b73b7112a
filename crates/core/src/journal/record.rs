use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::budget::Budget;
use crate::error::{RecordedError, Source};
use crate::identity::{Digest, Key, RunId};
use crate::step::Effect;

/// One line of a run's journal: what happened to which key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// What the fact is about.
    pub key: Key,
    /// How long the run had been working when it was accepted, in milliseconds, over all processes.
    #[serde(rename = "worked_ms", with = "millis")]
    pub worked: Duration,
    /// What happened.
    pub fact: Fact,
}

impl Record {
    /// The context whose pattern was settled, and how, where that is what happened; see
    /// [`RunContext::settle`](crate::RunContext::settle).
    pub fn settlement(&self) -> Option<(Key, &Payload)> {
        let Fact::Decided { value } = &self.fact else { return None };
        let (place, name) = self.key.as_str().rsplit_once(':')?;
        let is_settlement = name == "%settled" || name.starts_with("%settled@");
        is_settlement.then(|| (Key::new(place), value))
    }

    /// The receipt of a success without its output, for a store that keeps no secrets: what it then
    /// writes says that the step or branch succeeded, but not with what.
    ///
    /// The run that has written the receipt knows the output for as long as its process lives. The
    /// next one treats a step as if it were in doubt: it runs again if its effect may repeat, and is
    /// put to the [`Reconciler`](crate::Reconciler) if not. A branch is entered again, and its steps
    /// replay.
    ///
    /// `None` where there is no output that may be withheld. What was decided or delivered may not,
    /// since nothing could answer in its place: a store that must not write it refuses the record, and
    /// so stops the run. A failure has no output, and no code acts upon its text: a store may write
    /// another one. The key stays as it is, so a secret in a name is refused as well.
    ///
    /// ```
    /// use maniple_core::{Fact, Outcome, Record};
    ///
    /// let line = r#"{"key":"/login/token","worked_ms":7,"fact":{"receipt":{
    ///     "digest":"af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
    ///     "outcome":{"ok":"hunter2"}}}}"#;
    /// let record: Record = serde_json::from_str(line)?;
    /// let withheld = record.withhold().expect("it is a success");
    /// assert!(matches!(withheld.fact, Fact::Receipt { outcome: Outcome::Withheld, .. }));
    /// assert!(withheld.withhold().is_none(), "nothing is left to withhold");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn withhold(mut self) -> Option<Self> {
        match &mut self.fact {
            Fact::Receipt { outcome: outcome @ Outcome::Ok(_), .. } => {
                *outcome = Outcome::Withheld;
                Some(self)
            }
            _ => None,
        }
    }
}

/// What a [`Record`] says. It is written as JSON with one member, named after the variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fact {
    /// The run began; always the first record, and under the root key.
    Started {
        /// The run's identity.
        run: RunId,
        /// The run's name.
        name: Arc<str>,
    },
    /// A step is about to have its effect.
    Intent {
        /// What may be done about it when no receipt follows.
        effect: Effect,
        /// The digest of the step's input.
        digest: Digest,
        /// What was taken out of the lease; it counts as spent until a receipt says otherwise.
        #[serde(default, skip_serializing_if = "Budget::is_zero")]
        reserved: Budget,
    },
    /// A durable branch was entered.
    Entered {
        /// The digest of the branch's input.
        digest: Digest,
    },
    /// A step or branch ended for good.
    Receipt {
        /// The digest of its input.
        digest: Digest,
        /// How it ended.
        outcome: Outcome,
        /// What it used.
        #[serde(default, skip_serializing_if = "Budget::is_zero")]
        spent: Budget,
    },
    /// A step or branch failed without an effect that lasts, and may be entered again.
    Failed {
        /// Why.
        error: RecordedError,
        /// What the failed attempt used.
        #[serde(default, skip_serializing_if = "Budget::is_zero")]
        spent: Budget,
    },
    /// The scope around an open step or branch settled without it: nobody will enter it again.
    Abandoned,
    /// Something that depends on time, arrival or the code's version was decided.
    Decided {
        /// The decision.
        value: Payload,
    },
    /// A branch waits for this signal.
    Awaited,
    /// The signal was delivered.
    Delivered {
        /// What was delivered.
        value: Payload,
    },
    /// The scope around the waiting branch settled without it.
    Withdrawn,
    /// The run returned, or failed for good; `None` is success. An execution that ends in another way
    /// writes nothing, and of several that end so the first does.
    Finished {
        /// The failure, if it was one.
        error: Option<RecordedError>,
    },
}

/// How a step or branch ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// With an output.
    Ok(Payload),
    /// With a failure that is final.
    Err(RecordedError),
    /// With an output that the store has not kept: see [`Record::withhold`].
    Withheld,
}

/// What answers for a step or branch that has ended: its output, or why it failed.
pub(crate) type Answer = Result<Payload, RecordedError>;

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        match answer {
            Ok(output) => Self::Ok(output),
            Err(error) => Self::Err(error),
        }
    }
}

/// A value as JSON text, kept as it was written.
#[derive(Clone)]
pub struct Payload(Arc<RawValue>);

impl Payload {
    /// Writes a value.
    ///
    /// # Errors
    /// When the value's `Serialize` fails, or it has no form in JSON.
    pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Self, Source> {
        serde_json::value::to_raw_value(value).map(|raw| Self(raw.into())).map_err(Source::new)
    }

    /// Reads the value back.
    ///
    /// # Errors
    /// When the text is not of the type asked for.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, Source> {
        serde_json::from_str(self.0.get()).map_err(Source::new)
    }

    /// The digest of the JSON text without the space between its tokens, which is all of it that a store
    /// may change.
    pub fn digest(&self) -> Digest {
        Digest::of_bytes(&without_space(self.as_str()))
    }

    /// The JSON text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|raw| Self(raw.into()))
    }
}

/// A JSON text without space between its tokens. A store may change that.
fn without_space(json: &str) -> Cow<'_, [u8]> {
    let (mut in_string, mut is_escaped) = (false, false);
    let mut is_kept = |byte: &u8| {
        let is_space = matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        let kept = in_string || !is_space;
        in_string ^= *byte == b'"' && !is_escaped;
        is_escaped = in_string && *byte == b'\\' && !is_escaped;
        kept
    };
    let json = json.as_bytes();
    match json.iter().position(|byte| !is_kept(byte)) {
        // As it is written by ourselves.
        None => Cow::Borrowed(json),
        Some(at) => {
            let rest = json[at + 1..].iter().copied().filter(is_kept);
            Cow::Owned(json[..at].iter().copied().chain(rest).collect())
        }
    }
}

mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(d: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
        u64::deserialize(d).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of a journal outlive the code that wrote them: a change here is a new schema.
    #[test]
    fn records_keep_their_form() {
        let digest = Digest::of(&1).unwrap();
        let record =
            |fact| Record { key: Key::new("/a#2"), worked: Duration::from_millis(7), fact };
        let cases = [
            (
                record(Fact::Intent {
                    effect: Effect::Reversible,
                    digest,
                    reserved: Budget { tokens: 5, ..Budget::ZERO },
                }),
                format!(
                    r#"{{"key":"/a#2","worked_ms":7,"fact":{{"intent":{{"effect":"reversible","digest":"{digest}","reserved":{{"tokens":5,"cost_micros":0,"calls":0}}}}}}}}"#
                ),
            ),
            (
                record(Fact::Receipt {
                    digest,
                    outcome: Outcome::Ok(Payload::encode(&[1, 2]).unwrap()),
                    spent: Budget::ZERO,
                }),
                format!(
                    r#"{{"key":"/a#2","worked_ms":7,"fact":{{"receipt":{{"digest":"{digest}","outcome":{{"ok":[1,2]}}}}}}}}"#
                ),
            ),
            (
                record(Fact::Receipt {
                    digest,
                    outcome: Outcome::Withheld,
                    spent: Budget { tokens: 5, ..Budget::ZERO },
                }),
                format!(
                    r#"{{"key":"/a#2","worked_ms":7,"fact":{{"receipt":{{"digest":"{digest}","outcome":"withheld","spent":{{"tokens":5,"cost_micros":0,"calls":0}}}}}}}}"#
                ),
            ),
            (record(Fact::Abandoned), r#"{"key":"/a#2","worked_ms":7,"fact":"abandoned"}"#.into()),
        ];
        for (record, text) in cases {
            assert_eq!(serde_json::to_string(&record).unwrap(), text);
            assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
        }
    }
}
