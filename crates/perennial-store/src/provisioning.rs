//! Provisioning: a thing, its certificate and its policies registered together, or nothing of it.

use aws_lc_rs::digest::{SHA256, digest};
use perennial_core::{
    certificate::CertificateStatus,
    ids::{CertificateId, PolicyName},
    provisioning::{Override, Provision, WantedPolicy, WantedThing},
    registry::{
        AttributeChange, NewThing, PolicyTarget, PrincipalType, Tags, ThingUpdate, TypeChange,
    },
    time::Timestamp,
};
use rusqlite::Connection;

use crate::{
    NewCertificate, Store, StoreError, attachments, certificates, group_members, policies,
    policy_targets, things,
};

/// The certificate that is provisioned.
#[derive(Debug, Clone)]
pub enum ProvisionedCertificate {
    /// It is registered, unless it is there already.
    New(NewCertificate),
    /// It must be there.
    Registered(CertificateId),
}

/// What is registered together.
#[derive(Debug, Clone)]
pub struct Provisioning {
    /// The thing, to which the certificate is attached.
    pub thing: Option<WantedThing>,
    /// The certificate.
    pub certificate: ProvisionedCertificate,
    /// Its status, and what becomes of another one.
    pub status: (CertificateStatus, Override),
    /// The policies that it gets.
    pub policies: Vec<ProvisionedPolicy>,
}

/// A policy that the certificate gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvisionedPolicy {
    /// The resource's name in the template.
    pub logical_id: String,
    /// Its name.
    pub name: PolicyName,
    /// Its document, with which it is made if it is not there.
    pub document: Option<String>,
}

impl Provisioning {
    /// What a template wants, with this certificate.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when a policy has no name that it could have.
    pub fn new(wanted: Provision, certificate: ProvisionedCertificate) -> Result<Self, StoreError> {
        let Provision { thing, certificate: own, policies } = wanted;
        let policies = policies.into_iter().map(ProvisionedPolicy::of).collect::<Result<_, _>>()?;
        Ok(Self { thing, certificate, status: (own.status, own.status_override), policies })
    }
}

impl ProvisionedPolicy {
    /// One without a name is called by its document's digest, so that the same is made once.
    fn of(wanted: WantedPolicy) -> Result<Self, StoreError> {
        let WantedPolicy { logical_id, name, document } = wanted;
        let document = document.map(|document| document.as_json().to_owned());
        let name = match name {
            Some(name) => name,
            None => {
                let text = document.as_deref().unwrap_or_default();
                let name = hex::encode(digest(&SHA256, text.as_bytes()));
                PolicyName::new(&name).map_err(|error| StoreError::Invalid(error.to_string()))?
            }
        };
        Ok(Self { logical_id, name, document })
    }
}

/// What was provisioned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provisioned {
    /// The certificate.
    pub certificate_id: CertificateId,
    /// Its DER.
    pub der: Vec<u8>,
    /// Every certificate of which something changed.
    pub certificates: Vec<CertificateId>,
}

impl Store {
    /// Registers all of it, or nothing (`RegisterThing`).
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when something is there that is different and must not be changed,
    /// and each error that registering one of them by itself has.
    pub async fn provision(
        &self,
        what: Provisioning,
        now: Timestamp,
    ) -> Result<Provisioned, StoreError> {
        self.write(move |connection| provision(connection, &what, now)).await
    }
}

pub(crate) fn provision(
    connection: &Connection,
    what: &Provisioning,
    now: Timestamp,
) -> Result<Provisioned, StoreError> {
    let id = certificate(connection, what, now)?;
    if let Some(wanted) = &what.thing {
        thing(connection, wanted, now)?;
        let as_ = PrincipalType::NonExclusiveThing;
        attachments::attach(connection, &wanted.name, &id, as_, now)?;
    }
    let mut certificates = vec![id];
    for ProvisionedPolicy { name, document, .. } in &what.policies {
        if let Some(document) = document {
            policies::create(connection, name, document, &Tags::default(), now)?;
        }
        let target = PolicyTarget::Certificate(id);
        let change = policy_targets::attach_to(connection, name, &target, now)?;
        certificates.extend(change.certificates);
    }
    let der = certificates::der(connection, &id)?;
    let der = der.ok_or_else(|| StoreError::not_found("certificate", id))?;
    Ok(Provisioned { certificate_id: id, der, certificates })
}

