//! What the tests that cross crates share: golden cases, and where real data lies.

pub mod data;
pub mod golden;

/// The examples in the published crates' READMEs.
#[cfg(doctest)]
mod readmes {
    #[doc = include_str!("../../export/README.md")]
    mod export {}
    #[doc = include_str!("../../runtime/README.md")]
    mod runtime {}
    #[doc = include_str!("../../runtime-native/README.md")]
    mod runtime_native {}
    #[doc = include_str!("../../train/README.md")]
    mod train {}
}
