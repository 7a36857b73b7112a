use tree_sitter::{Language, Node};

use super::reader::{Around, Holds, Reader, Role, Shape, holder, item, roles};
use crate::code::item::ItemKind;

pub(super) static READER: Reader = Reader::new(language, || roles(&language(), TABLE));

fn language() -> Language {
    tree_sitter_rust::LANGUAGE.into()
}

const TABLE: &[(&str, Role)] = &[
    ("use_declaration", item(ItemKind::Import, "", "")),
    ("extern_crate_declaration", item(ItemKind::Import, "", "")),
    ("const_item", item(ItemKind::Constant, "name", "value")),
    ("static_item", item(ItemKind::Constant, "name", "value")),
    ("struct_item", item(ItemKind::Type, "name", "body")),
    ("enum_item", item(ItemKind::Type, "name", "body")),
    ("union_item", item(ItemKind::Type, "name", "body")),
    ("type_item", item(ItemKind::Type, "name", "")),
    ("trait_item", holder(ItemKind::Type, "name", "body")),
    ("impl_item", holder(ItemKind::Impl, "type", "body")),
    ("mod_item", holder(ItemKind::Module, "name", "body")),
    ("foreign_mod_item", holder(ItemKind::Module, "", "body")),
    ("function_item", item(ItemKind::Function, "name", "body")),
    ("function_signature_item", item(ItemKind::Function, "name", "")),
    ("macro_definition", Role::Read(macro_definition)),
    ("macro_invocation", Role::Ask(macro_invocation)),
    ("line_comment", Role::Comment),
    ("block_comment", Role::Comment),
    ("attribute_item", Role::Attribute),
    ("inner_attribute_item", Role::Skip),
    ("token_tree", Role::Skip),
    ("string_literal", Role::Skip),
    ("raw_string_literal", Role::Skip),
];

fn macro_definition(_: &Around<'_>, node: Node<'_>) -> Shape {
    let name = node.child_by_field_name("name");
    Shape::new(ItemKind::Macro, name).with_body(name)
}

/// A macro of several lines where items stand, as one that makes items.
fn macro_invocation(around: &Around<'_>, node: Node<'_>) -> Option<Shape> {
    let is_long = node.start_position().row < node.end_position().row;
    (around.holds == Holds::Items && is_long).then(|| {
        let name = node.child_by_field_name("macro");
        Shape::new(ItemKind::Macro, name).with_body(name)
    })
}
