//! What is known of a picture's height and width before it is there.

/// Height and width are each `multiple * n + extra` pixels for some integer n.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    multiple: usize,
    extra: isize,
}

impl Extent {
    /// Any size.
    pub const ANY: Self = Self { multiple: 1, extra: 0 };

    /// Multiples of a number.
    pub fn multiples_of(multiple: usize) -> Self {
        Self { multiple, extra: 0 }
    }

    /// A fixed size.
    pub fn fixed(height: usize, width: usize) -> Self {
        if height == width { Self::multiples_of(height.max(1)) } else { Self::ANY }
    }

    /// The next multiple, but at least `at_least`.
    pub fn padded_to(multiple: usize, at_least: usize) -> Self {
        if at_least.is_multiple_of(multiple) { Self::multiples_of(multiple) } else { Self::ANY }
    }

    /// Whether height and width are multiples of `block`.
    pub fn is_multiple_of(self, block: usize) -> bool {
        self.multiple.is_multiple_of(block) && self.extra.rem_euclid(block as isize) == 0
    }

    /// With this many pixels more in all, or fewer.
    pub fn grown(self, pixels: isize) -> Self {
        Self { extra: self.extra + pixels, ..self }
    }

    /// After an upsampling by a whole factor.
    pub fn times(self, factor: usize) -> Self {
        Self { multiple: self.multiple * factor, extra: self.extra * factor as isize }
    }

    /// After a window of `span` pixels has moved over the picture. Any size if the stride does not divide the multiple.
    pub fn windows(self, span: usize, stride: usize) -> Self {
        if !self.multiple.is_multiple_of(stride) {
            return Self::ANY;
        }
        let last = self.extra - span as isize;
        Self { multiple: self.multiple / stride, extra: last.div_euclid(stride as isize) + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_that_are_known_hold() {
        let padded = Extent::multiples_of(4);
        let halved = padded.grown(8).windows(9, 1).windows(3, 2).grown(1).windows(3, 2);
        for size in [8, 12, 60] {
            let found = ((size - 3) / 2 + 1 + 1 - 3) / 2 + 1;
            assert_eq!((found - halved.extra).rem_euclid(halved.multiple as isize), 0, "{size}");
        }
        assert!(halved.times(4).is_multiple_of(4) && !halved.times(2).is_multiple_of(4));
        assert!(!padded.grown(2).is_multiple_of(4) && padded.grown(2).is_multiple_of(2));
        assert!(padded.grown(-4).is_multiple_of(4));
        assert_eq!(padded.windows(3, 3), Extent::ANY);
        assert!(!Extent::ANY.is_multiple_of(2));
    }
}
