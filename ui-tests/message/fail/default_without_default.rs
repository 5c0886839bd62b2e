//! Default without default.

#[micro::message]
enum Shape {
    Circle(f64),
    Square(f64),
}

#[micro::message]
struct Drawing {
    #[micro(default)]
    shape: Shape,
}

fn main() {}
