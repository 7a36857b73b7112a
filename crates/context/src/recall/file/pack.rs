//! One file with the texts that were put together.
//!
//! It begins with a list, which is text: the line `maniple recall 1`, a line with handle and length
//! in bytes for each text, in the order of the handles, and an empty line. The texts follow, byte for
//! byte and with nothing between them. The file is named by the digest of its list, so that a list
//! that was changed is seen, and the same texts make the same file whoever writes it.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};

use maniple_core::Digest;

use super::error::Damage;
use crate::recall::Handle;

const FIRST_LINE: &str = "maniple recall 1\n";
const EXTENSION: &str = ".pack";
/// A handle, a space, a length of at most 20 digits and the end of the line.
const LONGEST_LINE: u64 = 64 + 1 + 20 + 1;

/// The name of a pack, which is made of nothing but hexadecimal digits and the extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PackName(Handle);

impl PackName {
    pub(super) fn read(file_name: &str) -> Option<Self> {
        file_name.strip_suffix(EXTENSION)?.parse().ok().map(Self)
    }

    fn of(list: &str) -> Self {
        Self(Handle::of(list))
    }
}

impl fmt::Display for PackName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{EXTENSION}", self.0)
    }
}

/// Where a text stands in its pack, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    offset: u64,
    len: u64,
}

/// A pack that is to be written.
pub(super) struct NewPack<'t> {
    list: String,
    texts: Vec<&'t str>,
    pub(super) name: PackName,
    pub(super) places: Vec<(Handle, Place)>,
}

impl<'t> NewPack<'t> {
    pub(super) fn new(texts: &BTreeMap<Handle, &'t str>) -> Self {
        let mut list = String::from(FIRST_LINE);
        for (handle, text) in texts {
            writeln!(list, "{handle} {}", text.len()).expect("a String takes all");
        }
        list.push('\n');
        let lens = texts.iter().map(|(handle, text)| (*handle, bytes(text.len())));
        let places = lay_out(bytes(list.len()), lens).expect("texts in memory have such lengths");
        Self { name: PackName::of(&list), list, texts: texts.values().copied().collect(), places }
    }

    pub(super) fn write(&self, to: &File) -> io::Result<()> {
        let mut to = io::BufWriter::with_capacity(1 << 16, to);
        to.write_all(self.list.as_bytes())?;
        self.texts.iter().try_for_each(|text| to.write_all(text.as_bytes()))?;
        to.flush()
    }
}

fn bytes(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

fn lay_out(list: u64, lens: impl Iterator<Item = (Handle, u64)>) -> Option<Vec<(Handle, Place)>> {
    let mut offset = list;
    lens.map(|(handle, len)| {
        let place = Place { offset, len };
        offset = offset.checked_add(len)?;
        Some((handle, place))
    })
    .collect()
}

/// What is in a pack.
pub(super) fn read_list(
    file: File,
    name: PackName,
) -> io::Result<Result<Vec<(Handle, Place)>, Damage>> {
    let mut file = BufReader::new(file);
    let (mut list, mut lens) = (String::new(), Vec::new());
    loop {
        let begin = list.len();
        match (&mut file).take(LONGEST_LINE).read_line(&mut list) {
            Err(error) if error.kind() == ErrorKind::InvalidData => return Ok(Err(Damage::List)),
            read => read?,
        };
        match &list[begin..] {
            "\n" => break,
            FIRST_LINE if begin == 0 => {}
            line => match read_entry(line) {
                Some(entry) => lens.push(entry),
                None => return Ok(Err(Damage::List)),
            },
        }
    }
    let places = lay_out(bytes(list.len()), lens.into_iter());
    Ok(places.filter(|_| PackName::of(&list) == name).ok_or(Damage::List))
}

fn read_entry(line: &str) -> Option<(Handle, u64)> {
    let (handle, len) = line.strip_suffix('\n')?.split_once(' ')?;
    Some((handle.parse().ok()?, len.parse().ok()?))
}

/// The text at a place, if it is still the one of this handle.
pub(super) fn read_text(
    mut file: File,
    place: Place,
    handle: &Handle,
) -> io::Result<Result<String, Damage>> {
    let end = place.offset.saturating_add(place.len);
    if file.metadata()?.len() < end {
        return Ok(Err(Damage::Text));
    }
    file.seek(SeekFrom::Start(place.offset))?;
    let mut text = Vec::with_capacity(usize::try_from(place.len).unwrap_or(0));
    file.take(place.len).read_to_end(&mut text)?;
    if Digest::of_bytes(&text) != *handle.digest() {
        return Ok(Err(Damage::Text));
    }
    Ok(String::from_utf8(text).map_err(|_| Damage::Text))
}
