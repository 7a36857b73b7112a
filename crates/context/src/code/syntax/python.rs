use tree_sitter::{Language, Node};

use super::reader::{Around, Holds, Reader, Role, Shape, item, roles};
use crate::code::item::ItemKind;
use crate::code::rows::Span;

pub(super) static READER: Reader = Reader::new(language, || roles(&language(), TABLE));

fn language() -> Language {
    tree_sitter_python::LANGUAGE.into()
}

const TABLE: &[(&str, Role)] = &[
    ("import_statement", item(ItemKind::Import, "", "")),
    ("import_from_statement", item(ItemKind::Import, "", "")),
    ("future_import_statement", item(ItemKind::Import, "", "")),
    ("type_alias_statement", item(ItemKind::Type, "left", "")),
    ("decorated_definition", Role::Wrap),
    ("function_definition", Role::Read(function)),
    ("class_definition", Role::Read(class)),
    ("expression_statement", Role::Ask(statement)),
    ("if_statement", Role::Ask(main_guard)),
    ("comment", Role::Comment),
    ("decorator", Role::Skip),
    ("string", Role::Skip),
];

fn function(around: &Around<'_>, node: Node<'_>) -> Shape {
    let name = node.child_by_field_name("name");
    let is_test = name.is_some_and(|name| text_of(around, name).starts_with("test"));
    let kind = if is_test { ItemKind::Test } else { ItemKind::Function };
    with_suite(Shape::new(kind, name), node, "body")
}

fn class(_: &Around<'_>, node: Node<'_>) -> Shape {
    let shape = Shape::new(ItemKind::Class, node.child_by_field_name("name"));
    with_suite(shape, node, "body").holding(Holds::Items)
}

/// `if __name__ == "__main__":`, which is the function that a script is.
fn main_guard(around: &Around<'_>, node: Node<'_>) -> Option<Shape> {
    let condition = node.child_by_field_name("condition")?;
    let name = condition.child(0).filter(|name| text_of(around, *name) == "__name__")?;
    let shape = Shape::new(ItemKind::Function, Some(name));
    around.enclosing.is_none().then(|| with_suite(shape, node, "consequence"))
}

/// The doc string of the file, or a constant: a name without a lower-case letter.
fn statement(around: &Around<'_>, node: Node<'_>) -> Option<Shape> {
    let inner = node.named_child(0)?;
    if inner.kind() == "string" && around.is_first {
        let mut shape = Shape::new(ItemKind::Doc, None);
        shape.doc = Some(rows_of(inner));
        return Some(shape);
    }
    let is_place = matches!(around.enclosing, None | Some(ItemKind::Class));
    if inner.kind() != "assignment" || !is_place {
        return None;
    }
    let name = inner.child_by_field_name("left").filter(|left| left.kind() == "identifier")?;
    let text = text_of(around, name);
    let is_constant = text.starts_with("__") || !text.contains(char::is_lowercase);
    is_constant.then(|| {
        Shape::new(ItemKind::Constant, Some(name)).with_body(inner.child_by_field_name("right"))
    })
}

/// With the body that follows a colon, and its doc string.
fn with_suite(mut shape: Shape, node: Node<'_>, field: &str) -> Shape {
    let Some(body) = node.child_by_field_name(field) else {
        return shape;
    };
    let mut before = body.prev_sibling();
    while let Some(other) = before.filter(|other| other.kind() != ":") {
        before = other.prev_sibling();
    }
    shape.head = Some(before.unwrap_or(body).start_position().row);
    shape.doc = body
        .named_child(0)
        .filter(|first| first.kind() == "expression_statement")
        .and_then(|first| first.named_child(0))
        .filter(|string| string.kind() == "string")
        .map(rows_of)
        .filter(|doc| Some(doc.first) > shape.head);
    shape
}

fn rows_of(node: Node<'_>) -> Span {
    Span { first: node.start_position().row, last: node.end_position().row }
}

fn text_of<'t>(around: &Around<'t>, node: Node<'_>) -> &'t str {
    around.text.get(node.byte_range()).unwrap_or_default()
}
