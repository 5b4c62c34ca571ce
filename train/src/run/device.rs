//! From `--device` to candle.

use candle_core::Device as Candle;
use easel_runtime::Device;

use crate::{Error, Result};

/// Opens the requested device. `auto` takes the first CUDA device that works, otherwise the CPU.
///
/// Fails with the reason if the requested CUDA device is not available.
pub fn open(device: Device) -> Result<Candle> {
    match device {
        Device::Cpu => Ok(Candle::Cpu),
        Device::Auto => Ok(cuda(0).unwrap_or(Candle::Cpu)),
        Device::Cuda(number) => cuda(number).map_err(|why| {
            Error::Device(format!("--device {device}: {why}; use --device cpu, or auto for any available one"))
        }),
    }
}

/// The device's display name.
pub fn describe(device: &Candle) -> &'static str {
    match device {
        Candle::Cpu => "CPU",
        Candle::Cuda(_) => "CUDA",
        Candle::Metal(_) => "Metal",
    }
}

fn cuda(number: u32) -> std::result::Result<Candle, String> {
    if !candle_core::utils::cuda_is_available() {
        return Err("this program was built without CUDA (cargo feature `cuda`)".into());
    }
    // A missing driver is a panic in the library that loads it.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let opened = std::panic::catch_unwind(|| Candle::new_cuda(number as usize));
    std::panic::set_hook(hook);
    match opened {
        Ok(Ok(device)) => Ok(device),
        Ok(Err(error)) => {
            let text = error.to_string();
            Err(format!("no CUDA device: {}", text.lines().next().unwrap_or_default()))
        }
        Err(_) => Err("the CUDA driver could not be loaded".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_is_always_there() {
        assert_eq!(describe(&open(Device::Cpu).unwrap()), "CPU");
        assert!(open(Device::Auto).is_ok());
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_missing_device_is_one_line() {
        let error = open(Device::Cuda(1)).unwrap_err().to_string();
        assert!(error.starts_with("--device cuda:1: ") && !error.contains('\n'), "{error}");
    }
}
