//! Room for text that is written only to be copied or hashed, which each thread uses again.

use std::cell::Cell;

thread_local! {
    static ROOM: Cell<String> = const { Cell::new(String::new()) };
}

/// How many bytes a thread keeps at most.
const KEPT: usize = 4096;

/// Lets text be written into an empty string. The string is taken out of its place meanwhile, so
/// that who writes may come by here again.
pub(crate) fn scratch<T>(write: impl FnOnce(&mut String) -> T) -> T {
    // A thread that is ending has no such place any more.
    let mut text = ROOM.try_with(Cell::take).unwrap_or_default();
    let written = write(&mut text);
    if text.capacity() <= KEPT {
        text.clear();
        let _ = ROOM.try_with(|room| room.set(text));
    }
    written
}

/// Writes a number in decimal digits; the machinery of `fmt` costs several times as much.
pub(crate) fn push_number(text: &mut String, mut number: u64) {
    // As many digits as the longest has.
    let mut digits = [b'0'; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] += u8::try_from(number % 10).expect("a digit is below 10");
        number /= 10;
        if number == 0 {
            break;
        }
    }
    text.push_str(std::str::from_utf8(&digits[first..]).expect("digits are ASCII"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_they_are_shown() {
        for number in [0, 9, 10, 1_234_567_890, u64::MAX] {
            let written = scratch(|text| {
                push_number(text, number);
                text.clone()
            });
            assert_eq!(written, number.to_string());
        }
    }

    #[test]
    fn every_text_begins_empty() {
        let outer = scratch(|outer| {
            outer.push_str("outer");
            let inner = scratch(|inner| {
                inner.push_str("inner");
                inner.clone()
            });
            format!("{outer} {inner}")
        });
        assert_eq!(outer, "outer inner");
        scratch(|text| assert_eq!(text, ""));
    }
}
