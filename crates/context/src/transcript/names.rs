//! What a text names: paths, identifiers and numbers, and its plain words.

/// What kind of name it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Class {
    /// A run of letters.
    Word,
    /// A word that is put together: `snake_case`, `camelCase`, `x86`.
    Identifier,
    /// A whole number of three or more digits.
    Number,
    /// Words joined by slashes, dots and dashes, with a slash.
    Path,
    /// The end of a path or a word that ends like a file: `main.rs`.
    File,
}

const SHORTEST_WORD: usize = 3;
const SHORTEST_PATH: usize = 6;
const LONGEST_EXTENSION: usize = 5;

/// Calls `visit` with each name of `text` and the class that it has, every time that it stands
/// there.
pub(super) fn each_name<'t>(text: &'t str, mut visit: impl FnMut(&'t [u8], Class)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !is_word(bytes[at]) {
            at += 1;
            continue;
        }
        let length = bytes[at..].iter().take_while(|&&byte| is_word(byte) || joins(byte)).count();
        let run = &bytes[at..at + length];
        let end = run.iter().rposition(|&byte| is_word(byte)).map_or(0, |last| last + 1);
        names_of_run(&run[..end], &mut visit);
        at += length;
    }
}

fn names_of_run<'t>(run: &'t [u8], visit: &mut impl FnMut(&'t [u8], Class)) {
    let slash = run.iter().rposition(|&byte| byte == b'/');
    if slash.is_some() && run.len() >= SHORTEST_PATH {
        visit(run, Class::Path);
    }
    let file = &run[slash.map_or(0, |slash| slash + 1)..];
    if let Some(dot) = file.iter().rposition(|&byte| byte == b'.') {
        let extension = file.len() - dot - 1;
        if dot >= 2 && (1..=LONGEST_EXTENSION).contains(&extension) {
            visit(file, Class::File);
        }
    }
    let mut at = 0;
    while at < run.len() {
        let length = run[at..].iter().take_while(|&&byte| is_word(byte)).count();
        let word = &run[at..at + length];
        let in_fraction =
            at > 0 && run[at - 1] == b'.' || run.get(at + length).is_some_and(|&next| next == b'.');
        if let Some(class) = class_of(word)
            && !(class == Class::Number && in_fraction)
        {
            visit(word, class);
        }
        at += length.max(1);
    }
}

fn class_of(word: &[u8]) -> Option<Class> {
    if word.len() < SHORTEST_WORD {
        return None;
    }
    if word.iter().all(u8::is_ascii_digit) {
        return Some(Class::Number);
    }
    let joined = word.iter().any(|&byte| byte == b'_' || byte.is_ascii_digit())
        || word.windows(2).any(|two| two[0].is_ascii_lowercase() && two[1].is_ascii_uppercase());
    Some(if joined { Class::Identifier } else { Class::Word })
}

/// A byte of a letter, a digit or an underscore; letters beyond ASCII are taken whole.
fn is_word(byte: u8) -> bool {
    IS_WORD[usize::from(byte)]
}

static IS_WORD: [bool; 256] = {
    let mut is_word = [false; 256];
    let mut byte = 0_u8;
    loop {
        is_word[byte as usize] = byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
        if byte == u8::MAX {
            break is_word;
        }
        byte += 1;
    }
};

fn joins(byte: u8) -> bool {
    matches!(byte, b'.' | b'-' | b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<(&str, Class)> {
        let mut names = Vec::new();
        each_name(text, |name, class| names.push((str::from_utf8(name).unwrap(), class)));
        names
    }

    #[test]
    fn paths_files_identifiers_numbers_and_words_are_told_apart() {
        let found = names("./src/io/read_line.rs:120: getName(1.250, an über) -x86-");
        let expected = [
            ("src/io/read_line.rs", Class::Path),
            ("read_line.rs", Class::File),
            ("src", Class::Word),
            ("read_line", Class::Identifier),
            ("120", Class::Number),
            ("getName", Class::Identifier),
            ("über", Class::Word),
            ("x86", Class::Identifier),
        ];
        assert_eq!(found, expected);
        assert!(names(" -/. a b1 10 \u{2192}").iter().all(|(_, class)| *class == Class::Word));
    }
}
