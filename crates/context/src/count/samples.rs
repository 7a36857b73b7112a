//! Texts of what tokenizers treat in different ways, in every order.

use proptest::prelude::*;

pub(super) fn texts() -> impl Strategy<Value = String> {
    let unit = prop_oneof![
        4 => "[a-zA-Z]{1,8}",
        2 => "[0-9]{1,5}",
        6 => r"[ \n\t\r]{1,4}",
        2 => r"\r\n( {0,4}|\t)",
        2 => r"['!./{}(\[;:\-]{1,3}",
        2 => r"[!;})]{0,2}(\r?\n){1,2}/{0,3}[a-z/*]?",
        1 => r"'(s|S|ll|LL|Re|t|d|VE|ſ)",
        1 => "[é中文語ǅªʰ\u{301}\u{903}²Ⅷ。「」¿ßİ]{1,3}",
        1 => "[\u{a0}\u{3000}\u{2028}\u{85}\u{b}\u{c}\u{200d}]{1,2}",
        1 => "(fn|self\\.|let x = |<\\|endoftext\\|>|👩‍👧|한국|עברית|\0)",
        1 => r"\PC{1,3}",
    ];
    proptest::collection::vec(unit, 1..24).prop_map(|units| units.concat())
}
