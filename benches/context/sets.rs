use maniple::context::Segment;

use super::{dialogue, documents, log, records, transcript};

/// A context whose reduction is measured.
#[derive(Debug)]
pub struct Set {
    /// What it is.
    pub name: &'static str,
    /// The context.
    pub segments: Vec<Segment>,
    /// What is asked of it, if anything is.
    pub question: Option<String>,
}

/// One context of each sort but for source code.
pub fn sets() -> Vec<Set> {
    let asked = dialogue(1, 8_000, true);
    let of_bridge = "Where was the designer of the bridge born?".to_owned();
    vec![
        Set::new("an agent's transcript", transcripts(8, 150), None),
        Set::new("a dialogue", dialogue(1, 8_000, false).segments, None),
        Set::new("a dialogue, with a question", asked.segments, asked.question),
        Set::new("documents, with a question", documents(1, 2_000).segments, Some(of_bridge)),
        Set::new("a log", log(1, 20_000).segments, None),
        Set::new("JSON", records(1, 10_000).segments, None),
    ]
}

/// Several transcripts of so many steps, one after the other.
pub fn transcripts(count: u64, steps: usize) -> Vec<Segment> {
    let named = |seed: u64, segment: &Segment| {
        let id = format!("{seed}-{}", segment.id());
        let text = segment.text().clone();
        let copy = Segment::new(id, segment.kind(), text);
        match segment.pair() {
            Some(pair) => copy.with_pair(format!("{seed}-{pair}")),
            None => copy,
        }
    };
    let one = |seed| transcript(seed, steps).segments;
    (0..count)
        .flat_map(|seed| one(seed).iter().map(|segment| named(seed, segment)).collect::<Vec<_>>())
        .collect()
}

/// The same segments, which have forgotten their counts.
pub fn uncounted(segments: &[Segment]) -> Vec<Segment> {
    let json = |segment: &Segment| serde_json::to_string(segment).ok();
    let parsed = |json: String| serde_json::from_str(&json).ok();
    segments.iter().filter_map(json).filter_map(parsed).collect()
}

impl Set {
    fn new(name: &'static str, segments: Vec<Segment>, question: Option<String>) -> Self {
        Self { name, segments, question }
    }
}
