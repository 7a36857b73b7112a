//! Which elements of long arrays stay where there is no room for all.

use std::cmp::{Ordering, Reverse};
use std::collections::HashMap;

use super::tape::{Shape, Tape, Value, Values};
use crate::logs::{Severity, judge};

/// Shorter arrays are left whole.
const SHORTEST: usize = 8;
/// A member has few values if at most one of so many elements brings a new one, and a value is
/// rare if at most one of so many has it.
const FEW: usize = 8;
const RARE: usize = 64;
/// Longer values are text, of which each is another.
const LONGEST_VALUE: usize = 64;
/// So many members are looked at.
const MOST_MEMBERS: usize = 64;

/// How much of the long arrays stays: of the elements that stand out below the middle, and of the
/// others above it.
pub(super) const LEVELS: usize = 2 * MIDDLE;
const MIDDLE: usize = OCTAVES * STEPS;
/// Each octave is twice as many elements as the one below.
const OCTAVES: usize = 16;
const STEPS: usize = 16;

/// The share of `all` at a level from 0 to [`MIDDLE`].
fn share(all: usize, level: usize) -> usize {
    let Some(level) = level.checked_sub(1) else { return 0 };
    let (octave, step) = (level / STEPS, level % STEPS);
    let steps = STEPS + step + 1;
    (all / (2 * STEPS) * steps + all % (2 * STEPS) * steps / (2 * STEPS)) >> (OCTAVES - 1 - octave)
}

/// Chooses elements, and remembers in which order those of an array go.
#[derive(Debug, Default)]
pub(super) struct Sample {
    /// None leaves all.
    pub(super) level: Option<usize>,
    ranked: HashMap<Option<Value>, Ranked>,
}

#[derive(Debug)]
struct Ranked {
    /// The elements with their indices, from the last to go to the first.
    order: Vec<(usize, Value)>,
    /// How many of them stand out.
    outstanding: usize,
}

/// Elements of an array.
#[derive(Debug)]
pub(super) struct Kept {
    /// Those that stay, in order.
    pub(super) elements: Vec<Value>,
    pub(super) left_out: usize,
}

impl Sample {
    /// What stays of an array.
    pub(super) fn array(&mut self, tape: &Tape<'_>, array: Value) -> Kept {
        self.choose(tape, Some(array), tape.parts(array))
    }

    /// What stays of a text of several values.
    pub(super) fn lines(&mut self, tape: &Tape<'_>) -> Kept {
        self.choose(tape, None, tape.roots())
    }

    fn choose(&mut self, tape: &Tape<'_>, of: Option<Value>, all: Values<'_, '_>) -> Kept {
        let is_long = |all: Values<'_, '_>| all.take(SHORTEST).count() == SHORTEST;
        let Some(level) = self.level.filter(|_| is_long(all.clone())) else {
            return Kept { elements: all.collect(), left_out: 0 };
        };
        let ranked = self.ranked.entry(of).or_insert_with(|| rank(tape, &all.collect::<Vec<_>>()));
        let others = ranked.order.len() - ranked.outstanding;
        let keep = if level < MIDDLE {
            share(ranked.outstanding, level).max(1)
        } else {
            ranked.outstanding + share(others, level - MIDDLE)
        };
        let mut kept = ranked.order[..keep].to_vec();
        kept.sort_unstable();
        let left_out = ranked.order.len() - keep;
        Kept { elements: kept.into_iter().map(|(_, value)| value).collect(), left_out }
    }
}

/// Why an element stands out, the better reason the later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    None,
    RareValue,
    Extreme,
    FirstOrLast,
    Alarm,
}

fn rank(tape: &Tape<'_>, elements: &[Value]) -> Ranked {
    let mut reasons = vec![Reason::None; elements.len()];
    for at in outliers(tape, elements) {
        reasons[at] = reasons[at].max(Reason::RareValue);
    }
    for at in extremes(tape, elements) {
        reasons[at] = reasons[at].max(Reason::Extreme);
    }
    for at in [0, elements.len() - 1] {
        reasons[at] = reasons[at].max(Reason::FirstOrLast);
    }
    for (reason, &element) in reasons.iter_mut().zip(elements) {
        if is_alarming(tape, element) {
            *reason = Reason::Alarm;
        }
    }
    let mut order: Vec<(usize, Value)> = elements.iter().copied().enumerate().collect();
    // Indices by their bits in reverse are spread evenly, however many of them are taken.
    order.sort_unstable_by_key(|&(at, _)| (Reverse(reasons[at]), at.reverse_bits()));
    let outstanding = reasons.iter().filter(|&&reason| reason != Reason::None).count();
    Ranked { order, outstanding }
}

