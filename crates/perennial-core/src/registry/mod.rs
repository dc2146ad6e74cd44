//! The registry's law: what things, groups, types, tags and CAs may be, and what may be attached.
//!
//! Limits and rules are AWS IoT's unless said otherwise (AWS IoT API reference; "AWS IoT Core
//! endpoints and quotas"). What breaks one is refused with a reason; what the store then does
//! about it is AWS's error of the same name.

mod attachment;
mod attributes;
mod billing_group;
mod ca;
mod policy_law;
mod resource;
mod tag;
mod thing;
mod thing_group;
mod thing_type;
mod told;

pub use attachment::{AttachmentRefused, PrincipalType, UnknownPrincipalType};
pub use attributes::{AttributeChange, AttributeError, Attributes, MAX_ATTRIBUTES};
pub use billing_group::BillingGroup;
pub use ca::{
    AutoRegistration, CaCertificate, CaRefused, CaStatus, CertificateMode, MAX_SAME_SUBJECT,
    RegistrationConfig,
};
pub use policy_law::{
    MAX_POLICIES_ATTACHED, MAX_POLICY_VERSIONS, PolicyRefused, PolicyTarget, PolicyVersionId,
};
pub use resource::{ArnError, Resource};
pub use tag::{MAX_TAGS, Tag, TagError, Tags};
pub use thing::{NewThing, Thing, ThingUpdate, TypeChange};
pub use thing_group::{
    GroupError, GroupProperties, MAX_GROUP_DEPTH, MAX_GROUPS_OF_A_THING, ThingGroup,
};
pub use thing_type::{
    DELETABLE_AFTER, MAX_SEARCHABLE, ThingType, TypeError, TypeProperties, check_description,
};
pub use told::{EventType, Record, Told, tell};
