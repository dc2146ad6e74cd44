//! The rotation.
