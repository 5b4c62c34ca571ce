// ONNX files written field by field (onnx.proto3).

export const [FLOAT, UINT8, INT8, FLOAT16] = [1, 2, 3, 10];

export const varint = (value) => (value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))]);
export const number = (field, value) => Buffer.from([...varint(field * 8), ...varint(value)]);
export const bytes = (field, value) => {
    const content = Buffer.isBuffer(value) ? value : Array.isArray(value) ? Buffer.concat(value) : Buffer.from(value);
    return Buffer.concat([Buffer.from([...varint(field * 8 + 2), ...varint(content.length)]), content]);
};
export const attribute = (name, kind, ...values) => bytes(5, [bytes(1, name), ...values, number(20, kind)]);
export const int = (name, value) => attribute(name, 2, number(3, value));
export const ints = (name, values) => attribute(name, 7, ...values.map((value) => number(8, value)));
export const string = (name, value) => attribute(name, 3, bytes(4, value));
export const node = (operator, inputs, output, ...attributes) =>
    bytes(1, [...inputs.map((name) => bytes(1, name)), bytes(2, output), bytes(4, operator), ...attributes]);
export const floats = (name, dims, values) =>
    bytes(5, [...dims.map((dim) => number(1, dim)), number(2, FLOAT), bytes(8, name), bytes(9, Buffer.from(Float32Array.from(values).buffer))]);
export const external = (name, dims, file) => {
    const place = bytes(13, [bytes(1, "location"), bytes(2, file)]);
    return bytes(5, [...dims.map((dim) => number(1, dim)), number(2, FLOAT), bytes(8, name), place, number(14, 1)]);
};
export const value = (field, name, element, dims) => {
    const dim = (dim) => bytes(1, typeof dim === "number" ? number(1, dim) : bytes(2, dim));
    return bytes(field, [bytes(1, name), bytes(2, bytes(1, [number(1, element), bytes(2, dims.map(dim))]))]);
};
export const input = (name, element, dims) => value(11, name, element, dims);
export const output = (name, element, dims) => value(12, name, element, dims);
export const model = (...graph) => Buffer.concat([number(1, 8), bytes(7, [bytes(2, "test"), ...graph]), bytes(8, number(2, 17))]);

/** A stylizer of another program, in eight bits: it rounds pictures to 127 steps. */
export const int8 = model(
    node("QuantizeLinear", ["x", "step", "zero"], "levels"),
    node("DequantizeLinear", ["levels", "step", "zero"], "y"),
    floats("step", [], [1 / 127]),
    bytes(5, [number(2, INT8), bytes(8, "zero"), bytes(9, Buffer.of(0))]),
    input("x", FLOAT, [1, 3, "h", "w"]),
    output("y", FLOAT, [1, 3, "h", "w"]),
);
