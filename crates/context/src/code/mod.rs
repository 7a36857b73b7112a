//! The structure of source code: what it imports, what its parts are called, and which lines say so.
//!
//! [`code_outline`] reads a text with the grammar of its [`Language`], where the feature of that
//! language is on, and by indentation where it is not, where the grammar cannot follow, and in
//! every other language. Each line gets a part of an item to play. [`CodeOutline::keep`] chooses
//! the lines that stay in a given room, and [`numbered`] shows them.
//!
//! ```
//! use maniple_context::code::{Language, code_outline, numbered};
//!
//! let text = "use a::b;\n\nfn first(x: u8) -> u8 {\n    b(x)\n}\n\nfn second() {\n    todo!()\n}\n";
//! let outline = code_outline(Language::of(Some("src/lib.rs"), text), text);
//!
//! // The second body has to do with the question, and there is room for one.
//! let scores: Vec<u64> =
//!     outline.items().iter().map(|item| text[item.bytes()].contains("todo").into()).collect();
//! let tokens: Vec<usize> = text.lines().map(|line| line.split_whitespace().count()).collect();
//! let kept = outline.keep(&scores, &tokens, 14);
//! # #[cfg(feature = "lang-rust")]
//! assert_eq!(
//!     numbered(text, &kept),
//!     "1 use a::b;\n2 \n3 fn first(x: u8) -> u8 {\n5 }\n6 \n7 fn second() {\n8     todo!()\n9 }\n"
//! );
//! ```

mod assemble;
mod indentation;
mod item;
mod keep;
mod language;
mod outline;
mod rows;
#[cfg(any(
    feature = "lang-rust",
    feature = "lang-python",
    feature = "lang-typescript",
    feature = "lang-javascript"
))]
mod syntax;

pub use item::{CodeItem, CodeLine, ItemKind, LinePart};
pub use keep::numbered;
pub use language::Language;
pub use outline::{CodeOutline, code_outline};
