//! Tensors to and from JavaScript: onnxruntime-web's, or objects with the same fields.

use easel_runtime::tensor::Data;
use easel_runtime::{Error, Result, Tensor};
use half::f16;
use js_sys::{Array, BigInt64Array, Float32Array, Function, Object, Reflect, Uint8Array, Uint16Array};
use wasm_bindgen::prelude::*;

use crate::error::from_js;
use crate::ort::{OrtTensor, OrtTensorConstructor};

#[wasm_bindgen]
extern "C" {
    /// Tensors by name, as a plain object.
    #[wasm_bindgen(typescript_type = "Tensors")]
    pub type TensorsObject;
}

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** A dense row-major tensor. A `Tensor` of onnxruntime-web in the processor's memory has these fields too. */
export interface TensorFields {
    readonly type: "float32" | "float16" | "int64" | "uint8" | "bool";
    readonly dims: readonly number[];
    /** Half-precision elements are in a `Uint16Array` as their bits, booleans in a `Uint8Array`. */
    readonly data: Float32Array | Uint16Array | BigInt64Array | Uint8Array;
}

/** Tensors by name. */
export type Tensors = Record<string, TensorFields>;
"#;

/// The tensors of an object, in its order.
pub fn from_object(tensors: &TensorsObject) -> Result<Vec<(String, Tensor)>> {
    let tensors: &Object = tensors.unchecked_ref();
    let named = |name: JsValue| {
        let tensor = Reflect::get(tensors, &name).map_err(from_js)?;
        let name = name.as_string().unwrap_or_default();
        if !tensor.is_object() {
            return Err(Error::Shape(format!("{name}: not a tensor")));
        }
        let tensor = from_ort(tensor.unchecked_ref()).map_err(|error| Error::Shape(format!("{name}: {error}")))?;
        Ok((name, tensor))
    };
    Object::keys(tensors).iter().map(named).collect()
}

/// An object of tensors.
pub fn to_object(tensors: &[(String, Tensor)]) -> Result<TensorsObject> {
    let object = Object::new();
    for (name, tensor) in tensors {
        let (element_type, data, dims) = fields(tensor);
        let tensor = Object::new();
        for (field, value) in [("type", element_type.into()), ("dims", dims.into()), ("data", data)] {
            Reflect::set(&tensor, &field.into(), &value).map_err(from_js)?;
        }
        Reflect::set(&object, &name.into(), &tensor).map_err(from_js)?;
    }
    Ok(object.unchecked_into())
}

/// A tensor for onnxruntime-web, its elements copied.
pub fn to_ort(constructor: &OrtTensorConstructor, tensor: &Tensor) -> Result<OrtTensor> {
    let (element_type, elements, dims) = fields(tensor);
    let arguments = Array::of3(&element_type.into(), &elements, &dims);
    let tensor = Reflect::construct(constructor.unchecked_ref::<Function>(), &arguments).map_err(from_js)?;
    Ok(tensor.unchecked_into())
}

/// A tensor's element type, elements and shape, copied.
fn fields(tensor: &Tensor) -> (&'static str, JsValue, Array) {
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
    (element_type, elements, tensor.shape().iter().map(|&dim| JsValue::from_f64(dim as f64)).collect())
}

/// A copy of a tensor of onnxruntime-web, whose elements must be in CPU memory, or of an object with its fields.
pub fn from_ort(tensor: &OrtTensor) -> Result<Tensor> {
    let shape = (tensor.dims().dyn_into::<Array>().ok())
        .and_then(|dims| dims.iter().map(|dim| dim.as_f64().map(|dim| dim as usize)).collect::<Option<Vec<_>>>())
        .ok_or_else(|| Error::Engine("a tensor without a shape".into()))?;
    let data = tensor.data().map_err(from_js)?;
    match tensor.element_type().as_string().unwrap_or_default().as_str() {
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
            "a tensor of type `{other}`; models have float32, float16, uint8, int64 and bool"
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
    data.dyn_into().map_err(|_| Error::Engine("a tensor with elements of another type than it declares".into()))
}
