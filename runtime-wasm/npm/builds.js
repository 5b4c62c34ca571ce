// Which builds of the WebAssembly module an engine can run.

/** The bytes of a module with one function: it applies an instruction to its argument, a vector, taken `count` times. */
function moduleWith(instruction, count) {
    const V128 = 0x7b;
    const code = [0, ...Array(count).fill([0x20, 0]).flat(), ...instruction, 0x0b];
    const types = [1, 0x60, 1, V128, 1, V128];
    const body = [1, code.length, ...code];
    const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
    return Uint8Array.from([...header, 1, types.length, ...types, 3, 2, 1, 0, 10, body.length, ...body]);
}

/** A module that only engines with the instructions of a build accept. */
const MODULES = {
    // f32x4.relaxed_madd
    relaxed: () => moduleWith([0xfd, 0x85, 0x02], 3),
    // f32x4.add
    simd: () => moduleWith([0xfd, 0xe4, 0x01], 2),
    plain: () => Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0),
};

export function builds() {
    return Object.keys(MODULES).filter((name) => WebAssembly.validate(MODULES[name]()));
}
