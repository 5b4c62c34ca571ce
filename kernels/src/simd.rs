//! The instruction sets.

/// A set of instructions that kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// No SIMD instructions but those that the compiler chooses.
    Plain,
}

impl Level {
    /// The best one of this machine.
    pub fn detect() -> Self {
        Self::Plain
    }
}
