//! Every test that crosses modules, as one program: linking once is what costs.

mod layers;
mod sources;
mod tidy;
