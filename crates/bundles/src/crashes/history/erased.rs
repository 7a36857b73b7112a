/// How many bytes of the last chunk are behind the actions before that of this number, but for a
/// seal.
pub(super) fn behind_action(chunk: &[u8], next: u64) -> usize {
    let line = |at: usize| chunk[at..].split_inclusive(|byte| *byte == b'\n').next();
    let begin = line(0).unwrap_or_default();
    let mut end = begin.len();
    while let Some(line) = line(end)
        && number(line).is_some_and(|number| number < next)
    {
        end += line.len();
    }
    let is_preallocated = begin.ends_with(b"\"preallocated\":true}}}\n");
    let zeros = chunk.iter().rev().take_while(|byte| is_preallocated && **byte == 0).count();
    let rest = &chunk[end.min(chunk.len() - zeros)..chunk.len() - zeros];
    let is_seal = !rest.contains(&0)
        && rest.get(76..).is_some_and(|body| body.starts_with(b"{\"seal\":"))
        && rest.iter().position(|byte| *byte == b'\n') == Some(rest.len() - 1);
    if is_seal { 0 } else { rest.len() }
}

fn number(line: &[u8]) -> Option<u64> {
    let digits = line.strip_suffix(b"\n")?.get(76..)?.strip_prefix(b"{\"seq\":")?;
    let comma = digits.iter().position(|byte| *byte == b',')?;
    str::from_utf8(&digits[..comma]).ok()?.parse().ok()
}
