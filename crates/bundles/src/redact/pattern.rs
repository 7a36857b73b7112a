use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem;
use regex::{Regex, RegexSet};

use super::Found;
use super::marks::{MAX_NAME_BYTES, around_marks, find_marks, is_name, mark};

/// A pattern that cannot be searched for.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPattern {
    /// The name cannot stand in a mark.
    #[error("name the pattern {name:?} by 1 to {MAX_NAME_BYTES} of a-z, 0-9, - and _")]
    Name {
        /// The name that was given.
        name: String,
    },
    /// The expression does not compile, or is too large with those before it.
    #[error("compile the pattern {name}: correct its regular expression")]
    Syntax {
        /// The name of the pattern.
        name: String,
        /// What is wrong with it.
        source: regex::Error,
    },
    /// The expression matches where nothing is.
    #[error("use the pattern {name}, which matches the empty text: let it match something")]
    Empty {
        /// The name of the pattern.
        name: String,
    },
}

#[derive(Clone)]
pub(super) struct Pattern {
    name: String,
    regex: Regex,
    /// The number of the group that is replaced; 0 is all of it.
    secret: usize,
}

/// The shortest that one of the [`COMMON`] matches, or that is the value of a member, in bytes.
pub(super) const SHORTEST_COMMON: usize = "://:p@h".len();

/// Name, fixed text of which one is in each match, and expression.
///
/// The boundaries of words are those of ASCII: others would make the search slow.
const COMMON: [(&str, &str, &str); 15] = [
    (
        "private-key",
        "-----BEGIN",
        concat!(
            r"-----BEGIN[ A-Z0-9]{0,40} PRIVATE KEY(?: BLOCK)?-----",
            // No dashes like those around it: what is between two headers in a text is no key.
            r"(?:(?:-{0,4}[^-]){64,}-----END[ A-Z0-9]{0,40} PRIVATE KEY(?: BLOCK)?-----",
            // The output of a tool that was cut off, perhaps with line numbers.
            r"|[\s0-9\\nr|>+:]*[A-Za-z0-9+/]{32}[A-Za-z0-9+/=\s\\|>:]*)",
        ),
    ),
    ("aws-access-key", "AKIA|ASIA", r"(?-u:\b)A[KS]IA[A-Z2-7]{16}(?-u:\b)"),
    (
        "aws-secret-key",
        "ecret_access_key|ECRET_ACCESS_KEY|aws_secret_key|AWS_SECRET_KEY|ecretAccessKey",
        concat!(
            r"(?:(?:aws_|AWS_)?(?:secret_access_key|SECRET_ACCESS_KEY)|aws_secret_key|AWS_SECRET_KEY",
            r#"|[sS]ecretAccessKey)\\?["']?[ \t]{0,8}[:=][ \t]{0,8}\\?["']?"#,
            r"(?<secret>[A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)",
        ),
    ),
    (
        "github-token",
        "ghp_|gho_|ghu_|ghs_|ghr_|github_pat_",
        r"gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{36,}",
    ),
    (
        "openai-key",
        "sk-",
        concat!(
            r"(?-u:\b)sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{32,}",
            r"|(?-u:\b)sk-[A-Za-z0-9]{32,}",
        ),
    ),
    ("anthropic-key", "sk-ant-", r"(?-u:\b)sk-ant-[a-z0-9]{2,16}-[A-Za-z0-9_-]{32,}"),
    ("google-api-key", "AIza", r"(?-u:\b)(?<secret>AIza[A-Za-z0-9_-]{35})(?:[^A-Za-z0-9_-]|$)"),
    (
        "slack-token",
        "xoxa-|xoxb-|xoxp-|xoxr-|xoxs-",
        r"(?-u:\b)xox[abprs]-(?:[0-9]+-)+[A-Za-z0-9]{8,}",
    ),
    ("stripe-key", "sk_live_|rk_live_", r"(?-u:\b)[sr]k_live_[A-Za-z0-9]{16,}"),
    ("jwt", "eyJ", r"(?-u:\b)eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,}"),
    (
        "authorization-header",
        "Authorization|authorization|AUTHORIZATION",
        concat!(
            r#"(?:Authorization|authorization|AUTHORIZATION)\\?["']?\s{0,4}[:=]\s{0,4}\\?["']?"#,
            // The words that follow in prose have less than 16 letters and no digit.
            r"(?i:Bearer)\s{1,4}(?<secret>[A-Za-z0-9._~+/=-]{16,}",
            r"|[A-Za-z._~+/=-]{0,15}[0-9][A-Za-z0-9._~+/=-]{4,})",
        ),
    ),
    (
        "authorization-header",
        "Authorization|authorization|AUTHORIZATION",
        concat!(
            r#"(?:Authorization|authorization|AUTHORIZATION)\\?["']?\s{0,4}[:=]\s{0,4}\\?["']?"#,
            r"(?i:Basic)\s{1,4}",
            r"(?<secret>(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)",
            r"(?:[^A-Za-z0-9+/=]|$)",
        ),
    ),
    (
        "url-password",
        "://",
        concat!(
            r#"://[^\s/?#:@"'`<>]*:"#,
            // A variable or a place to fill in is no password.
            r#"(?<secret>(?:[^\s/?#@"'`<>{$*]|\$[^\s/?#@"'`<>A-Za-z_{(])[^\s/?#@"'`<>]*)@"#,
            r"[A-Za-z0-9\[]",
        ),
    ),
    ("npm-token", "npm_", r"npm_[A-Za-z0-9]{36,}"),
    ("pypi-token", "pypi-AgE", r"pypi-AgE[A-Za-z0-9_-]{50,}"),
];

