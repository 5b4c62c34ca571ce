/**
 * The directions of a generator's latent space along which its pictures change most.
 *
 * They are the right singular vectors of the generator's mean Jacobian. For a normal z, Stein's identity makes that
 * E[dx/dz] = E[x zᵀ], so pictures suffice: no gradients or weights are needed, and any architecture will do. Directions
 * of the first layer's weights (SeFa, arXiv 2007.06600) may be ignored by later layers, and principal components of the
 * pictures (GANSpace, arXiv 2004.02546) need a regression back to z, which is this one. The mean suits sliders: a
 * direction with opposite effects at different points cancels out.
 *
 * The z come in pairs z and -z, which cancels the even part of the generator, and in orthogonal sets, for which the mean
 * is the least squares fit. Pictures are reduced to block means, since strong changes are coarse.
 */

/** The most rows and columns of blocks. */
const MAX_BLOCKS = 16;

/** Pairs of pictures for short latent vectors. */
const PAIRS = 256;

/** Subspace iterations; each shrinks what is left of weaker directions by their relative strength. */
const ITERATIONS = 200;

export interface PictureSize {
    channels: number;
    height: number;
    width: number;
}

export interface Directions {
    /** Unit vectors `[count, dim]`, the strongest first; each points towards brighter pictures. */
    vectors: Float32Array;
    /** The share of each in the linear variance. */
    shares: number[];
}

/**
 * Latent vectors `[count, dim]` to try, in sets of `dim` orthogonal ones that are as long as normal vectors. `normal`
 * returns standard normal numbers.
 */
export function trials(dim: number, normal: (count: number) => Float32Array): Float32Array {
    const sets = Math.max(1, Math.round(PAIRS / dim));
    const all = new Float32Array(sets * dim * dim);
    for (let set = 0; set < sets; set++) {
        const rows = matrix(dim, dim);
        const numbers = normal(dim * dim);
        rows.forEach((row, index) => row.set(numbers.subarray(index * dim, (index + 1) * dim)));
        orthonormalise(rows);
        rows.forEach((row, index) =>
            all.set(
                row.map((value) => value * Math.sqrt(dim)),
                (set * dim + index) * dim,
            ),
        );
    }
    return all;
}

/** An estimate of the mean Jacobian. */
export class MeanJacobian {
    readonly #dim: number;
    readonly #size: PictureSize;
    readonly #rows: Float64Array[];
    #pairs = 0;

    constructor(dim: number, size: PictureSize) {
        this.#dim = dim;
        this.#size = size;
        const columns = size.channels * Math.min(MAX_BLOCKS, size.height) * Math.min(MAX_BLOCKS, size.width);
        this.#rows = matrix(dim, columns);
    }

    /** Adds the pictures of z and of -z. */
    add(z: Float32Array, plus: Float32Array, minus: Float32Array): void {
        const odd = this.#blocks(plus.map((value, index) => (value - minus[index]!) / 2));
        this.#rows.forEach((row, index) => {
            const weight = z[index]!;
            for (let column = 0; column < row.length; column++) row[column]! += weight * odd[column]!;
        });
        this.#pairs += 1;
    }

    /** The strongest directions of the pictures added. */
    strongest(count: number): Directions {
        const dim = this.#dim;
        const gram = this.#rows.map((a) => Float64Array.from(this.#rows, (b) => dot(a, b) / this.#pairs ** 2));
        const total = gram.reduce((sum, row, index) => sum + row[index]!, 0);
        const found = eigenvectors(gram, Math.min(count, dim));
        const vectors = new Float32Array(found.length * dim);
        const shares = found.map((vector, index) => {
            const image = Float64Array.from(gram, (row) => dot(row, vector));
            const brighter = this.#rows.reduce((sum, row, at) => sum + vector[at]! * row.reduce((a, b) => a + b, 0), 0);
            vectors.set(vector.map((value) => (brighter < 0 ? -value : value)), index * dim);
            return total > 0 ? dot(vector, image) / total : 0;
        });
        return { vectors, shares };
    }

    /** The sums over blocks. */
    #blocks(picture: Float32Array): Float64Array {
        const { channels, height, width } = this.#size;
        const [rows, columns] = [Math.min(MAX_BLOCKS, height), Math.min(MAX_BLOCKS, width)];
        const sums = new Float64Array(channels * rows * columns);
        for (let channel = 0; channel < channels; channel++) {
            for (let y = 0; y < height; y++) {
                const block = (channel * rows + Math.floor((y * rows) / height)) * columns;
                const line = (channel * height + y) * width;
                for (let x = 0; x < width; x++) {
                    sums[block + Math.floor((x * columns) / width)]! += picture[line + x]!;
                }
            }
        }
        return sums;
    }
}

/** The first eigenvectors of a positive semidefinite matrix, by subspace iteration. */
function eigenvectors(symmetric: Float64Array[], count: number): Float64Array[] {
    const dim = symmetric.length;
    // The extra ones speed up the convergence of the last.
    let basis = matrix(Math.min(dim, count + 4), dim);
    // Any start that is not orthogonal to an eigenvector.
    basis.forEach((row, index) => row.forEach((_, at) => (row[at] = Math.sin(1 + at * (index + 1)))));
    orthonormalise(basis);
    for (let iteration = 0; iteration < ITERATIONS; iteration++) {
        basis = basis.map((vector) => Float64Array.from(symmetric, (row) => dot(row, vector)));
        orthonormalise(basis);
    }
    return basis.slice(0, count);
}

/** Gram-Schmidt in place, twice because of rounding. A row that depends on those before becomes 0. */
function orthonormalise(rows: Float64Array[]): void {
    rows.forEach((row, index) => {
        for (let pass = 0; pass < 2; pass++) {
            for (const other of rows.slice(0, index)) {
                const share = dot(row, other);
                for (let at = 0; at < row.length; at++) row[at]! -= share * other[at]!;
            }
        }
        const length = Math.sqrt(dot(row, row));
        for (let at = 0; at < row.length; at++) row[at] = length > 1e-12 ? row[at]! / length : 0;
    });
}

function dot(a: Float64Array, b: Float64Array): number {
    let sum = 0;
    for (let at = 0; at < a.length; at++) sum += a[at]! * b[at]!;
    return sum;
}

function matrix(rows: number, columns: number): Float64Array[] {
    return Array.from({ length: rows }, () => new Float64Array(columns));
}
