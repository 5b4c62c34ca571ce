//! Copying batches to the device.
//!
//! It runs in a loader's thread, so that a batch is copied while the previous one is trained on. On the CPU nothing is
//! copied. On a CUDA device, a batch's float values go through page-locked (pinned) memory: the copy is queued on the
//! device's stream, after the work that the consumer has queued so far, and no thread waits for it. Not pinned are labels
//! and other small tensors, and batches of another size once four buffers exist (the smaller last batch of an epoch is
//! usually among the first four sizes). Those go through the driver's own buffers, which may block the loader's thread but
//! not the consumer's. Copies do not overlap with kernels: that takes a second stream, with which candle's CUDA library
//! records an event for every kernel.

use candle_core::{Device, Shape, Tensor};

use crate::Result;

/// Staging buffers for a device.
#[derive(Default)]
pub struct Staging {
    #[cfg(feature = "cuda")]
    pinned: std::sync::Mutex<cuda::Pinned>,
}

impl Staging {
    /// A tensor on the device with these values. On a CUDA device, work that is queued afterwards may use it at once, even
    /// though the copy has not finished.
    pub fn to_device(&self, values: Vec<f32>, shape: impl Into<Shape>, device: &Device) -> Result<Tensor> {
        #[cfg(feature = "cuda")]
        if let Device::Cuda(cuda) = device {
            return self.pinned.lock().expect("no holder panics").to_device(values, shape.into(), cuda);
        }
        Ok(Tensor::from_vec(values, shape, device)?)
    }
}

#[cfg(feature = "cuda")]
mod cuda {
    use candle_core::cuda_backend::cudarc::driver::{DriverError, PinnedHostSlice};
    use candle_core::op::BackpropOp;
    use candle_core::{CudaDevice, CudaStorage, Device, Shape, Storage, Tensor};

    use crate::{Error, Result};

    /// Enough for the current batch and a few in advance.
    const BUFFERS: usize = 4;

    /// Page-locked buffers, the least recently used first. They are kept, since allocating page-locked memory
    /// synchronises the device.
    #[derive(Default)]
    pub struct Pinned(Vec<PinnedHostSlice<f32>>);

    impl Pinned {
        pub fn to_device(&mut self, values: Vec<f32>, shape: Shape, device: &CudaDevice) -> Result<Tensor> {
            if values.len() != shape.elem_count() {
                return Err(Error::Data(format!("{} values do not fill {shape:?}", values.len())));
            }
            let stream = device.cuda_stream();
            let mut buffer = if self.0.len() < BUFFERS {
                // Sound: the buffer is written before it is read.
                unsafe { stream.context().alloc_pinned::<f32>(values.len()) }.map_err(failed)?
            } else {
                match self.0.iter().position(|buffer| buffer.len() == values.len()) {
                    Some(at) => self.0.remove(at),
                    None => return Ok(Tensor::from_vec(values, shape, &Device::Cuda(device.clone()))?),
                }
            };
            // Waits until the buffer's last copy is done.
            buffer.as_mut_slice().map_err(failed)?.copy_from_slice(&values);
            // Sound: the copy below fills it before anything on the stream can read it.
            let mut slice = unsafe { stream.alloc::<f32>(values.len()) }.map_err(failed)?;
            stream.memcpy_htod(&buffer, &mut slice).map_err(failed)?;
            self.0.push(buffer);
            let storage = CudaStorage::wrap_cuda_slice(slice, device.clone());
            Ok(Tensor::from_storage(Storage::Cuda(storage), shape, BackpropOp::none(), false))
        }
    }

    fn failed(error: DriverError) -> Error {
        Error::Device(format!("a batch could not be copied to the GPU: {error}"))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn batches_arrive_whole_and_in_their_own_memory() {
            let Ok(device) = Device::new_cuda(0) else {
                eprintln!("skipped: no CUDA device");
                return;
            };
            let staging = super::super::Staging::default();
            let values =
                |batch: usize| -> Vec<f32> { (0..1000 + batch / 9).map(|i| (i * 31 + batch) as f32).collect() };
            let batches: Vec<Tensor> =
                (0..12).map(|batch| staging.to_device(values(batch), values(batch).len(), &device).unwrap()).collect();
            for (number, batch) in batches.iter().enumerate() {
                assert_eq!(batch.to_vec1::<f32>().unwrap(), values(number));
            }
        }
    }
}
