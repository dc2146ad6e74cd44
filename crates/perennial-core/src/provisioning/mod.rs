//! Provisioning: AWS IoT's templates, from their JSON and parameters to what is to be registered.
//!
//! The language is that of the AWS IoT Core Developer Guide, "Provisioning templates": Parameters,
//! Mappings, and Resources of a thing, a certificate and policies, with Ref, Fn::Join, Fn::Select,
//! Fn::Split, Fn::Sub and Fn::FindInMap. A member that is not done is refused, not ignored.

mod error;
mod expression;
mod just_in_time;
mod node;
mod resources;
mod template;

pub use error::TemplateError;
pub use just_in_time::{check_just_in_time, resolve_just_in_time};
pub use resources::{CertificateSource, Override, WantedCertificate, WantedPolicy, WantedThing};
pub use template::{MAX_LENGTH, Provision, resolve};
