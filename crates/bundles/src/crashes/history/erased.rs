/// How many bytes of the last chunk are behind the actions before that of this number, but for a
/// seal.
pub(super) fn behind_action(chunk: &[u8], next: u64) -> usize {
    let line = |at: usize| chunk[at..].split_inclusive(|byte| *byte == b'\n').next();
    let begin = line(0).unwrap_or_default();
    let (mut end, mut head) = (begin.len(), after(begin));
    while let Some(line) = line(end)
        && number(line).is_some_and(|number| number < next)
    {
        end += line.len();
        head = stated(line);
    }
    let is_preallocated = begin.ends_with(b"\"preallocated\":true}}}\n");
    let zeros = chunk.iter().rev().take_while(|byte| is_preallocated && **byte == 0).count();
    let rest = &chunk[end.min(chunk.len() - zeros)..chunk.len() - zeros];
    // A torn write can be made of two seals.
    let is_seal = !rest.contains(&0)
        && head.is_some_and(|head| follows(rest, head))
        && rest.get(76..).is_some_and(|body| body.starts_with(b"{\"seal\":"))
        && rest.iter().position(|byte| *byte == b'\n') == Some(rest.len() - 1);
    if is_seal { 0 } else { rest.len() }
}

/// Whether the hash of a line is that of the hash before it and of what it says.
fn follows(line: &[u8], before: blake3::Hash) -> bool {
    let body = line.get(76..).and_then(|body| body.strip_suffix(b"}\n"));
    let (Some(stated), Some(body)) = (stated(line), body) else { return false };
    blake3::Hasher::new().update(before.as_bytes()).update(body).finalize() == stated
}

/// The hash that a line says it has.
fn stated(line: &[u8]) -> Option<blake3::Hash> {
    blake3::Hash::from_hex(line.get(6..70)?).ok()
}

/// The hash that a chunk says it begins after.
fn after(begin: &[u8]) -> Option<blake3::Hash> {
    const NAME: &[u8] = b"\"after\":\"";
    let at = begin.windows(NAME.len()).position(|bytes| bytes == NAME)? + NAME.len();
    blake3::Hash::from_hex(begin.get(at..at + 64)?).ok()
}

fn number(line: &[u8]) -> Option<u64> {
    let digits = line.strip_suffix(b"\n")?.get(76..)?.strip_prefix(b"{\"seq\":")?;
    let comma = digits.iter().position(|byte| *byte == b',')?;
    str::from_utf8(&digits[..comma]).ok()?.parse().ok()
}
