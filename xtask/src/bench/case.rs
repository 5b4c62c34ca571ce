//! The training steps that are measured.

/// A network to take training steps with.
pub struct Case {
    /// Its name on the command line and in both programs.
    pub name: &'static str,
    /// What is timed, for people.
    pub about: &'static str,
    /// Steps in one measurement, for about a second.
    pub steps: usize,
    /// The project's goal for the ratio of CPU times, if it has one.
    pub target: Option<f64>,
}

pub const CASES: [Case; 5] = [
    Case { name: "lenet", about: "LeNet, batch 128", steps: 50, target: None },
    Case {
        name: "style",
        about: "style network (width 32) with its loss through VGG16, batch 4 of 256x256",
        steps: 1,
        target: Some(2.0),
    },
    Case { name: "denoiser", about: "denoiser (64 base channels), batch 16 of 32x32", steps: 1, target: Some(2.5) },
    Case {
        name: "critic",
        about: "ProGAN critic (128 channels) with gradient penalty, batch 16 of 32x32",
        steps: 1,
        target: Some(2.0),
    },
    Case { name: "critic-plain", about: "the same critic without the penalty", steps: 2, target: None },
];
