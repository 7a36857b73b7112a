use std::sync::LazyLock;

use tree_sitter::{Language, Node};

use crate::code::item::ItemKind;
use crate::code::rows::Span;

/// A grammar and what its nodes are to an outline.
pub(super) struct Reader {
    pub(super) language: LazyLock<Language>,
    roles: LazyLock<Vec<Role>>,
}

/// What a node is to an outline.
#[derive(Clone, Copy)]
pub(super) enum Role {
    /// Nothing, but items may stand in it.
    Open,
    /// Nothing, and no item stands in it.
    Skip,
    /// A comment; right above an item, it is its documentation.
    Comment,
    /// An attribute or a decorator of the item after it.
    Attribute,
    /// A part of the signature of the item in it, as `export` is.
    Wrap,
    /// An item, or else a part of the signature of the item in it.
    WrapOr(Ask),
    /// An item, read by the names of its fields.
    Item(Plain),
    /// An item of its own.
    Read(fn(&Around<'_>, Node<'_>) -> Shape),
    /// Perhaps an item.
    Ask(Ask),
}

pub(super) type Ask = fn(&Around<'_>, Node<'_>) -> Option<Shape>;

/// An item whose fields say all of it.
#[derive(Clone, Copy)]
pub(super) struct Plain {
    pub(super) kind: ItemKind,
    pub(super) name: &'static str,
    pub(super) body: &'static str,
    pub(super) holds: Holds,
}

/// Whether what stands in an item is listed as what stands in the file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// Items of a single line too, and calls that are given a function.
    Items,
    /// Only functions and types of several lines.
    Statements,
}

/// Where a node stands.
pub(super) struct Around<'t> {
    pub(super) text: &'t str,
    /// The kind of the item around it, if there is one.
    pub(super) enclosing: Option<ItemKind>,
    pub(super) holds: Holds,
    /// Whether nothing but comments stands before it in the file.
    pub(super) is_first: bool,
}

/// What was read of an item.
pub(super) struct Shape {
    pub(super) kind: ItemKind,
    pub(super) name: Option<std::ops::Range<usize>>,
    /// The row of the signature after which the body begins, if there is a body.
    pub(super) head: Option<usize>,
    pub(super) doc: Option<Span>,
    pub(super) holds: Holds,
}

impl Reader {
    pub(super) const fn new(language: fn() -> Language, roles: fn() -> Vec<Role>) -> Self {
        Self { language: LazyLock::new(language), roles: LazyLock::new(roles) }
    }

    pub(super) fn role(&self, node: Node<'_>) -> Role {
        // The id of an error is beyond the table.
        self.roles.get(usize::from(node.kind_id())).copied().unwrap_or(Role::Open)
    }
}

/// The role of each kind of node of a grammar; those that are not named in the table are open.
pub(super) fn roles(language: &Language, table: &[(&str, Role)]) -> Vec<Role> {
    let count = u16::try_from(language.node_kind_count()).unwrap_or(u16::MAX);
    (0..count)
        .map(|id| {
            let name = language.node_kind_for_id(id).filter(|_| language.node_kind_is_named(id));
            let row = table.iter().find(|(kind, _)| Some(*kind) == name);
            row.map_or(Role::Open, |(_, role)| *role)
        })
        .collect()
}

impl Shape {
    pub(super) fn new(kind: ItemKind, name: Option<Node<'_>>) -> Self {
        Self {
            kind,
            name: name.map(|name| name.byte_range()),
            head: None,
            doc: None,
            holds: Holds::Statements,
        }
    }

    pub(super) fn plain(plain: Plain, node: Node<'_>) -> Self {
        let shape = Self::new(plain.kind, node.child_by_field_name(plain.name));
        shape.with_body(node.child_by_field_name(plain.body)).holding(plain.holds)
    }

    /// With a body that opens in the row where it begins, as one in brackets does.
    pub(super) fn with_body(mut self, body: Option<Node<'_>>) -> Self {
        self.head = body.map(|body| body.start_position().row);
        self
    }

    pub(super) fn holding(mut self, holds: Holds) -> Self {
        self.holds = holds;
        self
    }
}

pub(super) const fn item(kind: ItemKind, name: &'static str, body: &'static str) -> Role {
    Role::Item(Plain { kind, name, body, holds: Holds::Statements })
}

pub(super) const fn holder(kind: ItemKind, name: &'static str, body: &'static str) -> Role {
    Role::Item(Plain { kind, name, body, holds: Holds::Items })
}
