//! Signing outgoing requests with the credentials that the configuration has for a role.

use std::collections::HashMap;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::Request;
use perennial_api::sigv4::{SigningSecret, sign_for};
use perennial_core::rule::action::SigningRole;
use perennial_orchestrator::{SystemClock, port::Clock as _};
use perennial_rules::Signer;

use crate::config::Credentials;

/// Credentials by role.
pub(crate) struct RoleSigner(HashMap<String, (String, SigningSecret)>);

impl RoleSigner {
    /// Reads the secrets.
    ///
    /// # Errors
    /// Which file cannot be read, or is empty.
    pub(crate) fn open(credentials: &[Credentials]) -> anyhow::Result<Self> {
        let mut by_role = HashMap::new();
        for Credentials { role_arn, access_key_id, secret_file } in credentials {
            let shown = secret_file.display();
            let secret = std::fs::read_to_string(secret_file)
                .with_context(|| format!("rules.credentials: {shown} cannot be read"))?;
            let secret = secret.trim();
            if secret.is_empty() {
                bail!("rules.credentials: {shown} is empty: the secret access key is expected");
            }
            let key = (access_key_id.clone(), SigningSecret::new(secret));
            if by_role.insert(role_arn.clone(), key).is_some() {
                bail!("rules.credentials: {role_arn} is there twice");
            }
        }
        Ok(Self(by_role))
    }
}

impl Signer for RoleSigner {
    fn sign(&self, request: &mut Request<Bytes>, role: &SigningRole) -> Result<(), String> {
        let SigningRole { region, service, role_arn } = role;
        let (id, secret) = self.0.get(role_arn).ok_or_else(|| {
            format!("no credentials for {role_arn}: add them to [[rules.credentials]]")
        })?;
        let signed = sign_for(request, (id, secret), (region, service), SystemClock.now());
        signed.map_err(|error| error.to_string())
    }
}
