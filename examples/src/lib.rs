//! The examples stand beside this file, and README.md lists them. Empty itself.
