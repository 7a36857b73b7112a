//! What of a context belongs together.

use std::collections::{BTreeMap, HashMap};

use super::specialty::Specialty;
use crate::relevance::topic_starts;
use crate::segment::{Kind, Segment};

/// The part of what a part may hold below which a topic is small, and joins its neighbour.
const SMALL: usize = 4;
/// Deeper folders are not told apart.
const DEEPEST: usize = 64;

/// What is separated whole: a segment, or a call with its result.
#[derive(Debug)]
pub(super) struct Item<'c> {
    /// Its segments, in order.
    pub(super) segments: Vec<&'c Segment>,
    pub(super) tokens: usize,
}

impl<'c> Item<'c> {
    fn source(&self) -> Option<&'c str> {
        self.segments.iter().find_map(|segment| segment.source()).map(crate::Source::name)
    }

    /// Whether it was said, or done by who speaks.
    fn is_said(&self) -> bool {
        use Kind::{Assistant, ToolCall, ToolResult, User};
        let is_said =
            |segment: &&Segment| matches!(segment.kind(), User | Assistant | ToolCall | ToolResult);
        self.segments.iter().any(is_said)
    }
}

/// Items that belong together, at most as many as one part holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Topic {
    /// Their places among all items, in order.
    pub(super) items: Vec<usize>,
    pub(super) tokens: usize,
    pub(super) name: String,
}

/// Divides items into topics of at most `capacity` tokens, but for an item that alone has more: what has
/// a source by folders, what was said by what it speaks of, and the rest by what it is.
pub(super) fn topics(items: &[Item<'_>], capacity: usize) -> Vec<Topic> {
    let mut sourced = Vec::new();
    let mut said = Vec::new();
    let mut rest: BTreeMap<Specialty, Vec<usize>> = BTreeMap::new();
    for (place, item) in items.iter().enumerate() {
        if let Some(source) = item.source() {
            sourced.push(File { place, source });
        } else if item.is_said() {
            said.push(place);
        } else {
            let specialty =
                item.segments.first().map_or(Specialty::Documents, |s| Specialty::of(s));
            rest.entry(specialty).or_default().push(place);
        }
    }
    let divider = Divider { items, capacity };
    let name_of = |name: &str, group: Group| group.named(name.to_owned());
    let mut topics = Vec::new();
    topics.extend(divider.by_folder(sourced, 0).into_iter().map(|group| {
        let mut names = group.items.iter().filter_map(|place| items[*place].source());
        let name = common_folder(&mut names).to_owned();
        group.named(if name.is_empty() { "top level".to_owned() } else { name })
    }));
    let of_talk = divider.by_cohesion(&said);
    topics.extend(of_talk.into_iter().map(|group| name_of("conversation", group)));
    for (specialty, places) in rest {
        let groups = divider.in_runs(&places);
        topics.extend(groups.into_iter().map(|group| name_of(&specialty.to_string(), group)));
    }
    topics
}

#[derive(Debug, Clone, Copy)]
struct File<'c> {
    place: usize,
    source: &'c str,
}

impl<'c> File<'c> {
    /// The folder that it lies in below those of a depth.
    fn folder(&self, depth: usize) -> Option<&'c str> {
        let mut names = self.source.split(SEPARATORS).skip(depth);
        let folder = names.next();
        names.next().and(folder)
    }
}

const SEPARATORS: [char; 2] = ['/', '\\'];

#[derive(Debug, Default)]
struct Group {
    items: Vec<usize>,
    tokens: usize,
}

impl Group {
    fn named(mut self, name: String) -> Topic {
        self.items.sort_unstable();
        Topic { items: self.items, tokens: self.tokens, name }
    }
}

struct Divider<'c> {
    items: &'c [Item<'c>],
    capacity: usize,
}

