//! Which stream of a run's seed each use of random numbers takes. A use has 2^32 streams of its own.

/// Initial weights.
pub const WEIGHTS: u64 = 1 << 32;
/// The order of the training pictures; one stream an epoch.
pub const DATA_ORDER: u64 = 2 << 32;
/// Latent vectors of training steps.
pub const LATENTS: u64 = 3 << 32;
/// Latent vectors of the sample grids.
pub const SAMPLES: u64 = 4 << 32;
/// Random changes of training pictures; one stream an epoch, which gives the seed of the epoch's items.
pub const AUGMENTATION: u64 = 5 << 32;
/// Which pictures of a set are held out for validation.
pub const HELD_OUT: u64 = 6 << 32;
/// Where the pictures of a step are moved to before they are judged; one stream a step.
pub const JITTER: u64 = 7 << 32;
/// Which real pictures a generator's are measured against, and random changes of them.
pub const METRICS: u64 = 8 << 32;
/// Directions along which patches of pictures are compared; one stream a level of detail.
pub const DIRECTIONS: u64 = 9 << 32;
/// Where patches are cut out; one stream a picture.
pub const PATCHES: u64 = 10 << 32;
/// Times, noise and withheld classes of a denoiser's training; one stream a step.
pub const DIFFUSION: u64 = 11 << 32;
/// The same for the pictures that batch norm's statistics are computed anew from; one stream a batch.
pub const STATISTICS: u64 = 12 << 32;
/// Noise that a variational autoencoder's latent vectors are drawn with; one stream a step.
pub const REPARAMETERISATION: u64 = 13 << 32;
