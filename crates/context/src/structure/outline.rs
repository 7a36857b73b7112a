use super::line::{Line, lines};

/// A line that names a part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutlineLine<'t> {
    /// Its number, counted from 1.
    pub number: usize,
    /// How many lines enclose it by their indentation: 0 or 1.
    pub depth: usize,
    /// The line, without the white space around it.
    pub text: &'t str,
}

/// The lines from which the structure of a text can be told, in order.
///
/// Listed is a line at most one level deep that opens a deeper one, as a function or a class does,
/// or that is a heading: `# …` after a blank line, a line that is underlined, or `[section]`. Lines
/// that only close a bracket, hold no letter or are longer than 200 bytes are not listed. It goes
/// by indentation alone, so it is right for tidy text in most languages and for no language always.
///
/// ```
/// use maniple_context::outline;
///
/// let text = "use x;\n\nimpl A {\n    fn b(&self) {\n        1\n    }\n}\n";
/// let found: Vec<_> = outline(text).map(|line| (line.number, line.depth, line.text)).collect();
/// assert_eq!(found, [(3, 0, "impl A {"), (4, 1, "fn b(&self) {")]);
/// ```
pub fn outline(text: &str) -> impl Iterator<Item = OutlineLine<'_>> {
    let mut enclosing = Enclosing::default();
    let mut follow = lines(text).skip(1).peekable();
    let mut following_text =
        lines(text).enumerate().filter(|(_, line)| !line.is_blank()).peekable();
    let mut before: Option<Line<'_>> = None;
    lines(text).enumerate().filter_map(move |(index, line)| {
        let next = follow.next();
        let previous = before.replace(line);
        if line.is_blank() {
            return None;
        }
        while following_text.next_if(|(other, _)| *other <= index).is_some() {}
        let indentation = line.indentation();
        let depth = enclosing.enter(indentation);
        let opens = following_text.peek().is_some_and(|(_, next)| next.indentation() > indentation);
        let listed = depth <= DEEPEST
            && names_something(line)
            && (opens || (depth == 0 && is_heading(previous, line, next)));
        listed.then(|| OutlineLine { number: index + 1, depth, text: line.trimmed() })
    })
}

const DEEPEST: usize = 1;
const LONGEST: usize = 200;

/// The indentations of the lines that enclose the current one.
#[derive(Debug, Default)]
struct Enclosing(Vec<usize>);

impl Enclosing {
    /// The depth of a line of this indentation, which from then on encloses deeper ones.
    fn enter(&mut self, indentation: usize) -> usize {
        while self.0.last().is_some_and(|outer| *outer >= indentation) {
            self.0.pop();
        }
        self.0.push(indentation);
        self.0.len() - 1
    }
}

fn names_something(line: Line<'_>) -> bool {
    let trimmed = line.trimmed();
    !line.closes() && trimmed.len() <= LONGEST && trimmed.chars().any(char::is_alphanumeric)
}

fn is_heading(before: Option<Line<'_>>, line: Line<'_>, next: Option<Line<'_>>) -> bool {
    let trimmed = line.trimmed();
    let starts_part = before.is_none_or(Line::is_blank);
    let marked = trimmed.trim_start_matches('#');
    let level = trimmed.len() - marked.len();
    // A comment of a script is followed by what it comments on.
    let alone = level > 1 || next.is_none_or(Line::is_blank);
    let hashes = (1..=6).contains(&level) && marked.starts_with(' ') && starts_part && alone;
    let section = trimmed.starts_with('[') && trimmed.ends_with(']');
    hashes || section || (starts_part && next.is_some_and(is_underline))
}

fn is_underline(line: Line<'_>) -> bool {
    let trimmed = line.trimmed();
    let of_one = |mark: char| trimmed.chars().all(|c| c == mark);
    trimmed.len() >= 3 && ['=', '-', '~'].into_iter().any(of_one)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(text: &str) -> Vec<usize> {
        outline(text).map(|line| line.number).collect()
    }

    #[test]
    fn headings_of_markdown_and_sections_are_listed() {
        let text = "# Title\n\nText.\n\n## Part\nText\n\nOther\n=====\n\n[table]\nkey = 1\n";
        assert_eq!(numbers(text), [1, 5, 8, 11]);
    }

    #[test]
    fn python_is_listed_to_the_second_level() {
        let text =
            "import os\n\n# note\nclass A:\n    def b(self):\n        if x:\n            y\n";
        assert_eq!(numbers(text), [4, 5]);
    }

    #[test]
    fn signatures_over_several_lines_are_listed_by_their_first() {
        let text = "fn a(\n\tb: u8,\n) -> u8 {\n\tb\n}\n";
        assert_eq!(numbers(text), [1]);
    }

    #[test]
    fn long_and_wordless_lines_are_not() {
        let text = format!("{}\n  x\n---\n  y\n", "x".repeat(201));
        assert!(numbers(&text).is_empty() && numbers("").is_empty());
    }
}
