//! The streams of a run's seed, by use of the random numbers. Each use has 2^32 streams of its own.

/// Initial weights.
pub const WEIGHTS: u64 = 1 << 32;
/// The order of the training pictures; one stream an epoch.
pub const DATA_ORDER: u64 = 2 << 32;
/// Latent vectors of training steps.
pub const LATENTS: u64 = 3 << 32;
/// Latent vectors of the sample grids.
pub const SAMPLES: u64 = 4 << 32;
/// Augmentation of training pictures; one stream an epoch, which gives the seeds of the epoch's items.
pub const AUGMENTATION: u64 = 5 << 32;
/// The split into training and validation sets.
pub const HELD_OUT: u64 = 6 << 32;
/// The augmentation before the perceptual loss; one stream a step.
pub const JITTER: u64 = 7 << 32;
/// The real pictures of metrics and their augmentation.
pub const METRICS: u64 = 8 << 32;
/// Random directions of the sliced Wasserstein distance; one stream a level.
pub const DIRECTIONS: u64 = 9 << 32;
/// Positions of patches; one stream a picture.
pub const PATCHES: u64 = 10 << 32;
/// Timesteps, noise and condition dropout of a denoiser's training; one stream a step.
pub const DIFFUSION: u64 = 11 << 32;
/// The same for recalibrating batch norm; one stream a batch.
pub const STATISTICS: u64 = 12 << 32;
/// Noise that a variational autoencoder's latent vectors are drawn with; one stream a step.
pub const REPARAMETERISATION: u64 = 13 << 32;
