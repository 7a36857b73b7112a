//! Segments back to messages.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use super::edit::{Edit, Fate};
use super::error::WriteError;
use super::json::{object, quoted};
use super::{Form, Message, Part, Style, Transcript};
use crate::segment::{Kind, PairId, Role, Segment, SegmentId};

/// Stands at the beginning where the first message left is not the user's, as Anthropic asks.
const BEGINNING: &str = "[earlier messages left out]";

/// Added segments, each with the message that it stands before.
type Notes<'s> = Vec<(usize, &'s Segment)>;

impl Transcript {
    /// The conversation with these segments, those that an optimizer returned: some gone, some
    /// shortened, some added.
    ///
    /// It is compact JSON of the same shape as what was read, with every untouched message byte
    /// for byte as it was. A message goes with the last of its segments; a text that is empty now
    /// goes, too, but for results. A changed call must still be the name, a space and JSON.
    ///
    /// What is added becomes a message of its own, of the user unless its role says otherwise,
    /// where it stands among the others. Nothing may stand inside a message or between calls and
    /// their results, so there it comes before all of those. If messages have ids, so has it. Where
    /// Anthropic's first message would no longer be the user's, one of six tokens comes before it,
    /// `[earlier messages left out]`.
    ///
    /// # Errors
    /// [`WriteError`] where segments are there twice or in another order, a pair is broken, a
    /// changed call is none, or a call or result is added.
    pub fn write(&self, segments: &[Segment]) -> Result<String, WriteError> {
        let (fates, added) = self.fates(segments)?;
        let mut messages: Vec<Option<String>> = Vec::with_capacity(self.messages.len());
        for (index, message) in self.messages.iter().enumerate() {
            messages.push(self.message(message, self.range(index), &fates)?);
        }
        let groups = Groups::of(self, &fates, &messages);
        let mut notes: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for (gap, segment) in added {
            notes.entry(groups.gap(gap)).or_default().push(self.note(segment));
        }
        let mut written = Written::default();
        let is_system = |message: &Message| message.form == Form::System;
        for (index, message) in self.messages.iter().enumerate() {
            written.extend(notes.remove(&index));
            if let Some(json) = messages[index].take() {
                if is_system(message) {
                    written.system = Some(json);
                    continue;
                }
                if written.items.is_empty() && self.lost_beginning(message) {
                    written.items.push(new_message("user", BEGINNING, None));
                }
                written.items.push(json);
            }
        }
        written.extend(notes.remove(&self.messages.len()));
        Ok(self.assemble(&written))
    }

