use maniple_context::code::{Language, code_outline};

use crate::{assert_parts, items};

#[test]
fn items_of_a_file_are_found_with_their_names() {
    let text = "\
use std::fmt;
pub mod other;
extern crate alloc;
const LIMIT: usize = 3;
pub struct Unit;
pub trait Draw: Sized {
    type Ink;
    const SIZE: u8;
    fn draw(&self);
    async fn twice(&self) {
        self.draw();
    }
}
impl<T> Draw for Pen<T> {
    fn draw(&self) {
        let run = |x| {
            x
        };
        fn inner() {
            1;
        }
    }
}
macro_rules! twice {
    ($x:expr) => {
        fn never_listed() {}
    };
}
proptest! {
    fn law(a in 1..2) {}
}
extern \"C\" {
    fn abs(x: i32) -> i32;
}
fn größe() {
}
";
    let expected = "\
Import 1-1
Module other 2-2
Import 3-3
Constant LIMIT 4-4
Type Unit 5-5
Type Draw 6-13
  Constant SIZE 8-8
  Method draw 9-9
  Method twice 10-12
Impl Pen<T> 14-23
  Method draw 15-22
    Function inner 19-21
Macro twice 24-28
Macro proptest 29-31
Module 32-34
  Function abs 33-33
Function größe 35-36
";
    assert_eq!(items(Language::Rust, text), expected);
}

#[test]
fn lines_play_their_parts() {
    assert_parts(
        Language::Rust,
        "
s//! The crate.
d//!
d//! More.
d
suse a::{
s    b,
s};
s
s/// A limit.
d///
d/// It is low.
spub const LIMIT: &[u8] = &[
b    1,
s];
s
s/// A pen.
d/// More.
s#[derive(Debug)]
spub struct Pen<T>
swhere
s    T: Ink,
s{
b    ink: T,
s}
s
simpl<T> Pen<T>
swhere
s    T: Ink,
s{
s    fn short(&self) -> u8 { 1 }
s
s    /// Draws.
d    /// With ink.
s    #[inline]
s    fn draw(
s        &self,
s    ) -> u8 {
b        match self.ink {
b            _ => 1,
b        }
s    }
s}
",
    );
}

#[test]
fn tests_are_known_by_their_attributes() {
    let text = "\
#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn works() {
        1;
    }

    #[cfg(test)]
    fn helper() {}
}
";
    let expected = "Module tests 1-10\n  Test works 3-6\n  Function helper 8-9\n";
    assert_eq!(items(Language::Rust, text), expected);
}

#[test]
fn what_is_broken_is_outlined_by_indentation_and_the_rest_is_read() {
    let text = "\
fn whole() {
    1;
}

fn broken( {{{ ]] -> => 5
    let a = ;
    let b = ;

fn after() {
    2;
}
";
    let outline = code_outline(Language::Rust, text);
    let found = crate::shown(&outline);
    assert!(found.starts_with("Function whole 1-3\n"), "{found}");
    assert!(!outline.unread().is_empty());
    assert!(outline.items().iter().any(|item| item.lines.first() == 5), "{found}");
    assert!(outline.items().iter().any(|item| item.lines.first() == 9), "{found}");
}

#[test]
fn each_source_of_the_workspace_is_read_whole() {
    let crates = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut folders = vec![crates.to_owned()];
    let mut read = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let outline = code_outline(Language::Rust, &text);
                assert!(outline.unread().is_empty(), "{}: {:?}", path.display(), outline.unread());
                read += 1;
            }
        }
    }
    assert!(read > 30, "only {read} sources were found");
}

#[test]
fn what_lies_beyond_the_bound_is_outlined_by_indentation() {
    let text = "fn a() {\n    1;\n}\n\n".repeat(20_000);
    let outline = code_outline(Language::Rust, &text);
    let [beyond] = outline.unread() else {
        panic!("{:?}", outline.unread());
    };
    assert_eq!(beyond.last(), text.lines().count());
    assert!((1..20_000).all(|n| outline.items()[n].lines.first() == 4 * n + 1));
    assert_eq!(outline.items().len(), 20_000);
    let one_line = "x".repeat(1 << 20);
    assert_eq!(code_outline(Language::Rust, &one_line).unread().len(), 1);
}
