//! `run!` is an expression of type `()`, in `main` or elsewhere.

#![deny(warnings)]

#[allow(dead_code)]
fn elsewhere() {
    let () = micro::run!(uses = [micro]);
    micro::run!();
}

fn main() {
    if std::env::args().count() > 9 {
        micro::run!()
    }
}
