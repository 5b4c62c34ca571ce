//! The variational autoencoder: both halves, both terms of the loss, and their gradients.

use easel_tests::golden::Case;
use easel_train::Result;
use easel_train::losses::vae::VaeLoss;
use easel_train::networks::vae::{Sizes, Vae, reparameterise};

pub fn check(case: &mut Case) -> Result<()> {
    let number = |key| case.number(key);
    let sizes = Sizes {
        z_dim: number("z_dim"),
        base_channels: number("base_channels"),
        channels: number("channels"),
        side: number("side"),
    };
    let params = super::params();
    let Vae { encoder, decoder } = Vae::new(params.root(), sizes)?;
    params.load(&case.weights(""))?;

    let pictures = case.input("pictures").clone();
    let [mean, log_variance] = encoder.forward(&pictures)?;
    let z = reparameterise(&mean, &log_variance, case.input("noise"))?;
    for (name, found) in
        [("mean", &mean), ("log_variance", &log_variance), ("z", &z), ("pictures", &decoder.pictures(&z)?)]
    {
        case.expect_output(name, found)?;
    }
    let loss = VaeLoss::new(&decoder.logits(&z)?, &pictures, [&mean, &log_variance], case.real("beta"))?;
    for (name, loss) in [("reconstruction", loss.reconstruction), ("divergence", loss.divergence), ("loss", loss.total)]
    {
        case.expect_output(name, &loss)?;
        case.expect_gradients(name, &loss.backward()?, &params)?;
    }
    Ok(())
}