    /// What became of each segment, and what was added.
    fn fates<'s>(&self, segments: &'s [Segment]) -> Result<(Vec<Fate<'s>>, Notes<'s>), WriteError> {
        let places: HashMap<&SegmentId, usize> =
            self.segments.iter().enumerate().map(|(at, segment)| (segment.id(), at)).collect();
        let mut fates = vec![Fate::Gone; self.segments.len()];
        let mut added = Vec::new();
        let mut waiting = Vec::new();
        let mut next = 0;
        for segment in segments {
            let Some(&at) = places.get(segment.id()) else {
                if matches!(segment.kind(), Kind::ToolCall | Kind::ToolResult) {
                    return Err(WriteError::ForeignCall { id: segment.id().clone() });
                }
                waiting.push(segment);
                continue;
            };
            let id = || segment.id().clone();
            if fates[at] != Fate::Gone {
                return Err(WriteError::Twice { id: id() });
            }
            if at < next {
                return Err(WriteError::OutOfOrder { id: id() });
            }
            next = at + 1;
            let is_same = segment.text() == self.segments[at].text();
            fates[at] = if is_same { Fate::Same } else { Fate::Changed(segment.text()) };
            let gap = self.slots[at].message;
            added.extend(waiting.drain(..).map(|segment| (gap, segment)));
        }
        added.extend(waiting.into_iter().map(|segment| (self.messages.len(), segment)));
        self.check_pairs(&fates)?;
        Ok((fates, added))
    }

    fn check_pairs(&self, fates: &[Fate<'_>]) -> Result<(), WriteError> {
        // Whether the call and any of its results are left; `None` where it has no result.
        let mut left: HashMap<&PairId, (bool, Option<bool>)> = HashMap::new();
        for (segment, fate) in self.segments.iter().zip(fates) {
            let Some(pair) = segment.pair() else { continue };
            let is_left = *fate != Fate::Gone;
            let (call, result) = left.entry(pair).or_default();
            match segment.kind() {
                Kind::ToolCall => *call = is_left,
                _ => *result = Some(is_left || *result == Some(true)),
            }
        }
        let is_broken = |segment: &&Segment| {
            let half = segment.pair().and_then(|pair| left.get(pair));
            half.is_some_and(|(call, result)| result.is_some_and(|result| result != *call))
        };
        match self.segments.iter().find(is_broken).and_then(Segment::pair) {
            Some(pair) => Err(WriteError::BrokenPair { pair: pair.clone() }),
            None => Ok(()),
        }
    }

    pub(super) fn range(&self, message: usize) -> Range<usize> {
        let end = self.messages.get(message + 1).map_or(self.segments.len(), |next| next.first);
        self.messages[message].first..end
    }

    /// A message with what is left of it, if anything is.
    fn message(
        &self,
        message: &Message,
        range: Range<usize>,
        fates: &[Fate<'_>],
    ) -> Result<Option<String>, WriteError> {
        let mine = &fates[range.clone()];
        if mine.iter().all(|fate| *fate == Fate::Same) {
            return Ok(Some(message.json.get().to_owned()));
        }
        let parts: BTreeMap<Part, Fate<'_>> = range
            .map(|at| {
                let fate = match fates[at] {
                    Fate::Changed(text)
                        if text.trim().is_empty()
                            && self.segments[at].kind() != Kind::ToolResult =>
                    {
                        Fate::Gone
                    }
                    fate => fate,
                };
                (self.slots[at].part, fate)
            })
            .collect();
        if parts.iter().all(|(_, fate)| *fate == Fate::Gone) {
            return Ok(None);
        }
        let edit = Edit::new(parts);
        let written = match message.form {
            Form::System => edit.content(&message.json),
            Form::User | Form::Other => edit.message(&message.json).map(Some),
        };
        written.map_err(|part| WriteError::BrokenCall { id: self.id_of(message, part) })
    }

    fn id_of(&self, message: &Message, part: Part) -> SegmentId {
        let slots = self.slots[message.first..].iter();
        let at = message.first + slots.take_while(|slot| slot.part != part).count();
        self.segments[at].id().clone()
    }

    fn note(&self, segment: &Segment) -> String {
        let id = self.has_ids.then(|| segment.id().as_str());
        let role = match (self.style, segment.role()) {
            (_, Role::Assistant) => "assistant",
            (Style::OpenAi, Role::System) => "system",
            _ => "user",
        };
        new_message(role, segment.text(), id)
    }

    /// Whether a user's message stood first, and this one that now does is none.
    fn lost_beginning(&self, first: &Message) -> bool {
        let begins = self.messages.iter().find(|message| message.form != Form::System);
        self.style == Style::Anthropic
            && first.form == Form::Other
            && begins.is_some_and(|message| message.form == Form::User)
    }

    fn assemble(&self, written: &Written) -> String {
        let messages = format!("[{}]", written.items.join(","));
        let Some(request) = &self.request else {
            return messages;
        };
        object(request.iter().filter_map(|(name, value)| {
            let value = match (value, &**name) {
                (Some(value), _) => value.get(),
                (None, "messages") => &messages,
                (None, _) => written.system.as_deref()?,
            };
            Some((&**name, value))
        }))
    }
}

fn new_message(role: &str, text: &str, id: Option<&str>) -> String {
    let id = id.map(|id| ("id", quoted(id)));
    object(id.into_iter().chain([("role", quoted(role)), ("content", quoted(text))]))
}

#[derive(Default)]
struct Written {
    system: Option<String>,
    items: Vec<String>,
}

impl Written {
    fn extend(&mut self, notes: Option<Vec<String>>) {
        self.items.extend(notes.into_iter().flatten());
    }
}

/// The messages between which nothing may stand: from a call to its last result.
struct Groups {
    /// The first and the last message of each, in order, apart from each other.
    spans: Vec<(usize, usize)>,
}

impl Groups {
    fn of(transcript: &Transcript, fates: &[Fate<'_>], messages: &[Option<String>]) -> Self {
        let mut calls: HashMap<&PairId, usize> = HashMap::new();
        let mut spans: Vec<(usize, usize)> = Vec::new();
        let mut answers = BTreeSet::new();
        for (at, segment) in transcript.segments.iter().enumerate() {
            let Some(pair) = segment.pair().filter(|_| fates[at] != Fate::Gone) else { continue };
            let message = transcript.slots[at].message;
            if segment.kind() == Kind::ToolCall {
                calls.insert(pair, spans.len());
                spans.push((message, message));
            } else if let Some(call) = calls.get(pair) {
                spans[*call].1 = message;
                answers.insert(message);
            }
        }
        // A call of the last turn waits for its result, which must come next.
        let last = (0..messages.len())
            .rposition(|message| messages[message].is_some() && !answers.contains(&message))
            .unwrap_or_default();
        for span in spans.iter_mut().filter(|span| span.0 == span.1 && span.0 >= last) {
            span.1 = messages.len();
        }
        let mut merged: Vec<(usize, usize)> = Vec::new();
        for (first, end) in spans {
            match merged.last_mut() {
                Some(group) if first <= group.1 => group.1 = group.1.max(end),
                _ => merged.push((first, end)),
            }
        }
        Self { spans: merged }
    }

    /// Before which message to put what would stand before this one.
    fn gap(&self, gap: usize) -> usize {
        let group = self.spans.partition_point(|(first, _)| *first < gap);
        match group.checked_sub(1).map(|group| self.spans[group]) {
            Some((first, last)) if gap <= last => first,
            _ => gap,
        }
    }
}
