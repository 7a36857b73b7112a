use std::ops::Range;

use crate::segment::LineRange;

/// What a part of a source text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ItemKind {
    /// What the file says of itself before anything else: a comment or a doc string.
    Doc,
    /// An import, or what exports a name of another file.
    Import,
    /// A constant or variable of a file, a module, a class or an `impl`, or an object of several lines
    /// that is exported or assigned.
    Constant,
    /// A type that holds no functions of its own, a trait or an interface.
    Type,
    /// A class.
    Class,
    /// An `impl` block.
    Impl,
    /// A module, a namespace, or a function that is called at once and is one in all but name.
    Module,
    /// A function, or a call whose body is the function that it is given.
    Function,
    /// A function of a class, an `impl`, a trait or an object.
    Method,
    /// A test, or a group of tests that is a call.
    Test,
    /// The definition of a macro, or an item made by one.
    Macro,
    /// A part that was found by its indentation, so that it is not known what it is.
    Block,
    /// A paragraph of what belongs to no other item.
    Statements,
}

/// A part of a source text that has a name, or that can be left out by itself.
///
/// The lines of two items are nested or disjoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeItem<'t> {
    /// What it is.
    pub kind: ItemKind,
    /// Its name as it is written, if it has one: for an `impl`, the type; for a call, what is called.
    pub name: Option<&'t str>,
    /// How many items it stands in.
    pub depth: usize,
    /// The item that it stands in, as an index into [`CodeOutline::items`], always a smaller one.
    ///
    /// [`CodeOutline::items`]: super::CodeOutline::items
    pub parent: Option<usize>,
    /// All its lines: from the first of its documentation or attributes to the one that closes it.
    pub lines: LineRange,
    /// The comment right above it, or its doc string. It can lie above the signature, in it, or in
    /// the body.
    pub doc: Option<LineRange>,
    /// From its attributes or decorators through the line in which its body opens. An item without
    /// a body is all signature; statements and the documentation of a file have none.
    pub signature: Option<LineRange>,
    /// The lines after the signature, without the line that only closes it; those of the items in
    /// it are among them.
    pub body: Option<LineRange>,
    pub(super) bytes: Range<usize>,
}

impl CodeItem<'_> {
    /// Where its lines stand in the text, line ends included.
    pub fn bytes(&self) -> Range<usize> {
        self.bytes.clone()
    }
}

/// What a line is to the innermost item that it is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CodeLine {
    /// The item, as an index into [`CodeOutline::items`](super::CodeOutline::items).
    pub item: usize,
    /// The part of it that the line is of.
    pub part: LinePart,
}

/// The parts of an item that go or stay together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LinePart {
    /// The attributes and the head, the documentation through its first line with a word, and the
    /// line that closes the body. Of an import, all of it.
    Signature,
    /// The rest of the documentation.
    Doc,
    /// The lines between, without those of the items in it.
    Body,
}
