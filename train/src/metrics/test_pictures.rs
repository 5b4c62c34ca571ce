//! Pictures that tests share.

/// Pixels that another program can compute too: in NumPy, with i the picture,
/// `(i*i*31 + channel*57 + (y*(3+i)) * (x+2*channel+1) + 7*x*x) % 251`.
pub fn formula(index: usize, [channels, height, width]: [usize; 3]) -> Vec<u8> {
    let pixel = |channel: usize, y: usize, x: usize| {
        (index * index * 31 + channel * 57 + y * (3 + index) * (x + 2 * channel + 1) + 7 * x * x) % 251
    };
    let places = (0..channels * height * width).map(|at| (at / (height * width), at / width % height, at % width));
    places.map(|(channel, y, x)| pixel(channel, y, x) as u8).collect()
}
