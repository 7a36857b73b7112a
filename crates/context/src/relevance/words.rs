//! What counts as a word, in questions and in texts alike.

/// Longer runs are data, such as base64, and no words that anyone asks for. In bytes.
const LONGEST_WORD: usize = 64;

/// Calls `visit` with each word of `text`, as it stands there.
///
/// A word is a run of letters, digits and underscores that holds a letter or digit; outer
/// underscores are not part of it. Ideographs and Hiragana, which are written without spaces, are
/// words each.
pub(super) fn each_word<'t>(text: &'t str, mut visit: impl FnMut(&'t str)) {
    let mut start = None;
    for (at, c) in text.char_indices() {
        // Most characters are ASCII, and told by themselves.
        let alone = !c.is_ascii() && stands_alone(c);
        let is_word = if c.is_ascii() { c.is_ascii_alphanumeric() } else { c.is_alphanumeric() };
        if !alone && (is_word || c == '_') {
            start.get_or_insert(at);
            continue;
        }
        if let Some(start) = start.take() {
            visit_run(&text[start..at], &mut visit);
        }
        if alone {
            visit(&text[at..at + c.len_utf8()]);
        }
    }
    if let Some(start) = start {
        visit_run(&text[start..], &mut visit);
    }
}

fn visit_run<'t>(run: &'t str, visit: &mut impl FnMut(&'t str)) {
    let word = run.trim_matches('_');
    if !word.is_empty() {
        visit(word);
    }
}

fn stands_alone(c: char) -> bool {
    matches!(c,
        '\u{3041}'..='\u{309f}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3134f}')
}

/// Calls `visit` with the lower-case forms under which one word is found: the word itself without
/// underscores, so that `retry_count` and `retryCount` agree, and the parts of an identifier.
/// `buffer` is scratch space.
pub(super) fn each_form(word: &str, buffer: &mut String, mut visit: impl FnMut(&str)) {
    if word.len() > LONGEST_WORD {
        return;
    }
    lower_into(word, buffer);
    visit(buffer);
    let mut parts = parts(word).peekable();
    if parts.next_if(|part| part.len() == word.len()).is_some() {
        return;
    }
    for part in parts {
        lower_into(part, buffer);
        visit(buffer);
    }
}

fn lower_into(word: &str, buffer: &mut String) {
    buffer.clear();
    if word.is_ascii() && !word.contains('_') {
        buffer.push_str(word);
        buffer.make_ascii_lowercase();
        return;
    }
    for c in word.chars().filter(|&c| c != '_') {
        buffer.extend(c.to_lowercase());
    }
}

/// The parts of `snake_case`, `camelCase` and `HTTPServer`; one part for an ordinary word.
fn parts(word: &str) -> impl Iterator<Item = &str> {
    word.split('_').filter(|part| !part.is_empty()).flat_map(humps)
}

fn humps(part: &str) -> impl Iterator<Item = &str> {
    let mut rest = part;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (hump, tail) = rest.split_at(hump_end(rest));
        rest = tail;
        Some(hump)
    })
}

fn hump_end(text: &str) -> usize {
    let mut chars = text.char_indices().peekable();
    let mut before: Option<char> = None;
    while let Some((at, c)) = chars.next() {
        if let Some(before) = before
            && c.is_uppercase()
        {
            let word_follows = chars.peek().is_some_and(|(_, next)| next.is_lowercase());
            if !before.is_uppercase() || word_follows {
                return at;
            }
        }
        before = Some(c);
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        let mut found = Vec::new();
        each_word(text, |word| found.push(word));
        found
    }

    fn forms(word: &str) -> Vec<String> {
        let mut found = Vec::new();
        each_form(word, &mut String::new(), |form| found.push(form.to_owned()));
        found
    }

    #[test]
    fn words_are_runs_of_letters_digits_and_underscores() {
        assert_eq!(
            words("don't __init__(self, x2) ___ naïve-Straße"),
            ["don", "t", "init", "self", "x2", "naïve", "Straße"]
        );
        assert_eq!(words("日本go語"), ["日", "本", "go", "語"]);
        assert!(words("… — !").is_empty());
    }

    #[test]
    fn identifiers_are_found_whole_and_by_their_parts() {
        assert_eq!(forms("getUserName"), ["getusername", "get", "user", "name"]);
        assert_eq!(forms("get_user2_name"), ["getuser2name", "get", "user2", "name"]);
        assert_eq!(forms("HTTPServerError"), ["httpservererror", "http", "server", "error"]);
        assert_eq!(forms("Word"), ["word"]);
        assert_eq!(forms("ÉtéÀBord"), ["étéàbord", "été", "à", "bord"]);
        assert!(forms(&"x".repeat(65)).is_empty());
    }
}
