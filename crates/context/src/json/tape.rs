//! Where the values of a JSON text are, without taking them apart.

/// The values of a text, each before those that it holds; a member of an object is two of them.
///
/// Numbers and strings stay bytes of the text, so nothing is rounded and no escape is rewritten.
/// Nesting of any depth takes no stack.
#[derive(Debug)]
pub(super) struct Tape<'t> {
    pub(super) text: &'t str,
    nodes: Vec<Node>,
}

/// One value, by its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Value(u32);

#[derive(Debug, Clone, Copy)]
struct Node {
    start: u32,
    end: u32,
    next: u32,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Object,
    Array,
    String,
    /// A number, `true`, `false` or `null`.
    Other,
}

impl<'t> Tape<'t> {
    /// Reads a text of one value, or of several on lines of their own.
    ///
    /// There is none where anything in it is no JSON, or it is 4 GiB or more.
    pub(super) fn read(text: &'t str) -> Option<Self> {
        u32::try_from(text.len()).ok()?;
        let mut reader = Reader { bytes: text.as_bytes(), at: 0, nodes: Vec::new() };
        loop {
            reader.value()?;
            let end = reader.at;
            reader.white();
            if reader.at == text.len() {
                return Some(Self { text, nodes: reader.nodes });
            }
            if !text[end..reader.at].contains('\n') {
                return None;
            }
        }
    }

    /// The values that no other holds.
    pub(super) fn roots(&self) -> Values<'_, 't> {
        Values { tape: self, at: 0, end: self.nodes.len() }
    }

    /// The elements of an array, or the keys and values of an object in turn.
    pub(super) fn parts(&self, value: Value) -> Values<'_, 't> {
        let next = self.node(value).next as usize;
        Values { tape: self, at: value.0 as usize + 1, end: next }
    }

    /// The members of an object.
    pub(super) fn members(&self, value: Value) -> impl Iterator<Item = (&'t str, Value)> + '_ {
        let mut parts = self.parts(value);
        std::iter::from_fn(move || Some((self.raw(parts.next()?), parts.next()?)))
    }

    /// The bytes of a value.
    pub(super) fn raw(&self, value: Value) -> &'t str {
        let node = self.node(value);
        &self.text[node.start as usize..node.end as usize]
    }

    pub(super) fn shape(&self, value: Value) -> Shape {
        match self.text.as_bytes()[self.node(value).start as usize] {
            b'{' => Shape::Object,
            b'[' => Shape::Array,
            b'"' => Shape::String,
            _ => Shape::Other,
        }
    }

    fn node(&self, value: Value) -> Node {
        self.nodes[value.0 as usize]
    }
}

/// Values that stand side by side.
#[derive(Debug, Clone)]
pub(super) struct Values<'p, 't> {
    tape: &'p Tape<'t>,
    at: usize,
    end: usize,
}

impl Iterator for Values<'_, '_> {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        if self.at >= self.end {
            return None;
        }
        // There are fewer nodes than bytes, of which there are less than 2^32.
        let value = Value(u32::try_from(self.at).ok()?);
        self.at = self.tape.nodes[self.at].next as usize;
        Some(value)
    }
}

#[derive(Debug)]
struct Reader<'t> {
    bytes: &'t [u8],
    at: usize,
    nodes: Vec<Node>,
}

impl Reader<'_> {
    fn white(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Reads one value with all that it holds.
    fn value(&mut self) -> Option<()> {
        let mut open: Vec<u32> = Vec::new();
        loop {
            self.white();
            match self.peek()? {
                bracket @ (b'{' | b'[') => {
                    open.push(index(self.nodes.len())?);
                    self.open()?;
                    self.at += 1;
                    self.white();
                    // The closing bracket is two characters on in the table of characters.
                    if self.peek()? != bracket + 2 {
                        if bracket == b'{' {
                            self.key()?;
                        }
                        continue;
                    }
                }
                _ => self.scalar()?,
            }
            if self.close(&mut open)? {
                return Some(());
            }
        }
    }

    /// Ends what ends behind a value, and takes the comma before the next. Whether all has ended.
    fn close(&mut self, open: &mut Vec<u32>) -> Option<bool> {
        while let Some(&at) = open.last() {
            let at = at as usize;
            let bracket = self.bytes[self.nodes[at].start as usize];
            self.white();
            match self.peek()? {
                b',' => {
                    self.at += 1;
                    if bracket == b'{' {
                        self.key()?;
                    }
                    return Some(false);
                }
                byte if byte == bracket + 2 => {
                    self.at += 1;
                    open.pop();
                    self.nodes[at].end = index(self.at)?;
                    self.nodes[at].next = index(self.nodes.len())?;
                }
                _ => return None,
            }
        }
        Some(true)
    }

    fn open(&mut self) -> Option<()> {
        self.nodes.push(Node { start: index(self.at)?, end: 0, next: 0 });
        Some(())
    }

    fn key(&mut self) -> Option<()> {
        self.white();
        if self.peek()? != b'"' {
            return None;
        }
        self.scalar()?;
        self.white();
        self.take(b':')
    }

    fn scalar(&mut self) -> Option<()> {
        let at = self.nodes.len();
        self.open()?;
        match self.peek()? {
            b'"' => self.string()?,
            b'-' | b'0'..=b'9' => self.number()?,
            _ => {
                let rest = &self.bytes[self.at..];
                let word = [&b"true"[..], b"false", b"null"];
                self.at += word.iter().find(|word| rest.starts_with(word))?.len();
            }
        }
        self.nodes[at].end = index(self.at)?;
        self.nodes[at].next = index(at + 1)?;
        Some(())
    }

    fn string(&mut self) -> Option<()> {
        self.take(b'"')?;
        loop {
            let byte = self.peek()?;
            self.at += 1;
            match byte {
                b'"' => return Some(()),
                b'\\' => {
                    let escape = self.peek()?;
                    self.at += 1;
                    match escape {
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                        b'u' => {
                            let digits = self.bytes.get(self.at..self.at + 4)?;
                            digits.iter().all(u8::is_ascii_hexdigit).then_some(())?;
                            self.at += 4;
                        }
                        _ => return None,
                    }
                }
                0..0x20 => return None,
                _ => {}
            }
        }
    }

    fn number(&mut self) -> Option<()> {
        let _ = self.take(b'-');
        match self.peek()? {
            b'0' => self.at += 1,
            _ => self.digits()?,
        }
        if self.take(b'.').is_some() {
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let digits = self.bytes[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += digits;
        (digits > 0).then_some(())
    }
}

fn index(at: usize) -> Option<u32> {
    u32::try_from(at).ok()
}
