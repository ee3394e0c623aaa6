//! What an application is shown of a body that came in blocks.

/// Where the payload of a message stands in a body that is larger than one message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The body, when the library has put it together, or what counts of the payload; else the
    /// message's own payload is what is shown.
    pub data: Option<Vec<u8>>,
    /// How many bytes of the body stand before the data.
    pub offset: usize,
    /// How many bytes the whole body has; as long as that is not known, more than have come.
    pub total: usize,
}

impl Shown {
    /// The bytes that are kept of it.
    pub fn size(&self) -> usize {
        self.data.as_ref().map_or(0, Vec::len)
    }

    /// A body that is complete.
    pub fn whole(data: Vec<u8>) -> Self {
        Shown { offset: 0, total: data.len(), data: Some(data) }
    }
}
