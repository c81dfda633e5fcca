//! The wanted paths of a scan, as a tree.

use std::ops::Range;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The name by which this step descends into an object.
    pub(crate) key: Option<Box<[u8]>>,
    /// The position by which this step descends into an array.
    pub(crate) index: Option<usize>,
}

impl Segment {
    /// Creates a step to a member of an object only.
    pub(crate) fn key(name: &str) -> Self {
        Self { key: Some(name.as_bytes().into()), index: None }
    }

    /// Creates a step to an item of an array only.
    pub(crate) fn index(at: usize) -> Self {
        Self { key: None, index: Some(at) }
    }

    /// Creates a step to a member of an object or, if `name` is a plain decimal number, to an item of an
    /// array.
    pub(crate) fn either(name: &str) -> Self {
        Self { key: Some(name.as_bytes().into()), index: array_index(name) }
    }
}

/// Parses an array index: `0`, `1`, `20`, but not `01`, which can only be a name.
pub(crate) fn array_index(name: &str) -> Option<usize> {
    let plain = name.bytes().all(|b| b.is_ascii_digit()) && (name == "0" || !name.starts_with('0'));
    if plain { name.parse().ok() } else { None }
}

/// A path from the root of a text to a value.
pub(crate) type Path = Vec<Segment>;

/// Compiled wanted paths. Each path has a slot. The slots below one node are a contiguous range, so that one
/// step clears everything that was found under an earlier value of a repeated key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Paths {
    pub(super) nodes: Vec<Node>,
    slots: usize,
}

/// One segment, with everything that is wanted at it and below it.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) segment: Segment,
    /// Whether the value itself is wanted; its slot is then `slots.start`.
    pub(super) wanted: bool,
    /// The slots of this node and of all nodes below it.
    pub(super) slots: Range<usize>,
    /// The nodes one step further.
    pub(super) children: Vec<usize>,
}

impl Paths {
    /// Compiles `paths`. The second result is the slot of each path.
    pub(crate) fn new<'a>(paths: impl IntoIterator<Item = &'a Path>) -> (Self, Vec<usize>) {
        let root = Segment { key: None, index: None };
        let mut all = Self {
            nodes: vec![Node { segment: root, wanted: false, slots: 0..0, children: Vec::new() }],
            slots: 0,
        };
        let ends: Vec<usize> = paths.into_iter().map(|path| all.insert(path)).collect();
        all.number(0);
        let slots = ends.into_iter().map(|end| all.nodes[end].slots.start).collect();
        (all, slots)
    }

    /// Returns how many slots a scan fills.
    pub(crate) fn slots(&self) -> usize {
        self.slots
    }

    fn insert(&mut self, path: &Path) -> usize {
        let mut at = 0;
        for segment in path {
            let known = self.nodes[at].children.iter().copied().find(|&c| self.nodes[c].segment == *segment);
            at = known.unwrap_or_else(|| {
                let new = self.nodes.len();
                let node = Node { segment: segment.clone(), wanted: false, slots: 0..0, children: vec![] };
                self.nodes.push(node);
                self.nodes[at].children.push(new);
                new
            });
        }
        self.nodes[at].wanted = true;
        at
    }

    /// Numbers the slots depth first. The recursion is as deep as the longest path, which callers limit.
    fn number(&mut self, node: usize) {
        let start = self.slots;
        self.slots += usize::from(self.nodes[node].wanted);
        for child in self.nodes[node].children.clone() {
            self.number(child);
        }
        self.nodes[node].slots = start..self.slots;
    }
}
