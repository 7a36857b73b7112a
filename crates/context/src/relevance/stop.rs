/// English words that say nothing about what is asked, and what is left of contractions at their
/// apostrophe. Sorted, for the search below.
const STOP: &[&str] = &[
    "a", "about", "after", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be",
    "because", "been", "before", "being", "but", "by", "can", "could", "d", "did", "do", "does",
    "doing", "don", "for", "from", "had", "has", "have", "having", "he", "her", "here", "his",
    "how", "i", "if", "in", "into", "is", "isn", "it", "its", "just", "ll", "m", "may", "me",
    "might", "more", "most", "must", "my", "no", "not", "of", "on", "or", "our", "out", "over",
    "re", "s", "she", "should", "so", "some", "such", "t", "than", "that", "the", "their", "them",
    "then", "there", "these", "they", "this", "those", "to", "under", "up", "us", "ve", "very",
    "was", "we", "were", "what", "when", "where", "which", "who", "why", "will", "with", "would",
    "you", "your",
];

/// In bytes.
const LONGEST: usize = 7;

/// Whether a lower-case word is left out of queries.
pub(super) fn is_stop_word(word: &str) -> bool {
    word.len() <= LONGEST && STOP.binary_search(&word).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted() {
        assert!(STOP.is_sorted());
        assert!(STOP.iter().all(|word| is_stop_word(word)) && !is_stop_word("retry"));
    }
}
