use tree_sitter::{Node, Tree};

use super::lead::Lead;
use super::reader::{Around, Holds, Reader, Role, Shape};
use crate::code::assemble::Draft;
use crate::code::item::ItemKind;
use crate::code::outline::Reading;
use crate::code::rows::Span;

/// Finds the items of a tree, without recursion: code nests as deep as its author likes.
///
/// `last` is the last row that was parsed.
pub(super) fn walk(reader: &Reader, tree: &Tree, text: &str, last: usize) -> Reading {
    let mut walk = Walk {
        reader,
        text,
        last,
        reading: Reading::default(),
        open: Vec::new(),
        wrap: None,
        lead: Lead::default(),
        is_first: true,
    };
    let mut cursor = tree.walk();
    let mut level = 0;
    loop {
        if walk.enter(cursor.node(), level) && cursor.goto_first_child() {
            level += 1;
            walk.lead.reset(None);
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return walk.reading;
            }
            level -= 1;
            walk.leave(cursor.node(), level);
        }
    }
}

struct Walk<'a> {
    reader: &'a Reader,
    text: &'a str,
    last: usize,
    reading: Reading,
    /// The items around the next node.
    open: Vec<Open>,
    wrap: Option<Wrap>,
    lead: Lead,
    is_first: bool,
}

struct Open {
    level: usize,
    kind: ItemKind,
    holds: Holds,
}

/// The outermost of the nodes that are a part of the signature of the item in them.
struct Wrap {
    level: usize,
    rows: Span,
    doc: Option<Span>,
}

