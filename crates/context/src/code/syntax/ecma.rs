//! TypeScript and JavaScript, of which one table says it all: their grammars share the names.

use tree_sitter::{Language, Node};

use super::reader::{Around, Holds, Reader, Role, Shape, holder, item, roles};
use crate::code::item::ItemKind;

#[cfg(feature = "lang-typescript")]
pub(super) static TYPESCRIPT: Reader = Reader::new(typescript, || roles(&typescript(), TABLE));

#[cfg(feature = "lang-typescript")]
pub(super) static TSX: Reader = Reader::new(tsx, || roles(&tsx(), TABLE));

#[cfg(feature = "lang-javascript")]
pub(super) static JAVASCRIPT: Reader = Reader::new(javascript, || roles(&javascript(), TABLE));

#[cfg(feature = "lang-typescript")]
fn typescript() -> Language {
    tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into()
}

#[cfg(feature = "lang-typescript")]
fn tsx() -> Language {
    tree_sitter_typescript::LANGUAGE_TSX.into()
}

#[cfg(feature = "lang-javascript")]
fn javascript() -> Language {
    tree_sitter_javascript::LANGUAGE.into()
}

const TABLE: &[(&str, Role)] = &[
    ("import_statement", item(ItemKind::Import, "", "")),
    ("import_alias", item(ItemKind::Import, "", "")),
    ("export_statement", Role::WrapOr(export)),
    ("ambient_declaration", Role::Wrap),
    ("lexical_declaration", Role::Wrap),
    ("variable_declaration", Role::Wrap),
    ("variable_declarator", Role::Ask(declarator)),
    ("function_declaration", item(ItemKind::Function, "name", "body")),
    ("generator_function_declaration", item(ItemKind::Function, "name", "body")),
    ("function_signature", item(ItemKind::Function, "name", "")),
    ("class_declaration", holder(ItemKind::Class, "name", "body")),
    ("abstract_class_declaration", holder(ItemKind::Class, "name", "body")),
    ("method_definition", item(ItemKind::Method, "name", "body")),
    ("abstract_method_signature", item(ItemKind::Method, "name", "")),
    ("method_signature", Role::Ask(overload)),
    ("public_field_definition", Role::Ask(field)),
    ("field_definition", Role::Ask(field)),
    ("pair", Role::Ask(pair)),
    ("interface_declaration", item(ItemKind::Type, "name", "body")),
    ("type_alias_declaration", item(ItemKind::Type, "name", "value")),
    ("enum_declaration", item(ItemKind::Type, "name", "body")),
    ("internal_module", holder(ItemKind::Module, "name", "body")),
    ("module", holder(ItemKind::Module, "name", "body")),
    ("expression_statement", Role::Ask(statement)),
    ("hash_bang_line", Role::Skip),
    ("comment", Role::Comment),
    ("decorator", Role::Attribute),
    ("string", Role::Skip),
    ("template_string", Role::Skip),
    ("regex", Role::Skip),
];

/// What begins the calls by which the usual frameworks name tests and groups of them.
const TESTS: [&str; 5] = ["describe", "it", "test", "suite", "context"];

fn export(_: &Around<'_>, node: Node<'_>) -> Option<Shape> {
    if node.child_by_field_name("source").is_some() {
        return Some(Shape::new(ItemKind::Import, None));
    }
    node.child_by_field_name("value").and_then(|value| valued(None, value))
}

fn declarator(around: &Around<'_>, node: Node<'_>) -> Option<Shape> {
    let name = node.child_by_field_name("name");
    let value = node.child_by_field_name("value")?;
    if let Some(shape) = valued(name, value) {
        return Some(shape);
    }
    let is_place = matches!(around.enclosing, None | Some(ItemKind::Module));
    if !is_place || around.holds != Holds::Items {
        return None;
    }
    if value.kind() == "call_expression" {
        let callee = value.child_by_field_name("function")?;
        if around.text.get(callee.byte_range()) == Some("require") {
            return Some(Shape::new(ItemKind::Import, name));
        }
        if let Some(given) = longest_function(value) {
            let body = given.child_by_field_name("body");
            return Some(Shape::new(ItemKind::Function, name).with_body(body));
        }
    }
    Some(Shape::new(ItemKind::Constant, name).with_body(Some(value)))
}

