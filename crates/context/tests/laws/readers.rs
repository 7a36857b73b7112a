//! The readers of logs and of JSON, given any bytes.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::bytes;

proptest! {
    #[test]
    fn any_bytes_are_read_as_json(input in vec(any::<u8>(), 0..200)) {
        bytes::json(&input);
    }

    #[test]
    fn anything_near_json_is_read(script in vec(any::<u8>(), 0..200)) {
        bytes::json(&bytes::nearly_json(&script));
    }

    #[test]
    fn any_text_is_read_as_json(input in r#"[\[\]{},:"0-9ae. \n\\-]{0,20}"#) {
        bytes::json(input.as_bytes());
    }

    #[test]
    fn any_bytes_are_read_as_a_log(input in vec(any::<u8>(), 0..400)) {
        bytes::log(&input);
    }

    #[test]
    fn any_log_is_read(script in vec(any::<u8>(), 0..400)) {
        bytes::log(&bytes::nearly_a_log(&script));
    }
}
