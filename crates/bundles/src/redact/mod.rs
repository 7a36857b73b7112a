//! Secrets that are replaced before anything is written.

mod marks;
mod members;
mod pattern;
mod search;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use members::secret_of;
pub use pattern::InvalidPattern;
use pattern::{Pattern, Patterns};
use search::Search;

/// Finds secrets in text and JSON, and replaces each by `[redacted:NAME]`.
///
/// The default knows common credentials by their shape. Each pattern is narrow: prose, hashes,
/// UUIDs, paths and base64 are left alone, and so is a secret that looks like any other word.
///
/// | name | what it finds, as an example |
/// | --- | --- |
/// | `private-key` | a PEM block: `-----BEGIN RSA PRIVATE KEY-----` …, also if its end is cut off |
/// | `aws-access-key` | `AKIA` or `ASIA` and 16 letters and digits |
/// | `aws-secret-key` | `aws_secret_access_key = ` and 40 characters, which alone are replaced |
/// | `github-token` | `ghp_`, `gho_`, `ghu_`, `ghs_`, `ghr_` or `github_pat_` and 36 characters or more |
/// | `openai-key` | `sk-proj-…`, `sk-svcacct-…`, `sk-admin-…`, or `sk-` and 32 characters or more |
/// | `anthropic-key` | `sk-ant-api03-…` |
/// | `google-api-key` | `AIza` and 35 characters |
/// | `slack-token` | `xoxb-1234567890-…`, also with `a`, `p`, `r` or `s` |
/// | `stripe-key` | `sk_live_…` or `rk_live_…` |
/// | `jwt` | `eyJ….eyJ….…` |
/// | `authorization-header` | `Authorization: Bearer …` or `Basic …`; what it authorises with is replaced |
/// | `url-password` | `scheme://user:password@host`; the password is replaced |
/// | `npm-token` | `npm_` and 36 characters or more |
/// | `pypi-token` | `pypi-AgE…` |
///
/// In JSON it replaces the non-empty strings that are values of members called `password`,
/// `passwd`, `secret`, `api_key`, `access_token`, `refresh_token`, `client_secret`, `private_key`
/// or `authorization` (in any case, with or without `-` and `_`), whatever they look like; that key,
/// in the spelling of this list, is the name. A string, or a text, that is an array or object of JSON
/// itself is looked into in the same way.
///
/// It is cheap to clone. Its `Debug` shows names, and no pattern: a host's may hold a secret itself.
///
/// ```
/// use maniple_bundles::Redactor;
///
/// # fn main() -> Result<(), maniple_bundles::InvalidPattern> {
/// let redactor = Redactor::default().with_pattern("ticket", r"\bTICKET-(?<secret>[0-9]{6})\b")?;
/// assert_eq!(
///     redactor.redact("TICKET-123456 is for postgres://app:hunter2@db/orders"),
///     "TICKET-[redacted:ticket] is for postgres://app:[redacted:url-password]@db/orders",
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Redactor {
    rules: Arc<Rules>,
}

#[derive(Clone)]
struct Rules {
    patterns: Patterns,
    members: Members,
    /// No secret is shorter, in bytes.
    shortest: usize,
}

/// What is done about members with the name of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Members {
    Redacted,
    Kept,
}

/// JSON without the secrets that were in it.
#[derive(Debug)]
pub(crate) struct Redacted {
    pub(crate) json: Vec<u8>,
    pub(crate) found: Found,
}

/// How many secrets were replaced, by name.
pub(crate) type Found = BTreeMap<String, usize>;

impl Default for Redactor {
    fn default() -> Self {
        static COMMON: LazyLock<Redactor> = LazyLock::new(|| Redactor {
            rules: Arc::new(Rules {
                patterns: Patterns::common(),
                members: Members::Redacted,
                shortest: pattern::SHORTEST_COMMON,
            }),
        });
        COMMON.clone()
    }
}

impl Redactor {
    /// Replaces nothing.
    pub fn none() -> Self {
        Self {
            rules: Arc::new(Rules {
                patterns: Patterns::default(),
                members: Members::Kept,
                shortest: usize::MAX,
            }),
        }
    }

    /// Also replaces by `[redacted:NAME]` what this regular expression matches, in the syntax of
    /// the crate `regex`: the group called `secret`, as in `token=(?<secret>\w+)`, or all of it if
    /// there is none.
    ///
    /// Text is searched as its reader sees it, without the escapes of JSON, and each string of JSON
    /// by itself: `^` is the beginning of a string. A pattern that begins with fixed text costs
    /// little; another one makes all text that is looked at cost more.
    ///
    /// # Errors
    /// [`InvalidPattern`] if the name is not made of 1 to 64 of `a`–`z`, `0`–`9`, `-` and `_`, if
    /// the expression does not compile, or if it matches the empty text.
    pub fn with_pattern(self, name: &str, regex: &str) -> Result<Self, InvalidPattern> {
        let pattern = Pattern::new(name, regex)?;
        let mut rules = Arc::unwrap_or_clone(self.rules);
        rules.patterns = rules.patterns.with(pattern)?;
        rules.shortest = 1;
        Ok(Self { rules: Arc::new(rules) })
    }

    /// The text without secrets; it is borrowed if there was none.
    ///
    /// What it returns is returned again if it is given.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        Search::of_text(&self.rules).text(text).map_or(Cow::Borrowed(text), Cow::Owned)
    }

    /// The value of a member with this key without secrets.
    pub(crate) fn redact_member<'a>(&self, key: &str, value: &'a str) -> Cow<'a, str> {
        let may_be_kept = self.rules.members == Members::Kept || value.is_empty();
        match secret_of(key) {
            Some(name) if !may_be_kept && !marks::is_mark(value) => Cow::Owned(marks::mark(name)),
            _ => self.redact(value),
        }
    }

    /// The JSON text without secrets; `None` if there was none.
    ///
    /// Strings are looked at as they read without their escapes, keys too. Those with a secret are
    /// written again, and everything else stays byte for byte. JSON is UTF-8: nothing is looked for
    /// in bytes that are not.
    pub(crate) fn redact_json(&self, json: &[u8]) -> Option<Redacted> {
        let json = std::str::from_utf8(json).ok()?;
        let mut search = Search::of_json(&self.rules, json);
        let redacted = search.strings(json)?;
        Some(Redacted { json: redacted.into_bytes(), found: search.found })
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor")
            .field("patterns", &self.rules.patterns.names().collect::<Vec<_>>())
            .field("members", &self.rules.members)
            .finish()
    }
}
