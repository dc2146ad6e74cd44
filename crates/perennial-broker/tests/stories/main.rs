//! The broker over real TLS, as devices and the rest of the process meet it.

mod admission;
mod client;
mod world;
