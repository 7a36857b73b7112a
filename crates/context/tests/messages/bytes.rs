//! What is done with a transcript that nobody of us has written.
//!
//! The fuzz target in `fuzz/` calls this too, so nothing here may need the other tests.

use maniple_context::messages::{MessageError, Transcript};
use maniple_context::{PairId, Segment};

/// Reads bytes as a transcript of either style, and says whether either could be. If not, it was
/// refused with an error that says where. What is read is written as it was, and can be reduced.
pub(crate) fn read(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let openai = round_trip(text, Transcript::openai);
    let anthropic = round_trip(text, Transcript::anthropic);
    openai || anthropic
}

fn round_trip(text: &str, read: impl Fn(&str) -> Result<Transcript, MessageError>) -> bool {
    let transcript = match read(text) {
        Ok(transcript) => transcript,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return false;
        }
    };
    let segments = transcript.segments();
    let written = transcript.write(segments).unwrap();
    if let Ok(value) = serde_json::from_str::<serde_json::Value>(text) {
        assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap(), value);
    }
    assert_eq!(read(&written).unwrap().segments(), segments);

    for is_kept in [|at: usize| at.is_multiple_of(2), |at: usize| !at.is_multiple_of(2)] {
        let kept: Vec<Segment> = segments
            .iter()
            .enumerate()
            .filter(|(at, segment)| is_kept(unit(segments, segment.pair()).unwrap_or(*at)))
            .map(|(_, segment)| segment.clone())
            .collect();
        read(&transcript.write(&kept).unwrap()).unwrap();
    }
    true
}

fn unit(segments: &[Segment], pair: Option<&PairId>) -> Option<usize> {
    let pair = pair?;
    segments.iter().position(|segment| segment.pair() == Some(pair))
}
