//! What a word is.

use std::collections::HashMap;
use std::io;

/// Words with how often they occur, in order: this is what a session keeps.
pub(crate) type Counts = Vec<(String, u64)>;

const BUFFER: usize = 64 * 1024;

/// Counts the words that begin at `start` or behind it and before `end`, or before the end of the
/// file.
///
/// A word that goes on behind `end` is read to its end, and one that goes on at `start` was counted
/// by whoever counted what is before.
pub(crate) fn count_words(
    read_at: impl Fn(&mut [u8], u64) -> io::Result<usize>,
    start: u64,
    end: Option<u64>,
) -> io::Result<Counts> {
    let mut buffer = vec![0; BUFFER];
    let mut counts = HashMap::new();
    let mut word = String::new();
    let mut at = start.saturating_sub(1);
    // The byte before the first tells whether the word at the start began there.
    let mut foreign = start > 0;
    loop {
        let read = match read_at(&mut buffer, at) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        for byte in &buffer[..read] {
            if end.is_some_and(|end| at >= end) && word.is_empty() {
                return Ok(sorted(counts));
            }
            if !byte.is_ascii_alphanumeric() {
                foreign = false;
                take(&mut word, &mut counts);
            } else if !foreign {
                word.push(char::from(byte.to_ascii_lowercase()));
            }
            at += 1;
        }
    }
    take(&mut word, &mut counts);
    Ok(sorted(counts))
}

fn take(word: &mut String, counts: &mut HashMap<String, u64>) {
    if word.is_empty() {
        return;
    }
    match counts.get_mut(word.as_str()) {
        Some(count) => *count += 1,
        None => {
            counts.insert(word.clone(), 1);
        }
    }
    word.clear();
}

fn sorted(counts: HashMap<String, u64>) -> Counts {
    let mut counts: Counts = counts.into_iter().collect();
    counts.sort_unstable();
    counts
}
