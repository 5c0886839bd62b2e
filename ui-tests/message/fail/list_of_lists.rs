//! List of lists.

#[micro::message]
struct Matrix {
    rows: Vec<Vec<f64>>,
    maybe: Option<Vec<String>>,
}

fn main() {}
