use memchr::memchr;

use super::members::secret_of;
use super::pattern::Patterns;
use super::{Found, Members, Rules, marks};
use crate::json::{string_end, unescape};

/// One search of a text, with what it found so far.
pub(super) struct Search<'a> {
    rules: &'a Rules,
    /// `None` if none of them can match in this text.
    patterns: Option<&'a Patterns>,
    pub(super) found: Found,
}

impl<'a> Search<'a> {
    pub(super) fn of_text(rules: &'a Rules) -> Self {
        Self { rules, patterns: Some(&rules.patterns), found: Found::new() }
    }

    /// Looks at the whole text first: most JSON has no secrets, and many short strings.
    pub(super) fn of_json(rules: &'a Rules, json: &str) -> Self {
        let may_match = rules.patterns.may_match_in_json(json);
        Self { patterns: may_match.then_some(&rules.patterns), ..Self::of_text(rules) }
    }

    /// Replaces the secrets in the strings of a JSON text; `None` if there is none.
    ///
    /// In text that only looks like JSON, what stands between quotes is taken for a string.
    pub(super) fn strings(&mut self, json: &str) -> Option<String> {
        if self.patterns.is_none() && self.rules.members == Members::Kept {
            return None;
        }
        let mut redacted = String::new();
        let mut copied = 0;
        let mut key = None;
        let mut at = 0;
        while let Some(quote) = memchr(b'"', &json.as_bytes()[at..]) {
            let start = at + quote + 1;
            let Some(end) = string_end(json.as_bytes(), start) else { break };
            let content = &json[start..end];
            let member = key.filter(|_| is_colon(&json[at..start - 1]));
            let replaced = match member.and_then(|key| self.secret_member(key, content)) {
                Some(name) => {
                    *self.found.entry(name.to_owned()).or_default() += 1;
                    Some(marks::mark(name))
                }
                None => self.content(content),
            };
            if let Some(replaced) = replaced {
                redacted.push_str(&json[copied..start - 1]);
                redacted.push_str(&serde_json::Value::from(replaced).to_string());
                copied = end + 1;
            }
            key = Some(content);
            at = end + 1;
        }
        if copied == 0 {
            return None;
        }
        redacted.push_str(&json[copied..]);
        Some(redacted)
    }

    /// The name of the secret that this content is because of its key.
    fn secret_member(&self, key: &str, content: &str) -> Option<&'static str> {
        if self.rules.members == Members::Kept || content.is_empty() || marks::is_mark(content) {
            return None;
        }
        secret_of(&unescape(key)?)
    }

    fn content(&mut self, content: &str) -> Option<String> {
        // Escapes only make it longer.
        if content.len() < self.rules.shortest {
            return None;
        }
        if self.patterns.is_none() && !may_hold_json(content) {
            return None;
        }
        self.text(&unescape(content)?)
    }

    /// Replaces the secrets in a text; `None` if there is none.
    pub(super) fn text(&mut self, text: &str) -> Option<String> {
        if text.len() < self.rules.shortest {
            return None;
        }
        let mut redacted: Option<String> = None;
        // What is next to a secret can be one as soon as that is gone. This ends, because each turn
        // leaves less text outside of marks.
        loop {
            let text = redacted.as_deref().unwrap_or(text);
            let nested = if may_be_json(text) { self.strings(text) } else { None };
            let next = nested.or_else(|| self.patterns?.redact(text, &mut self.found));
            match next {
                Some(next) => redacted = Some(next),
                None => return redacted,
            }
        }
    }
}

/// Whether a key stands before this, and its value behind it.
fn is_colon(between: &str) -> bool {
    between.trim_ascii() == ":"
}

fn may_be_json(text: &str) -> bool {
    text.trim_ascii_start().starts_with(['{', '['])
}

/// Whether the content of a string may be JSON with strings of its own, which have escaped quotes.
///
/// It spares reading the escapes of most text, where no pattern can match: no character is escaped
/// by its number there.
fn may_hold_json(content: &str) -> bool {
    let begins = content.trim_start_matches([' ', '\\', 'n', 'r', 't']);
    begins.starts_with(['{', '[']) && memchr(b'\\', content.as_bytes()).is_some()
}
