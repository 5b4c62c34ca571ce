//! The main subject of a scene.

/// The main subject of a scene: its class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Motif {
    /// High mountains.
    Mountains,
    /// A lake that mirrors its shore.
    Lake,
    /// A beach and the sea.
    Sea,
    /// Woods.
    Forest,
    /// A village with its church.
    Village,
    /// Farmland.
    Fields,
}

impl Motif {
    /// All motifs in the order of their labels.
    pub const ALL: [Self; 6] = [Self::Mountains, Self::Lake, Self::Sea, Self::Forest, Self::Village, Self::Fields];

    /// The name of the class.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mountains => "mountains",
            Self::Lake => "lake",
            Self::Sea => "sea",
            Self::Forest => "forest",
            Self::Village => "village",
            Self::Fields => "fields",
        }
    }
}
