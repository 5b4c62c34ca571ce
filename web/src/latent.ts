/** Points between latent vectors that were drawn from a normal distribution, as `easel_runtime::walk` has them. */

/**
 * The point at `t` in [0, 1] on the way from `a` to `b` round 0: the direction turns evenly along the shorter great
 * arc, and the length grows or shrinks evenly. Where there is no such arc it is the point on the straight line.
 */
export function slerp(a: Float32Array, b: Float32Array, t: number): Float32Array {
    const [aLength, bLength] = [length(a), length(b)];
    if (t === 0 || aLength < TINY || bLength < TINY) return combine(a, 1 - t, b, t);
    let [apart, together] = [0, 0];
    a.forEach((value, index) => {
        const [x, y] = [value / aLength, b[index]! / bLength];
        apart += (x - y) ** 2;
        together += (x + y) ** 2;
    });
    // This form of the angle is exact near 0 and near 180 degrees too, where the arc cosine is not.
    const angle = 2 * Math.atan2(Math.sqrt(apart), Math.sqrt(together));
    const sine = Math.sin(angle);
    if (sine < TINY) return combine(a, 1 - t, b, t);
    const radius = aLength + t * (bLength - aLength);
    const share = (angle: number, length: number) => (Math.sin(angle) / sine) * (radius / length);
    return combine(a, share((1 - t) * angle, aLength), b, share(t * angle, bLength));
}

/** Angles and lengths below this have no direction that could be told from rounding. */
const TINY = 1e-9;

function combine(a: Float32Array, aShare: number, b: Float32Array, bShare: number): Float32Array {
    return a.map((value, index) => value * aShare + b[index]! * bShare);
}

function length(vector: Float32Array): number {
    return Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
}
