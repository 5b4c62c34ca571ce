//! Tensors to and from onnxruntime-web.

use easel_runtime::tensor::Data;
use easel_runtime::{Error, Result, Tensor};
use half::f16;
use js_sys::{Array, BigInt64Array, Float32Array, Function, Reflect, Uint8Array, Uint16Array};
use wasm_bindgen::{JsCast, JsValue};

use crate::error::from_js;
use crate::ort::{OrtTensor, OrtTensorConstructor};

/// A tensor for onnxruntime-web, its elements copied.
pub fn to_ort(constructor: &OrtTensorConstructor, tensor: &Tensor) -> Result<OrtTensor> {
    let (element_type, elements): (&str, JsValue) = match tensor.data() {
        Data::F32(values) => ("float32", Float32Array::from(values.as_slice()).into()),
        Data::I64(values) => ("int64", BigInt64Array::from(values.as_slice()).into()),
        Data::Bool(values) => {
            let bytes: Vec<u8> = values.iter().copied().map(u8::from).collect();
            ("bool", Uint8Array::from(bytes.as_slice()).into())
        }
        Data::F16(values) => {
            let bits: Vec<u16> = values.iter().map(|value| value.to_bits()).collect();
            ("float16", Uint16Array::from(bits.as_slice()).into())
        }
        Data::U8(values) => ("uint8", Uint8Array::from(values.as_slice()).into()),
    };
    let dims: Array = tensor.shape().iter().map(|&dim| JsValue::from_f64(dim as f64)).collect();
    let arguments = Array::of3(&element_type.into(), &elements, &dims);
    let tensor = Reflect::construct(constructor.unchecked_ref::<Function>(), &arguments).map_err(from_js)?;
    Ok(tensor.unchecked_into())
}

/// A copy of a tensor from onnxruntime-web, whose elements must be in CPU memory.
pub fn from_ort(tensor: &OrtTensor) -> Result<Tensor> {
    let shape = tensor
        .dims()
        .iter()
        .map(|dim| dim.as_f64().map(|dim| dim as usize))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| Error::Engine("the engine returned a tensor without a shape".into()))?;
    let data = tensor.data().map_err(from_js)?;
    match String::from(tensor.element_type()).as_str() {
        "float32" => Tensor::new(shape, elements::<Float32Array>(data)?.to_vec()),
        "int64" => Tensor::new(shape, elements::<BigInt64Array>(data)?.to_vec()),
        "bool" => {
            let values: Vec<bool> = elements::<Uint8Array>(data)?.to_vec().iter().map(|&byte| byte != 0).collect();
            Tensor::new(shape, values)
        }
        "float16" => {
            let bits = half_bits(&data)?.to_vec();
            Tensor::new(shape, bits.into_iter().map(f16::from_bits).collect::<Vec<_>>())
        }
        "uint8" => Tensor::new(shape, elements::<Uint8Array>(data)?.to_vec()),
        other => Err(Error::Shape(format!(
            "the engine returned elements of type {other}; models have float32, float16, uint8, int64 or bool"
        ))),
    }
}

/// The bits of half-precision elements: a `Float16Array`, or a `Uint16Array` in browsers without that class.
fn half_bits(data: &JsValue) -> Result<Uint16Array> {
    let of = |name: &str| Reflect::get(data, &name.into()).map_err(from_js);
    let number = |name: &str| of(name).map(|value| value.as_f64().unwrap_or(0.0) as u32);
    Ok(Uint16Array::new_with_byte_offset_and_length(&of("buffer")?, number("byteOffset")?, number("length")?))
}

fn elements<T: JsCast>(data: JsValue) -> Result<T> {
    data.dyn_into().map_err(|_| Error::Engine("the engine returned elements of another type than it declared".into()))
}
