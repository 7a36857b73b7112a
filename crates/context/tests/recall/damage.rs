//! Files that are not what was written.

use std::fs;
use std::sync::Arc;

use maniple_context::{FileRecall, Handle, RecallError, RecallStore};

use crate::files::packs;
use crate::put;

const TEXTS: [&str; 4] = ["", "a", "two\nlines", "…é"];

fn texts() -> [(Handle, Arc<str>); 4] {
    TEXTS.map(|text| (Handle::of(text), text.into()))
}

/// How many texts are known to be damaged; all others are whole.
fn damaged(store: &FileRecall) -> usize {
    let found = texts().into_iter().filter(|(handle, text)| match store.get(handle) {
        Ok(found) => {
            assert_eq!(found, *text);
            false
        }
        Err(RecallError::Damaged { .. }) => true,
        Err(error) => panic!("{error}"),
    });
    found.count()
}

/// Puts each of these contents in place of the file, and the texts again after it.
fn each_is_found(change: impl Fn(&[u8]) -> Vec<Vec<u8>>) {
    let root = tempfile::tempdir().unwrap();
    FileRecall::open(root.path()).unwrap().put_all(&texts()).unwrap();
    let path = packs(root.path()).remove(0);
    let whole = fs::read(&path).unwrap();
    let opened = FileRecall::open(root.path()).unwrap();
    assert_eq!(damaged(&opened), 0);
    for (number, changed) in change(&whole).into_iter().enumerate() {
        fs::write(&path, changed).unwrap();
        let store = FileRecall::open(root.path()).unwrap();
        assert!(damaged(&store) > 0, "change {number} is not seen");
        // Who knew the file before reads no list, but no wrong text either.
        damaged(&opened);
        fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn every_flipped_bit_is_found() {
    each_is_found(|whole| {
        let flipped = (0..whole.len() * 8).map(|bit| {
            let mut bytes = whole.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            bytes
        });
        flipped.collect()
    });
}

#[test]
fn every_cut_is_found() {
    each_is_found(|whole| (0..whole.len()).map(|len| whole[..len].to_vec()).collect());
}

#[test]
fn a_list_in_other_words_is_found() {
    each_is_found(|whole| {
        let text = String::from_utf8(whole.to_vec()).unwrap();
        let mut lines: Vec<_> = text.split_inclusive('\n').collect();
        let without = [&lines[..1], &lines[2..]].concat().concat();
        lines.swap(1, 2);
        let long = format!("{}{text}", "0".repeat(1 << 20));
        let later = text.replacen("recall 1", "recall 2", 1);
        let zeros = text.replacen(" 0\n", " 00\n", 1);
        [without, lines.concat(), long, later, zeros].map(String::into_bytes).to_vec()
    });
}

#[test]
fn what_is_put_again_is_whole_again() {
    for (name, at) in [("the list", 3), ("a text", usize::MAX)] {
        let root = tempfile::tempdir().unwrap();
        let store = FileRecall::open(root.path()).unwrap();
        store.put_all(&texts()).unwrap();
        let path = packs(root.path()).remove(0);
        let mut bytes = fs::read(&path).unwrap();
        let at = at.min(bytes.len() - 1);
        bytes[at] ^= 1;
        fs::write(&path, bytes).unwrap();

        let next = FileRecall::open(root.path()).unwrap();
        assert!(damaged(&next) > 0, "{name}");
        next.put_all(&texts()).unwrap();
        for store in [next, FileRecall::open(root.path()).unwrap(), store] {
            for (handle, text) in texts() {
                assert_eq!(store.get(&handle).unwrap(), text, "{name}");
                assert_eq!(store.candidates(handle.short()).unwrap(), [handle]);
            }
        }
    }
}

#[test]
fn what_may_be_in_a_damaged_file_is_not_called_unknown() {
    let root = tempfile::tempdir().unwrap();
    put(&FileRecall::open(root.path()).unwrap(), "lost");
    let path = packs(root.path()).remove(0);
    fs::write(&path, "not a list").unwrap();
    let store = FileRecall::open(root.path()).unwrap();
    let handle = Handle::of("lost");
    let error = store.get(&handle).unwrap_err();
    assert!(matches!(error, RecallError::Damaged { .. }), "{error}");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.starts_with(&format!("{} is damaged", path.display())), "{source}");
    assert!(matches!(store.find(handle.short()), Err(RecallError::Search { .. })));
}
