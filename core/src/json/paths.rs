//! The wanted paths of a scan as a tree.

use std::ops::Range;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Descends into an object by this name.
    pub(crate) key: Option<Box<[u8]>>,
    /// Descends into an array by this position.
    pub(crate) index: Option<usize>,
}

impl Segment {
    /// A member of an object and nothing else.
    pub(crate) fn key(name: &str) -> Self {
        Self { key: Some(name.as_bytes().into()), index: None }
    }

    /// An item of an array and nothing else.
    pub(crate) fn index(at: usize) -> Self {
        Self { key: None, index: Some(at) }
    }

    /// A member of an object, or, where `name` is a plain decimal number, an item of an array.
    pub(crate) fn either(name: &str) -> Self {
        Self { key: Some(name.as_bytes().into()), index: array_index(name) }
    }
}

/// `0`, `1`, `20`; not `01`, which can only be a name.
pub(crate) fn array_index(name: &str) -> Option<usize> {
    let plain = name.bytes().all(|b| b.is_ascii_digit()) && (name == "0" || !name.starts_with('0'));
    if plain { name.parse().ok() } else { None }
}

/// A path from the root of a text to a value.
pub(crate) type Path = Vec<Segment>;

/// Wanted paths, compiled. Each path has a slot; the slots below one node are a contiguous range, so that a
/// repeated key forgets everything found under its earlier value in one step.
#[derive(Debug, Clone, Default)]
pub(crate) struct Paths {
    pub(super) nodes: Vec<Node>,
    slots: usize,
}

/// One segment with what is wanted at and below it.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) segment: Segment,
    /// The value itself is wanted: its slot is `slots.start`.
    pub(super) wanted: bool,
    /// Slots of this node and of all below.
    pub(super) slots: Range<usize>,
    /// Nodes one step further.
    pub(super) children: Vec<usize>,
}

impl Paths {
    /// Compiles `paths`; the second part tells the slot of each.
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

    /// How many slots a scan fills.
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

    /// Numbers the slots depth first. Recursion is as deep as the longest path, which callers limit.
    fn number(&mut self, node: usize) {
        let start = self.slots;
        self.slots += usize::from(self.nodes[node].wanted);
        for child in self.nodes[node].children.clone() {
            self.number(child);
        }
        self.nodes[node].slots = start..self.slots;
    }
}
