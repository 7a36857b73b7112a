/// Splits a text into sentences, which together are the whole text.
///
/// A sentence ends after a full stop, question or exclamation mark, with the brackets and quotation
/// marks that close behind it, where white space follows and then no small letter; and at the end
/// of a line, with the blank lines that follow. A full stop after an initial (`J. Smith`), inside
/// an abbreviation (`U.S. Army`) or after one of the common ones (`Dr. No`) ends none. Ideographic
/// full stops need no white space. What follows a sentence on its line begins with the space
/// between them, and no sentence is only white space unless the text is.
///
/// Simple rules do nearly as well here as learned ones (A. Mikheev, *Periods, Capitalized Words,
/// etc.*, Computational Linguistics 28(3), 2002).
///
/// ```
/// use maniple_context::sentences;
///
/// let text = "Dr. No came at 3.15 p.m. today. \"Who?\" Nobody knows…\nNobody.";
/// let found: Vec<_> = sentences(text).collect();
/// assert_eq!(
///     found,
///     ["Dr. No came at 3.15 p.m. today.", " \"Who?\"", " Nobody knows…\n", "Nobody."]
/// );
/// ```
pub fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (sentence, tail) = rest.split_at(sentence_end(rest));
        rest = tail;
        Some(sentence)
    })
}

/// Where the first sentence ends.
fn sentence_end(text: &str) -> usize {
    let mut chars = text.char_indices().peekable();
    let mut word = 0;
    let mut begun = false;
    while let Some((at, c)) = chars.next() {
        if c.is_whitespace() {
            word = at + c.len_utf8();
            if c == '\n' && begun {
                return line_end(text, word);
            }
            continue;
        }
        begun = true;
        if !ends_sentence(c) {
            continue;
        }
        let mut end = at + c.len_utf8();
        let mut wide = is_ideographic(c);
        while let Some((next, mark)) =
            chars.next_if(|&(_, next)| closes(next) || ends_sentence(next))
        {
            end = next + mark.len_utf8();
            wide |= is_ideographic(mark);
        }
        let stop = c == '.' && is_abbreviation(&text[word..at]);
        if !stop && (wide || opens_next(&text[end..])) && !text[end..].trim_start().is_empty() {
            return if text[end..].starts_with(['\n', '\r']) { line_end(text, end) } else { end };
        }
    }
    text.len()
}

/// After the last line feed of the white space at `at`; the end, where nothing else follows.
fn line_end(text: &str, at: usize) -> usize {
    let tail = &text[at..];
    let space = tail.len() - tail.trim_start().len();
    if space == tail.len() {
        return text.len();
    }
    at + tail[..space].rfind('\n').map_or(0, |feed| feed + 1)
}

fn ends_sentence(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '…') || is_ideographic(c)
}

fn is_ideographic(c: char) -> bool {
    matches!(c, '。' | '！' | '？')
}

fn closes(c: char) -> bool {
    matches!(c, '"' | '\'' | ')' | ']' | '”' | '’' | '»' | '」' | '』')
}

/// Whether a new sentence may begin with `rest`, which opens with the space before it.
fn opens_next(rest: &str) -> bool {
    let next = rest.trim_start();
    next.len() < rest.len() && !next.starts_with(char::is_lowercase)
}

fn is_abbreviation(word: &str) -> bool {
    if word.len() > LONGEST_ABBREVIATION {
        return false;
    }
    let word = word.trim_start_matches(['(', '"', '\'', '[', '“', '‘', '«']);
    let mut parts = word.split('.');
    if parts.all(|part| part.chars().count() == 1 && part.chars().all(char::is_alphabetic)) {
        return word != "I";
    }
    ABBREVIATIONS.iter().any(|known| known.eq_ignore_ascii_case(word))
}

/// In bytes. It bounds the time for `a.a.a.…`.
const LONGEST_ABBREVIATION: usize = 16;

/// What stands before a name or a number more often than at the end of a sentence.
const ABBREVIATIONS: &[&str] = &[
    "Mr", "Mrs", "Ms", "Dr", "St", "Jr", "Sr", "Prof", "Gen", "Col", "Sgt", "Lt", "Capt", "Hon",
    "Rev", "Rep", "Sen", "Gov", "Pres", "vs", "No", "Inc", "Ltd", "Co", "Corp", "approx", "ca",
    "fl", "Op", "Vol", "p", "pp", "ed", "eds", "Fig", "Eq", "cf", "al",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(text: &str) -> Vec<&str> {
        sentences(text).collect()
    }

    proptest! {
        #[test]
        fn sentences_are_the_text_and_say_something(
            text in r#"([A-Za-z]{1,6}|[0-9]{1,3}|[.!?…。]{1,2}|[ \n\r\t]{1,3}|["')(]|é){0,40}"#,
        ) {
            let found = split(&text);
            prop_assert_eq!(found.concat(), text.clone());
            prop_assert!(
                found.len() <= 1 || found.iter().all(|sentence| !sentence.trim().is_empty()),
                "{:?}", found
            );
        }
    }

    #[test]
    fn abbreviations_initials_and_numbers_end_no_sentence() {
        for text in [
            "The U.S. Army met J. R. Smith.",
            "It costs 3.50 for Dr. No vs. Mr. Bond.",
            "He said e.g. this (i.e. that).",
            "Smith et al. 2004 say so.",
            "See v1.2.3 of a.b.c today.",
        ] {
            assert_eq!(split(text), [text]);
        }
        assert_eq!(split("So am I. You?"), ["So am I.", " You?"]);
    }

    #[test]
    fn what_closes_belongs_to_its_sentence() {
        assert_eq!(split("(It is.) She left.\" Then"), ["(It is.)", " She left.\"", " Then"]);
        assert_eq!(split("What?! No."), ["What?!", " No."]);
        assert_eq!(split("彼は来た。彼女も。終"), ["彼は来た。", "彼女も。", "終"]);
    }

    #[test]
    fn a_line_ends_a_sentence() {
        assert_eq!(split("one\n\n  two.\r\nThree\n"), ["one\n\n", "  two.\r\n", "Three\n"]);
        assert_eq!(split("\n\n"), ["\n\n"]);
        assert_eq!(split("\n a. B\n "), ["\n a. B\n "]);
        assert!(split("").is_empty());
    }

    #[test]
    fn many_stops_and_spaces_take_linear_time() {
        for unit in [". ", ".", " ", "\n", "? A", "a.\n\n", "a."] {
            let text = unit.repeat(200_000);
            assert_eq!(sentences(&text).map(str::len).sum::<usize>(), text.len());
        }
    }
}
