//! Times the convolutions of a stylizer of width 16 at 512x512, with `wide` of width 32, or with `denoiser` those of a
//! denoiser of base 16, for a number of pictures: `convolutions [RUNS [stylizer|wide|denoiser [PICTURES]]]`. Prints the fastest of some runs.

use std::time::Instant;

use easel_kernels::{Activation, Convolution, Epilogue, Level, Options, Order, Pictures, Target, View};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |at: usize| arguments.get(at).and_then(|number| number.parse().ok());
    let (runs, batch) = (number(1).unwrap_or(7), number(3).unwrap_or(1));
    let mut total = 0.0;
    // Name, count, inputs, outputs, kernel, stride, transposed, size.
    let stylizer = [
        ("first 9x9", 1, 3, 16, 9, 1, false, 512usize),
        ("3x3 stride 2", 1, 16, 32, 3, 2, false, 512),
        ("3x3 stride 2", 1, 32, 64, 3, 2, false, 256),
        ("3x3 residual", 10, 64, 64, 3, 1, false, 128),
        ("transposed", 1, 64, 32, 3, 2, true, 128),
        ("transposed", 1, 32, 16, 3, 2, true, 256),
        ("last 9x9", 1, 16, 3, 9, 1, false, 512),
    ];
    let wide = [
        ("first 9x9", 1, 3, 32, 9, 1, false, 512),
        ("3x3 stride 2", 1, 32, 64, 3, 2, false, 512),
        ("3x3 stride 2", 1, 64, 128, 3, 2, false, 256),
        ("3x3 residual", 10, 128, 128, 3, 1, false, 128),
        ("transposed", 1, 128, 64, 3, 2, true, 128),
        ("transposed", 1, 64, 32, 3, 2, true, 256),
        ("last 9x9", 1, 32, 3, 9, 1, false, 512),
    ];
    let denoiser = [
        ("3x3", 3, 16, 16, 3, 1, false, 32),
        ("3x3", 1, 32, 16, 3, 1, false, 32),
        ("3x3", 1, 16, 32, 3, 1, false, 16),
        ("3x3", 2, 32, 32, 3, 1, false, 16),
        ("3x3", 1, 64, 32, 3, 1, false, 16),
        ("3x3", 1, 32, 64, 3, 1, false, 8),
        ("3x3", 2, 64, 64, 3, 1, false, 8),
        ("3x3", 1, 128, 64, 3, 1, false, 8),
        ("3x3", 1, 64, 128, 3, 1, false, 4),
        ("3x3", 2, 128, 128, 3, 1, false, 4),
        ("3x3", 1, 256, 128, 3, 1, false, 4),
        ("3x3", 1, 128, 256, 3, 1, false, 2),
        ("3x3", 1, 256, 256, 3, 1, false, 2),
        ("1x1", 1, 256, 512, 1, 1, false, 2),
    ];
    let cases = match arguments.get(2).map(String::as_str) {
        Some("denoiser") => &denoiser[..],
        Some("wide") => &wide[..],
        _ => &stylizer[..],
    };
    for (name, count, inputs, outputs, kernel, stride, transposed, side) in cases.iter().copied() {
        let value = |at: usize| ((at * 2654435761) % 1000) as f32 / 1000.0 - 0.5;
        let weight: Vec<f32> = (0..inputs * outputs * kernel * kernel).map(value).collect();
        let half = kernel / 2;
        let options = Options { stride: [stride; 2], padding: [half; 4], ..Options::default() };
        let level = Level::detect();
        let convolution = match transposed {
            true => Convolution::transposed(&weight, [inputs, outputs, kernel, kernel], None, options, [1, 1], level),
            false => Convolution::new(&weight, [outputs, inputs, kernel, kernel], None, options, level),
        };
        let order = if inputs == 3 { Order::ChannelsFirst } else { Order::interleaved(inputs) };
        let data: Vec<f32> = (0..batch * inputs * side * side).map(value).collect();
        let view = View::new(Pictures { data: &data, order, batch, channels: inputs, size: [side, side] });
        let size = convolution.output_size([side, side]).unwrap();
        let mut to = vec![0.0; batch * outputs * size[0] * size[1]];
        let epilogue = Epilogue { activation: Activation::Relu, moments: stride == 2, ..Epilogue::default() };
        let mut best = f64::INFINITY;
        for _ in 0..runs {
            let start = Instant::now();
            convolution.run(&view, &epilogue, Target { data: &mut to, order: Order::interleaved(outputs) });
            best = best.min(start.elapsed().as_secs_f64());
        }
        let taps = if transposed { kernel * kernel * side * side } else { kernel * kernel * size[0] * size[1] };
        let operations = 2.0 * (batch * taps * inputs * outputs) as f64;
        println!(
            "{name:14} {inputs:3} to {outputs:3} at {side}: {:7.3} ms, {:6.1} GFLOP/s, times {count}",
            best * 1e3,
            operations / best / 1e9
        );
        total += best * 1e3 * f64::from(count);
    }
    println!("{:?}: {total:.1} ms", Level::detect());
}