/// A function, a class or an object under a name.
fn valued(name: Option<Node<'_>>, value: Node<'_>) -> Option<Shape> {
    if is_function(value) {
        let body = value.child_by_field_name("body");
        return Some(Shape::new(ItemKind::Function, name).with_body(body));
    }
    match value.kind() {
        "class" => {
            let body = value.child_by_field_name("body");
            Some(Shape::new(ItemKind::Class, name).with_body(body).holding(Holds::Items))
        }
        "object" if is_long(value) => {
            let shape = Shape::new(ItemKind::Constant, name).with_body(Some(value));
            Some(shape.holding(Holds::Items))
        }
        _ => None,
    }
}

/// A method of a class that another line implements. The members of an interface are its body.
fn overload(around: &Around<'_>, node: Node<'_>) -> Option<Shape> {
    (around.enclosing == Some(ItemKind::Class))
        .then(|| Shape::new(ItemKind::Method, node.child_by_field_name("name")))
}

fn field(_: &Around<'_>, node: Node<'_>) -> Option<Shape> {
    let name = node.child_by_field_name("name").or_else(|| node.child_by_field_name("property"));
    method(name, node)
}

fn pair(_: &Around<'_>, node: Node<'_>) -> Option<Shape> {
    is_long(node).then(|| method(node.child_by_field_name("key"), node)).flatten()
}

fn method(name: Option<Node<'_>>, node: Node<'_>) -> Option<Shape> {
    let value = node.child_by_field_name("value").filter(|value| is_function(*value))?;
    let body = value.child_by_field_name("body");
    Some(Shape::new(ItemKind::Method, name).with_body(body))
}

fn statement(around: &Around<'_>, node: Node<'_>) -> Option<Shape> {
    let inner = bare(node.named_child(0)?);
    match inner.kind() {
        "assignment_expression" => {
            let name = inner.child_by_field_name("left");
            inner.child_by_field_name("right").and_then(|right| valued(name, right))
        }
        "call_expression" if around.holds == Holds::Items && is_long(inner) => call(around, inner),
        _ => None,
    }
}

/// A call whose body is a function that it is given, or that is called itself.
fn call(around: &Around<'_>, node: Node<'_>) -> Option<Shape> {
    let callee = bare(node.child_by_field_name("function")?);
    let longest = longest_function(node);
    let (kind, name, function) = if is_function(callee) {
        let rows = |node: Node<'_>| node.end_position().row - node.start_position().row;
        let given = longest.filter(|given| rows(*given) > rows(callee));
        (ItemKind::Module, None, given.unwrap_or(callee))
    } else {
        let text = around.text.get(callee.byte_range())?;
        let word = text.split(|c: char| !c.is_alphanumeric()).next();
        let is_test = word.is_some_and(|word| TESTS.contains(&word));
        let kind = if is_test { ItemKind::Test } else { ItemKind::Function };
        // A chain of calls is a statement.
        let given = longest.filter(|_| !is_long(callee))?;
        (kind, Some(callee), given)
    };
    let body = function.child_by_field_name("body");
    Some(Shape::new(kind, name).with_body(body).holding(Holds::Items))
}

/// Of the functions of several lines that a call is given, the longest.
fn longest_function(call: Node<'_>) -> Option<Node<'_>> {
    let arguments = call.child_by_field_name("arguments")?;
    let mut cursor = arguments.walk();
    let functions = arguments.named_children(&mut cursor).filter(|node| is_function(*node));
    let rows = |node: &Node<'_>| node.end_position().row - node.start_position().row;
    functions.filter(|node| is_long(*node)).max_by_key(rows)
}

/// Without parentheses and operators around it.
fn bare(mut node: Node<'_>) -> Node<'_> {
    while matches!(node.kind(), "parenthesized_expression" | "unary_expression") {
        let Some(inner) = node.child_by_field_name("argument").or_else(|| node.named_child(0))
        else {
            break;
        };
        node = inner;
    }
    node
}

fn is_function(node: Node<'_>) -> bool {
    matches!(node.kind(), "arrow_function" | "function_expression" | "generator_function")
}

fn is_long(node: Node<'_>) -> bool {
    node.start_position().row < node.end_position().row
}