impl Divider<'_> {
    /// The largest folders that fit; what lies in a folder that does not, beside its folders, in runs.
    fn by_folder(&self, files: Vec<File<'_>>, depth: usize) -> Vec<Group> {
        let all = self.group(files.iter().map(|file| file.place));
        if all.tokens <= self.capacity || files.is_empty() {
            return if files.is_empty() { Vec::new() } else { vec![all] };
        }
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        let mut folders: Vec<Vec<File<'_>>> = Vec::new();
        let mut own = Vec::new();
        for file in files {
            let Some(folder) = file.folder(depth).filter(|_| depth < DEEPEST) else {
                own.push(file);
                continue;
            };
            let number = *numbers.entry(folder).or_insert(folders.len());
            if number == folders.len() {
                folders.push(Vec::new());
            }
            folders[number].push(file);
        }
        let mut groups = self.whole_files(&own);
        for folder in folders {
            groups.extend(self.by_folder(folder, depth + 1));
        }
        self.join_small(groups)
    }

    /// Files of one folder in runs that fit, each file whole where it fits.
    fn whole_files(&self, files: &[File<'_>]) -> Vec<Group> {
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        let mut by_name: Vec<Vec<usize>> = Vec::new();
        for file in files {
            let number = *numbers.entry(file.source).or_insert(by_name.len());
            if number == by_name.len() {
                by_name.push(Vec::new());
            }
            by_name[number].push(file.place);
        }
        let groups = by_name.iter().flat_map(|places| {
            let whole = self.group(places.iter().copied());
            if whole.tokens <= self.capacity { vec![whole] } else { self.in_runs(places) }
        });
        self.pack(groups, |_, _| true)
    }

    /// What was said, divided where it turns to something else, and each of that in runs that fit.
    fn by_cohesion(&self, places: &[usize]) -> Vec<Group> {
        let texts = |place: &usize| {
            self.items[*place].segments.iter().map(|segment| &**segment.text()).collect()
        };
        let texts: Vec<Vec<&str>> = places.iter().map(texts).collect();
        let mut ends = topic_starts(&texts);
        ends.push(places.len());
        let mut start = 0;
        let mut groups = Vec::new();
        for end in ends {
            groups.extend(self.in_runs(&places[start..end]));
            start = end;
        }
        self.join_small(groups)
    }

    /// Items in runs that fit, in their order.
    fn in_runs(&self, places: &[usize]) -> Vec<Group> {
        self.pack(places.iter().map(|place| self.group([*place])), |_, _| true)
    }

    /// Joins neighbours of which one is small, where both fit together.
    fn join_small(&self, mut groups: Vec<Group>) -> Vec<Group> {
        groups.sort_by_key(|group| group.items.iter().min().copied());
        let small = self.capacity / SMALL;
        self.pack(groups, |a, b| a.tokens.min(b.tokens) < small)
    }

    fn pack(
        &self,
        groups: impl IntoIterator<Item = Group>,
        may_join: impl Fn(&Group, &Group) -> bool,
    ) -> Vec<Group> {
        let mut packed: Vec<Group> = Vec::new();
        for group in groups {
            match packed.last_mut() {
                Some(last)
                    if last.tokens + group.tokens <= self.capacity && may_join(last, &group) =>
                {
                    last.items.extend(group.items);
                    last.tokens += group.tokens;
                }
                _ => packed.push(group),
            }
        }
        packed
    }

    fn group(&self, places: impl IntoIterator<Item = usize>) -> Group {
        let mut group = Group::default();
        for place in places {
            group.tokens += self.items[place].tokens;
            group.items.push(place);
        }
        group
    }
}

/// The source that all are, or the deepest folder that all lie in; nothing where there is none.
fn common_folder<'c>(sources: &mut dyn Iterator<Item = &'c str>) -> &'c str {
    let Some(mut common) = sources.next() else { return "" };
    for source in sources {
        while common != source && !lies_in(source, common) {
            common = common.rfind(SEPARATORS).map_or("", |end| &common[..end]);
        }
    }
    common
}

fn lies_in(source: &str, folder: &str) -> bool {
    folder.is_empty()
        || source.strip_prefix(folder).is_some_and(|below| below.starts_with(SEPARATORS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_in_common_is_a_whole_name() {
        let of = |sources: &[&'static str]| common_folder(&mut sources.iter().copied());
        assert_eq!(of(&["src/net/tcp.rs", "src/net/udp.rs"]), "src/net");
        assert_eq!(of(&["src/net/tcp.rs", "src/network.rs"]), "src");
        assert_eq!(of(&["src/net", "src/net/udp.rs"]), "src/net");
        assert_eq!(of(&["src/a.rs", "src/a.rs"]), "src/a.rs");
        assert_eq!(of(&["/var/log/a", "/var/b"]), "/var");
        assert_eq!(of(&[r"C:\a\b", r"C:\a\c"]), r"C:\a");
        assert_eq!(of(&["a.rs", "b.rs"]), "");
        assert_eq!(of(&["/a", "/b"]), "");
    }
}
