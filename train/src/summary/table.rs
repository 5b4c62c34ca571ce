//! A summary as a table.

use super::{Node, Summary, size_text};

impl Summary {
    /// A line for each layer (the module, the type, the output shape without the batch, the parameters), and the totals.
    /// A MB is 2^20 bytes.
    pub fn table(&self) -> String {
        let mut rows = vec![["module", "layer", "output", "parameters"].map(String::from)];
        rows.extend(self.layers().map(|layer| {
            let parameters = trained(layer);
            let parameters = if parameters == 0 { String::new() } else { thousands(parameters) };
            [layer.name.clone(), layer.operation.to_string(), size_text(&layer.dims), parameters]
        }));
        let widths: [usize; 4] =
            std::array::from_fn(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or_default());
        let [module, layer, output, parameters] = widths;
        let mut text = String::new();
        for [a, b, c, d] in &rows {
            let line = format!("{a:<module$}  {b:<layer$}  {c:>output$}  {d:>parameters$}");
            text += &format!("{}\n", line.trim_end());
        }
        let (inputs, pass, values) = (self.input_bytes(), self.pass_bytes(), self.parameter_bytes());
        let buffers = match self.buffers() {
            0 => String::new(),
            count => format!(", and {} values in buffers", thousands(count)),
        };
        text += &format!("\n{} parameters{buffers}; for a batch of one:\n", thousands(self.parameters()));
        for (name, bytes) in [
            ("input", inputs),
            ("forward and backward", pass),
            ("parameters", values),
            ("in all", inputs + pass + values),
        ] {
            text += &format!("{name:<20}  {:>10.2} MB\n", bytes as f64 / f64::from(1 << 20));
        }
        text
    }
}

fn trained(layer: &Node) -> usize {
    let trained = layer.params.iter().filter(|param| param.is_trained());
    trained.map(|param| param.dims().iter().product::<usize>()).sum()
}

/// `1,676,675`.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::thousands;

    #[test]
    fn digits_are_grouped() {
        let numbers = [0, 12, 999, 1000, 61_706, 1_676_675];
        assert_eq!(numbers.map(thousands), ["0", "12", "999", "1,000", "61,706", "1,676,675"]);
    }
}