impl Walk<'_> {
    /// Whether to look at its children.
    fn enter(&mut self, node: Node<'_>, level: usize) -> bool {
        let rows = self.rows(node);
        if level == 0 {
            if node.is_error() {
                self.unread(rows);
            }
            return true;
        }
        if node.is_error() {
            self.unread(rows);
            self.lead.reset(Some(rows.last));
            return true;
        }
        let is_short = rows.first == rows.last;
        let enters = match self.reader.role(node) {
            Role::Comment => {
                self.comment(node, rows, level);
                return false;
            }
            Role::Attribute => {
                let text = self.text.get(node.byte_range()).unwrap_or_default();
                let is_test = text.contains("test") && !text.contains("cfg");
                self.lead.attribute(rows, is_test);
                false
            }
            Role::Skip => {
                self.lead.reset(Some(rows.last));
                return false;
            }
            Role::Wrap | Role::WrapOr(_) | Role::Item(_) | Role::Read(_) | Role::Ask(_)
                if is_short && self.holds() == Holds::Statements =>
            {
                self.lead.reset(Some(rows.last));
                false
            }
            Role::Wrap => {
                self.wrap(rows, level);
                true
            }
            Role::WrapOr(ask) => {
                if let Some(shape) = ask(&self.around(), node) {
                    self.item(shape, rows, level)
                } else {
                    self.wrap(rows, level);
                    true
                }
            }
            Role::Item(plain) => self.item(Shape::plain(plain, node), rows, level),
            Role::Read(read) => self.item(read(&self.around(), node), rows, level),
            Role::Ask(ask) => match ask(&self.around(), node) {
                Some(shape) => self.item(shape, rows, level),
                None => self.pass(rows),
            },
            Role::Open => self.pass(rows),
        };
        self.is_first = false;
        enters
    }

    /// Takes back what held for the children of a node.
    fn leave(&mut self, node: Node<'_>, level: usize) {
        while self.open.pop_if(|open| open.level >= level).is_some() {}
        if self.wrap.as_ref().is_some_and(|wrap| wrap.level >= level) {
            self.wrap = None;
        }
        self.lead.reset(Some(self.rows(node).last));
    }

    /// What is no item itself; items in it take several rows.
    fn pass(&mut self, rows: Span) -> bool {
        self.lead.reset(Some(rows.last));
        let enters = rows.first < rows.last;
        if enters {
            self.wrap = None;
        }
        enters
    }

    fn comment(&mut self, node: Node<'_>, rows: Span, level: usize) {
        let text = self.text.get(node.byte_range()).unwrap_or_default();
        let is_inner = text.starts_with("//!") || text.starts_with("/*!");
        self.lead.comment(rows, is_inner);
        if !self.is_first || level != 1 {
            return;
        }
        match self.reading.drafts.last_mut() {
            Some(draft) if draft.rows.last + 1 >= rows.first => {
                draft.rows.last = rows.last;
                draft.doc = Some(draft.rows);
            }
            _ => self.reading.drafts.push(Draft {
                kind: ItemKind::Doc,
                name: None,
                rows,
                doc: Some(rows),
                signature: None,
            }),
        }
    }

    fn wrap(&mut self, rows: Span, level: usize) {
        if self.wrap.is_none() {
            let (first, doc) = self.lead.above(rows.first);
            self.wrap = Some(Wrap { level, rows: Span { first, last: rows.last }, doc });
        }
    }

    /// Adds an item, and says whether to look for others in it.
    fn item(&mut self, shape: Shape, rows: Span, level: usize) -> bool {
        let is_plain = matches!(shape.kind, ItemKind::Import | ItemKind::Doc);
        let (first, above) = match &self.wrap {
            Some(wrap) if is_plain => (wrap.doc.map_or(wrap.rows.first, |doc| doc.last + 1), None),
            Some(wrap) => (wrap.rows.first, wrap.doc),
            None if is_plain => (rows.first, None),
            None => self.lead.above(rows.first),
        };
        let last = self.wrap.take().map_or(rows.last, |wrap| wrap.rows.last.max(rows.last));
        // A comment at the top that belongs to the first item is not the file's.
        let is_above = |draft: &mut Draft| draft.kind == ItemKind::Doc && draft.rows.last >= first;
        if above.is_some() {
            self.reading.drafts.pop_if(is_above);
        }
        let head = match (shape.kind, shape.head) {
            (ItemKind::Doc, _) => None,
            (_, Some(head)) => Some(head.clamp(rows.first, last)),
            (_, None) => Some(last),
        };
        let inside = shape.doc.filter(|doc| doc.first <= rows.last);
        // A string that nothing ends is longer than what is left of the text.
        let inside = inside.map(|doc| Span { last: doc.last.min(rows.last), ..doc });
        let doc = inside.or(above);
        let begins = doc
            .filter(|doc| doc.first == first && head.is_some())
            .map_or(first, |doc| doc.last + 1);
        let kind = self.kind(&shape);
        self.reading.drafts.push(Draft {
            kind,
            name: shape.name,
            rows: Span { first, last },
            doc,
            signature: head.map(|head| Span { first: begins.min(head), last: head }),
        });
        self.lead.reset(Some(last));
        let enters = rows.first < rows.last && kind != ItemKind::Import;
        if enters {
            self.open.push(Open { level, kind, holds: shape.holds });
        }
        enters
    }

    fn kind(&self, shape: &Shape) -> ItemKind {
        let holds_methods = |kind: &Option<ItemKind>| {
            matches!(kind, Some(ItemKind::Class | ItemKind::Impl | ItemKind::Type))
        };
        match shape.kind {
            ItemKind::Function if self.lead.is_test => ItemKind::Test,
            ItemKind::Function if holds_methods(&self.enclosing()) => ItemKind::Method,
            kind => kind,
        }
    }

    fn around(&self) -> Around<'_> {
        Around {
            text: self.text,
            enclosing: self.enclosing(),
            holds: self.holds(),
            is_first: self.is_first,
        }
    }

    fn enclosing(&self) -> Option<ItemKind> {
        self.open.last().map(|open| open.kind)
    }

    fn holds(&self) -> Holds {
        self.open.last().map_or(Holds::Items, |open| open.holds)
    }

    fn unread(&mut self, rows: Span) {
        match self.reading.unread.last_mut() {
            Some(unread) if rows.first <= unread.last => unread.last = unread.last.max(rows.last),
            _ => self.reading.unread.push(rows),
        }
    }

    fn rows(&self, node: Node<'_>) -> Span {
        let (start, end) = (node.start_position(), node.end_position());
        // What ends with its line ends before the next one.
        let last = end.row - usize::from(end.column == 0 && end.row > start.row);
        let first = start.row.min(self.last);
        Span { first, last: last.clamp(first, self.last) }
    }
}
