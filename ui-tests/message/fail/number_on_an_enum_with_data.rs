//! Number on an enum with data.

#[micro::message]
#[repr(u8)]
enum Shape {
    Circle(f64) = 3,
    Nothing = 4,
}

fn main() {}