/// The certificate, in the status that is wanted.
fn certificate(
    connection: &Connection,
    what: &Provisioning,
    now: Timestamp,
) -> Result<CertificateId, StoreError> {
    let id = match &what.certificate {
        ProvisionedCertificate::Registered(id) => *id,
        ProvisionedCertificate::New(new) => {
            if certificates::find(connection, &new.certificate_id)?.is_none() {
                certificates::register(connection, new, now)?;
                return Ok(new.certificate_id);
            }
            new.certificate_id
        }
    };
    let found = certificates::find(connection, &id)?;
    let found = found.ok_or_else(|| StoreError::not_found("certificate", id))?;
    let (wanted, overriding) = what.status;
    // One that waits for its activation is what templates are for.
    let waits = found.status == CertificateStatus::PendingActivation;
    if found.status != wanted && (waits || may_replace(overriding, "certificate", "status")?) {
        certificates::update_status(connection, &id, wanted, now)?;
    }
    Ok(id)
}

/// Whether what is different is to be replaced.
fn may_replace(overriding: Override, what: &str, member: &str) -> Result<bool, StoreError> {
    match overriding {
        Override::DoNothing => Ok(false),
        Override::Replace | Override::Merge => Ok(true),
        Override::Fail => Err(StoreError::Conflict(format!(
            "the {what} is there, and not the same by its {member}: say in OverrideSettings what \
             is to become of it"
        ))),
    }
}

fn thing(connection: &Connection, wanted: &WantedThing, now: Timestamp) -> Result<(), StoreError> {
    let Some(found) = things::find(connection, &wanted.name)? else {
        let new = NewThing {
            name: wanted.name.clone(),
            type_name: wanted.type_name.clone(),
            attributes: wanted.attributes.clone().unwrap_or_default(),
        };
        things::create(connection, &new, now)?;
        return groups(connection, wanted, Override::Merge, now);
    };
    let mut update = ThingUpdate::default();
    if let Some(type_name) =
        wanted.type_name.as_ref().filter(|it| Some(*it) != found.type_name.as_ref())
        && may_replace(wanted.type_override, "thing", "type")?
    {
        update.type_name = TypeChange::Set(type_name.clone());
    }
    if let Some(attributes) = wanted.attributes.as_ref().filter(|it| **it != found.attributes)
        && may_replace(wanted.attributes_override, "thing", "attributes")?
    {
        update.attributes = Some(AttributeChange {
            attributes: attributes.as_map().clone(),
            merge: wanted.attributes_override == Override::Merge,
        });
    }
    things::change(connection, &wanted.name, update, now)?;
    groups(connection, wanted, wanted.groups_override, now)
}

fn groups(
    connection: &Connection,
    wanted: &WantedThing,
    overriding: Override,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(groups) = &wanted.groups else { return Ok(()) };
    let found = group_members::groups_of(connection, &wanted.name)?;
    let mut found: Vec<_> = found.into_iter().map(|(_, name)| name).collect();
    found.sort_unstable();
    if found == *groups || !may_replace(overriding, "thing", "groups")? {
        return Ok(());
    }
    if overriding == Override::Replace {
        for group in found.iter().filter(|it| !groups.contains(it)) {
            group_members::leave(connection, &wanted.name, group, now)?;
        }
    }
    for group in groups {
        group_members::join(connection, &wanted.name, group, now)?;
    }
    Ok(())
}
