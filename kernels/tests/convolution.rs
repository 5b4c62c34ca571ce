//! Convolutions at every level against their plain twin, on random shapes.

use easel_kernels::{
    Activation, Affine, Convolution, Epilogue, Level, Options, Order, Pictures, Target, View, ZERO, plain,
};

/// Random numbers (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() >> 33) as usize % end
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// Values in [-1, 1).
    fn values(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0).collect()
    }

    fn order(&mut self, channels: usize) -> Order {
        match self.below(4) {
            0 => Order::ChannelsFirst,
            1 => Order::ChannelsLast { stride: channels + 5, first: 3 },
            _ => Order::interleaved(channels),
        }
    }

    /// A map with zeros, repeats and reflections.
    fn map(&mut self, size: usize) -> Vec<u32> {
        let (before, after) = (self.below(3), self.below(3));
        let own = |_: usize| 0u32;
        let mut map: Vec<u32> = (0..before).map(own).collect();
        map.extend(0..size as u32);
        map.extend((0..after).map(|at| size.saturating_sub(at + 2) as u32));
        match self.below(3) {
            0 => map.iter().flat_map(|&at| [at, at]).collect(),
            1 => [vec![ZERO], map, vec![ZERO]].concat(),
            _ => map,
        }
    }
}

/// One random convolution: the kernel's and the twin's results and moments, and the largest sum of absolute products.
fn compare(random: &mut Random, level: Level) {
    let (mut inputs, mut outputs) =
        (random.of(&[1, 3, 7, 8, 16, 20, 32, 48]), random.of(&[1, 2, 3, 6, 8, 16, 24, 48, 80, 100]));
    let kind = random.below(5);
    let kernel = match random.below(4) {
        0 => [random.below(5) + 1, random.below(5) + 1],
        1 => random.of(&[[9, 9], [6, 6], [9, 6]]),
        _ => [3, 3],
    };
    let batch = random.below(3) + 1;
    let size = [random.below(19) + 1, random.below(19) + 1];
    let stride = if random.below(2) == 0 { [1, 1] } else { [random.below(3) + 1, random.below(3) + 1] };
    let dilation = if random.below(4) == 0 { [2, 1] } else { [1, 1] };
    let padding = if kind == 4 { [1, 1, 1, 1] } else { std::array::from_fn(|_| random.below(3)) };
    let options = Options { stride, dilation, padding };
    if inputs * outputs > 1000 {
        (inputs, outputs) = (inputs / 2, outputs / 2);
    }
    let block = if kind == 3 { 2 } else { 1 };
    let all = outputs * block * block;
    let weight = random.values(all * inputs * kernel[0] * kernel[1]);
    let bias = random.values(all);
    let (ours, twin) = match kind {
        4 => {
            let dims = [inputs, outputs, kernel[0], kernel[1]];
            let extra = [stride[0] - 1, 0];
            (
                Convolution::transposed(&weight, dims, Some(&bias), options, extra, level),
                plain::Convolution::transposed(&weight, dims, Some(&bias), options, extra),
            )
        }
        _ => {
            let dims = [all, inputs, kernel[0], kernel[1]];
            (
                Convolution::into_blocks(&weight, dims, Some(&bias), options, block, level),
                plain::Convolution::into_blocks(&weight, dims, Some(&bias), options, block),
            )
        }
    };

    let order = random.order(inputs);
    let data = random.values(order.len(batch, inputs, size));
    let pictures = Pictures { data: &data, order, batch, channels: inputs, size };
    let (rows, columns) = (random.map(size[0]), random.map(size[1]));
    let scales = random.values(batch * inputs);
    let shifts = random.values(batch * inputs);
    let affine = Affine { scale: &scales, shift: &shifts };
    let mut view = View::new(pictures);
    if random.below(2) == 0 {
        (view.rows, view.columns) = (Some(&rows[..]), Some(&columns[..]));
    }
    if random.below(2) == 0 {
        (view.affine, view.activation) = (Some(affine), Activation::Relu);
    }
    assert_eq!(ours.output_size(view.size()), twin.output_size(view.size()));
    let Some(out) = ours.output_size(view.size()) else { return };

    let residual_order = random.order(outputs);
    let residual = random.values(residual_order.len(batch, outputs, out));
    let residual = Pictures { data: &residual, order: residual_order, batch, channels: outputs, size: out };
    let per_picture = random.values(batch * outputs);
    let out_affine = match random.below(3) {
        0 => None,
        1 => Some(Affine { scale: &per_picture, shift: &per_picture }),
        _ => Some(Affine { scale: &per_picture[..outputs], shift: &per_picture[..outputs] }),
    };
    let pixel_norm = (random.below(4) == 0).then_some(1e-3);
    let epilogue = Epilogue {
        affine: out_affine,
        residual: (random.below(2) == 0).then_some(residual),
        activation: random.of(&[
            Activation::None,
            Activation::Relu,
            Activation::LeakyRelu(0.2),
            Activation::Clip(-0.5, 0.5),
            Activation::Sigmoid,
        ]),
        pixel_norm,
        moments: pixel_norm.is_none() && random.below(2) == 0,
    };
    let order = random.order(outputs);
    let mut results = [vec![7.0; order.len(batch, outputs, out)], vec![7.0; order.len(batch, outputs, out)]];
    let [first, second] = &mut results;
    let moments = [
        ours.run(&view, &epilogue, Target { data: first, order }),
        twin.run(&view, &epilogue, Target { data: second, order }),
    ];
    let about = format!(
        "{level:?} {inputs} to {outputs}, kind {kind}, kernel {kernel:?}, {options:?}, {batch} of {size:?}, {order:?}, {:?}, norm {pixel_norm:?}",
        epilogue.activation
    );
    let near = |a: f32, b: f32| (a - b).abs() <= 2e-4 * b.abs().max(1.0);
    for (at, (a, b)) in results[0].iter().zip(&results[1]).enumerate() {
        assert!(near(*a, *b), "value {at}: {a}, not {b}: {about}");
    }
    if let [Some(ours), Some(twin)] = moments {
        for (a, b) in ours.mean.iter().chain(&ours.variance).zip(twin.mean.iter().chain(&twin.variance)) {
            assert!(near(*a, *b), "moment {a}, not {b}: {about}");
        }
    }
}