/// The members of an element that are neither object nor array, or the element itself.
fn scalars<'p, 't>(
    tape: &'p Tape<'t>,
    element: Value,
) -> impl Iterator<Item = (&'t str, Value)> + use<'p, 't> {
    let is_scalar = |value| matches!(tape.shape(value), Shape::String | Shape::Other);
    let is_object = tape.shape(element) == Shape::Object;
    let members = is_object.then(|| tape.members(element).take(MOST_MEMBERS));
    let itself = is_scalar(element).then_some(("", element));
    members.into_iter().flatten().chain(itself).filter(move |&(_, value)| is_scalar(value))
}

/// The elements with the least and the greatest number of each member.
fn extremes(tape: &Tape<'_>, elements: &[Value]) -> Vec<usize> {
    let mut found: HashMap<&str, [(Decimal<'_>, usize); 2]> = HashMap::new();
    for (at, &element) in elements.iter().enumerate() {
        for (key, value) in scalars(tape, element) {
            let Some(number) = Decimal::of(tape.raw(value)) else { continue };
            if found.len() >= MOST_MEMBERS && !found.contains_key(key) {
                continue;
            }
            let [least, greatest] = found.entry(key).or_insert([(number, at); 2]);
            if number < least.0 {
                *least = (number, at);
            }
            if number > greatest.0 {
                *greatest = (number, at);
            }
        }
    }
    found.into_values().flatten().map(|(_, at)| at).collect()
}

/// The elements with a rare value of a member that has few.
fn outliers(tape: &Tape<'_>, elements: &[Value]) -> Vec<usize> {
    #[derive(Default)]
    struct Member<'t> {
        times: HashMap<&'t str, (usize, usize)>,
        is_free: bool,
    }
    let mut members: HashMap<&str, Member<'_>> = HashMap::new();
    for (at, &element) in elements.iter().enumerate() {
        for (key, value) in scalars(tape, element) {
            if members.len() >= MOST_MEMBERS && !members.contains_key(key) {
                continue;
            }
            let member = members.entry(key).or_default();
            let raw = tape.raw(value);
            if member.is_free {
                continue;
            }
            member.times.entry(raw).or_insert((0, at)).0 += 1;
            let too_many = member.times.len() * FEW > elements.len().max(4 * FEW);
            if raw.len() > LONGEST_VALUE || too_many {
                *member = Member { times: HashMap::new(), is_free: true };
            }
        }
    }
    let most = (elements.len() / RARE).max(1);
    let times = members.into_values().flat_map(|member| member.times.into_values());
    times.filter(|&(times, _)| times <= most).map(|(_, first)| first).collect()
}

/// Whether something in an element speaks of a failure: a word of its texts, a member that is named
/// after an error and has a value, or the status of a response.
fn is_alarming(tape: &Tape<'_>, element: Value) -> bool {
    if let Shape::Other = tape.shape(element) {
        return false;
    }
    let mut open = vec![("", element)];
    let mut seen = 0;
    while let Some((key, value)) = open.pop() {
        seen += 1;
        if seen > MOST_MEMBERS {
            return false;
        }
        let raw = tape.raw(value);
        let is_alarming = match tape.shape(value) {
            Shape::Object => {
                open.extend(tape.members(value).take(MOST_MEMBERS));
                false
            }
            Shape::Array => {
                open.extend(tape.parts(value).take(MOST_MEMBERS).map(|value| (key, value)));
                false
            }
            Shape::String => judge(raw) == Severity::Alarm || raw != r#""""# && names_alarm(key),
            Shape::Other => match raw {
                "null" | "false" | "0" => false,
                "true" => names_alarm(key),
                number => names_alarm(key) || names_status(key) && is_failure(number),
            },
        };
        if is_alarming {
            return true;
        }
    }
    false
}

fn names_alarm(key: &str) -> bool {
    !key.is_empty() && judge(key) == Severity::Alarm
}

fn names_status(key: &str) -> bool {
    let key = key.trim_matches('"').to_ascii_lowercase();
    key.ends_with("status") || key.ends_with("code")
}

fn is_failure(number: &str) -> bool {
    number.len() == 3 && matches!(number.as_bytes()[0], b'4' | b'5')
}

/// A number without an exponent, compared digit by digit: it may have more of them than any type
/// holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Decimal<'t> {
    is_negative: bool,
    whole: &'t str,
    part: &'t str,
}

impl<'t> Decimal<'t> {
    fn of(raw: &'t str) -> Option<Self> {
        let digits = raw.strip_prefix('-').unwrap_or(raw);
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let is_number = !whole.is_empty() && is_digits(whole) && is_digits(part);
        let is_negative = raw.len() > digits.len();
        is_number.then(|| Self { is_negative, whole, part: part.trim_end_matches('0') })
    }
}

impl PartialOrd for Decimal<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        // There are no leading zeros in JSON, so the longer is the greater.
        let size = |it: &Self| (it.whole.len(), it.whole, it.part);
        match (self.is_negative, other.is_negative) {
            (false, false) => size(self).cmp(&size(other)),
            (true, true) => size(other).cmp(&size(self)),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}
