//! The scan of a job, over any container.

use std::ops::{Deref, DerefMut};

use super::contract::{ContainerScan, ScanState};
use super::index::{IdSetScan, SortedScan, UnackedScan};
use super::list::ListScan;

/// The scan of a job. The questions of a job between slices are the same for all containers ([`ScanState`]). A
/// slice works on the scan itself ([`OneScan::of`]), so that the container is looked up once per slice.
#[derive(Debug)]
pub enum AnyScan {
    /// Over one list, or over several in the order in which workers read them.
    Lists(Box<ListScan>),
    /// Over unacknowledged messages.
    Unacked(Box<UnackedScan>),
    /// Over a sorted set of messages.
    SortedSet(Box<SortedScan>),
    /// Over a sorted set of ids.
    SetOfIds(Box<IdSetScan>),
}

/// A scan that a job can have.
pub trait OneScan: ContainerScan {
    /// Returns the scan of this container; `None` if the job has that of another one.
    fn of(scan: &mut AnyScan) -> Option<&mut Self>;
}

/// A row for each container: the enum's variant and the type of its scan.
macro_rules! containers {
    ($($variant:ident($scan:ty),)*) => {
        $(
            impl From<$scan> for AnyScan {
                fn from(scan: $scan) -> Self {
                    Self::$variant(Box::new(scan))
                }
            }

            impl OneScan for $scan {
                fn of(scan: &mut AnyScan) -> Option<&mut Self> {
                    if let AnyScan::$variant(scan) = scan { Some(scan) } else { None }
                }
            }
        )*

        impl Deref for AnyScan {
            type Target = dyn ScanState;

            fn deref(&self) -> &Self::Target {
                match self {
                    $(Self::$variant(scan) => &**scan,)*
                }
            }
        }

        impl DerefMut for AnyScan {
            fn deref_mut(&mut self) -> &mut Self::Target {
                match self {
                    $(Self::$variant(scan) => &mut **scan,)*
                }
            }
        }
    };
}

containers! {
    Lists(ListScan),
    Unacked(UnackedScan),
    SortedSet(SortedScan),
    SetOfIds(IdSetScan),
}

impl AnyScan {
    /// Returns the scan over lists, if it is one.
    #[must_use]
    pub fn lists(&self) -> Option<&ListScan> {
        if let Self::Lists(scan) = self { Some(scan) } else { None }
    }
}