#[test]
fn every_level_is_like_its_twin() {
    for level in Level::available() {
        let mut random = Random(1);
        for _ in 0..250 {
            compare(&mut random, level);
        }
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    // Winograd's blocks, nested ones, panels of one small picture, phases.
    let cases = [([64, 48, 3, 3], 1, 40), ([16, 3, 9, 9], 1, 64), ([128, 96, 3, 3], 2, 7), ([3, 16, 9, 9], 1, 50)];
    for (dims @ [inputs, outputs, kernel, _], stride, side) in cases {
        let mut random = Random(7);
        let weight = random.values(dims.iter().product());
        let data = random.values(2 * inputs * side * side);
        let options = Options { stride: [stride; 2], padding: [kernel / 2; 4], ..Options::default() };
        let level = Level::detect();
        let order = Order::interleaved(inputs);
        let view = View::new(Pictures { data: &data, order, batch: 2, channels: inputs, size: [side; 2] });
        let run = |threads| {
            let forward = Convolution::new(&weight, [outputs, inputs, kernel, kernel], None, options, level);
            let back = Convolution::transposed(&weight, dims, None, options, [0, 0], level);
            let epilogue = Epilogue { moments: true, ..Epilogue::default() };
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            [forward, back].map(|convolution| {
                let size = convolution.output_size([side; 2]).unwrap();
                let mut to = vec![0.0; 2 * outputs * size[0] * size[1]];
                let target = Target { data: &mut to, order: Order::interleaved(outputs) };
                let moments = pool.install(|| convolution.run(&view, &epilogue, target));
                let moments = moments.unwrap();
                [to, moments.mean, moments.variance].concat().into_iter().map(f32::to_bits).collect::<Vec<_>>()
            })
        };
        let one = run(1);
        assert!(run(2) == one && run(3) == one, "{dims:?}");
    }
}

#[test]
fn moments_do_not_cancel() {
    let size = [96, 80];
    let mut random = Random(3);
    let data: Vec<f32> = random.values(16 * size[0] * size[1]).into_iter().map(|value| 1e-2 * value).collect();
    let mut weight = vec![0.0; 16 * 16];
    (0..16).for_each(|channel| weight[channel * 17] = 1.0);
    for level in Level::available() {
        let shifted = Convolution::new(&weight, [16, 16, 1, 1], Some(&[1000.0; 16]), Options::default(), level);
        let pictures = Pictures { data: &data, order: Order::interleaved(16), batch: 1, channels: 16, size };
        let mut to = vec![0.0; data.len()];
        let target = Target { data: &mut to, order: Order::interleaved(16) };
        let epilogue = Epilogue { moments: true, ..Epilogue::default() };
        let moments = shifted.run(&View::new(pictures), &epilogue, target).unwrap();
        // A third of the squared half width of a uniform distribution.
        for (mean, variance) in moments.mean.iter().zip(&moments.variance) {
            assert!((mean - 1000.0).abs() < 1e-2 && (variance / 3.33e-5 - 1.0).abs() < 0.1, "{mean} {variance}");
        }
    }
}

#[test]
fn nan_is_not_hidden() {
    for (kernel, level) in
        [1, 3, 9].into_iter().flat_map(|kernel| Level::available().into_iter().map(move |l| (kernel, l)))
    {
        let weight = vec![0.5; 16 * 16 * kernel * kernel];
        let options = Options { padding: [kernel / 2; 4], ..Options::default() };
        let convolution = Convolution::new(&weight, [16, 16, kernel, kernel], None, options, level);
        let mut data = vec![1.0; 16 * 24 * 24];
        data[16 * (5 * 24 + 7)] = f32::NAN;
        let pictures = Pictures { data: &data, order: Order::interleaved(16), batch: 1, channels: 16, size: [24, 24] };
        let mut to = vec![0.0; data.len()];
        let target = Target { data: &mut to, order: Order::interleaved(16) };
        let view = View { activation: Activation::Relu, ..View::new(pictures) };
        convolution.run(&view, &Epilogue { activation: Activation::Relu, ..Epilogue::default() }, target);
        assert!(to[16 * (5 * 24 + 7)].is_nan(), "{kernel} {level:?}");
    }
}