impl Pattern {
    pub(super) fn new(name: &str, regex: &str) -> Result<Self, InvalidPattern> {
        let name = name.to_owned();
        if !is_name(&name) {
            return Err(InvalidPattern::Name { name });
        }
        let regex = match Regex::new(regex) {
            Ok(regex) => regex,
            Err(source) => return Err(InvalidPattern::Syntax { name, source }),
        };
        if regex.is_match("") {
            return Err(InvalidPattern::Empty { name });
        }
        let secret = regex.capture_names().position(|group| group == Some("secret"));
        Ok(Self { name, regex, secret: secret.unwrap_or(0) })
    }

    /// The places of what it replaces.
    fn secrets(&self, text: &str) -> impl Iterator<Item = Range<usize>> {
        self.regex.captures_iter(text).filter_map(|found| {
            let secret = found.get(self.secret).or_else(|| found.get(0));
            secret.map(|secret| secret.range())
        })
    }
}

/// Patterns that are searched for together.
#[derive(Clone, Default)]
pub(super) struct Patterns {
    all: Vec<Pattern>,
    common: Common,
    /// Finds out in one pass whether there is anything for those that a host added.
    added: RegexSet,
}

/// Whether the common patterns are searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Common {
    Searched,
    #[default]
    Ignored,
}

/// Finds the fixed text of the common patterns.
static FIXED: LazyLock<Regex> = LazyLock::new(|| {
    let fixed: Vec<&str> = COMMON.iter().map(|(_, fixed, _)| *fixed).collect();
    Regex::new(&fixed.join("|")).expect("these are constants, and compile in every test")
});

impl Patterns {
    pub(super) fn common() -> Self {
        let compiled = COMMON.iter().map(|(name, _, regex)| Pattern::new(name, regex));
        let all: Result<_, _> = compiled.collect();
        Self {
            all: all.expect("these are constants, and compile in every test"),
            common: Common::Searched,
            added: RegexSet::default(),
        }
    }

    pub(super) fn with(mut self, pattern: Pattern) -> Result<Self, InvalidPattern> {
        let added = self.added.patterns().iter().map(String::as_str);
        match RegexSet::new(added.chain([pattern.regex.as_str()])) {
            Ok(added) => self.added = added,
            Err(source) => {
                return Err(InvalidPattern::Syntax { name: pattern.name, source });
            }
        }
        self.all.push(pattern);
        Ok(self)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|pattern| pattern.name.as_str())
    }

    /// Whether one of them may match in a string of this JSON, or of JSON in such a string.
    ///
    /// The fixed text of common patterns is written there as it is, unless a `/` of it is escaped,
    /// or anything by its number: no other escape stands for a character of it. What a host's
    /// patterns match can only be known for each string.
    pub(super) fn may_match_in_json(&self, json: &str) -> bool {
        let is_escaped = || {
            let json = json.as_bytes();
            memmem::find(json, br"\u").is_some() || memmem::find(json, br"\/").is_some()
        };
        !self.added.is_empty()
            || self.common == Common::Searched && (FIXED.is_match(json) || is_escaped())
    }

    /// Replaces what matches; `None` if that is nothing, or only marks.
    pub(super) fn redact(&self, text: &str, found: &mut Found) -> Option<String> {
        let is_common = self.common == Common::Searched && FIXED.is_match(text);
        if !is_common && !self.added.is_match(text) {
            return None;
        }
        let mut secrets: Vec<(Range<usize>, &Pattern)> = Vec::new();
        for pattern in &self.all {
            secrets.extend(pattern.secrets(text).map(|place| (place, pattern)));
        }
        if secrets.is_empty() {
            return None;
        }
        let marks = find_marks(text);
        let widened = secrets.into_iter().filter_map(|(place, pattern)| {
            around_marks(place, &marks).map(|place| (place, pattern))
        });
        let mut secrets: Vec<_> = widened.collect();
        secrets.sort_by_key(|(place, _)| place.start);
        let mut redacted = String::new();
        let mut copied = 0;
        for (place, pattern) in secrets {
            // Of two that overlap, the first gives the name.
            if place.start >= copied {
                redacted.push_str(&text[copied..place.start]);
                redacted.push_str(&mark(&pattern.name));
                *found.entry(pattern.name.clone()).or_default() += 1;
            }
            copied = copied.max(place.end);
        }
        if copied == 0 {
            return None;
        }
        redacted.push_str(&text[copied..]);
        Some(redacted)
    }
}
