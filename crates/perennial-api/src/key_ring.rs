//! Access keys in force, in memory: who signed, with what role, and how much they may ask.

use std::{collections::HashMap, sync::Arc};

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use parking_lot::{Mutex, RwLock};
use perennial_core::{
    access::Role,
    bucket::{Bucket, Rate},
    ids::AccessKeyId,
    time::Timestamp,
};
use perennial_store::{AccessKey, Secret, Store, StoreError};

use crate::sigv4::SigningSecret;

/// What ids of access keys begin with; AWS's own begin with `AKIA` and `ASIA`.
const PREFIX: &str = "PRNL";
/// The digits after it: base32, as AWS's.
const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const DIGITS_LEN: usize = 16;

/// The access keys of one store. Cheap to clone.
#[derive(Clone)]
pub struct KeyRing {
    store: Store,
    rate: Rate,
    keys: Arc<RwLock<HashMap<String, Arc<Key>>>>,
}

/// One key in force.
pub(crate) struct Key {
    pub(crate) id: AccessKeyId,
    pub(crate) role: Role,
    pub(crate) secret: SigningSecret,
    bucket: Mutex<Bucket>,
}

/// A key that was just made: the only time that its secret is shown.
pub struct NewKey {
    /// How it is listed from now on.
    pub key: AccessKey,
    /// What its holder signs with.
    pub secret: Secret,
}

impl KeyRing {
    /// Reads the keys of `store`.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn load(store: Store, rate: Rate, now: Timestamp) -> Result<Self, StoreError> {
        let mut keys = HashMap::new();
        for (key, secret) in store.access_keys_in_force().await? {
            keys.insert(
                key.access_key_id.to_string(),
                Arc::new(Key::new(&key, &secret, rate, now)),
            );
        }
        Ok(Self { store, rate, keys: Arc::new(RwLock::new(keys)) })
    }

    /// Whether any key in force is an administrator's.
    pub fn has_administrator(&self) -> bool {
        self.keys.read().values().any(|key| key.role == Role::Administrator)
    }

    /// Whether this key is in force.
    pub fn is_in_force(&self, id: &str) -> bool {
        self.keys.read().contains_key(id)
    }

    /// A key with a random id and secret, registered nowhere yet.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the random source fails.
    pub fn draw(role: Role, description: String, now: Timestamp) -> Result<NewKey, StoreError> {
        let mut octets = [0u8; DIGITS_LEN + 30];
        let failed = |_| StoreError::Refused("the system gives no random numbers".to_owned());
        SystemRandom::new().fill(&mut octets).map_err(failed)?;
        let (id, secret) = octets.split_at(DIGITS_LEN);
        let digits = id.iter().map(|octet| char::from(DIGITS[usize::from(octet % 32)]));
        let id: String = PREFIX.chars().chain(digits).collect();
        let access_key_id =
            AccessKeyId::new(&id).map_err(|error| StoreError::Refused(error.to_string()))?;
        let key = AccessKey { access_key_id, role, description, created_at: now, revoked_at: None };
        Ok(NewKey { key, secret: Secret(STANDARD.encode(secret)) })
    }

    /// Registers a key; it is in force when this returns. `store` says on whose behalf.
    ///
    /// # Errors
    /// The store's.
    pub async fn add(&self, new: &NewKey, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        store.create_access_key(new.key.clone(), new.secret.clone(), now).await?;
        let key = Key::new(&new.key, &new.secret, self.rate, now);
        self.keys.write().insert(new.key.access_key_id.to_string(), Arc::new(key));
        Ok(())
    }

    /// Revokes a key; no request counts as its holder's when this returns.
    ///
    /// # Errors
    /// The store's.
    pub async fn revoke(
        &self,
        id: AccessKeyId,
        store: &Store,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let revoked = store.revoke_access_key(id.clone(), now).await?;
        self.keys.write().remove(id.as_str());
        Ok(revoked)
    }

    /// The store the keys are in.
    pub fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn find(&self, id: &str) -> Option<Arc<Key>> {
        self.keys.read().get(id).cloned()
    }

    /// Whether the holder of `key` may make one more request now.
    pub(crate) fn admits(&self, key: &Key, now: Timestamp) -> bool {
        key.bucket.lock().take(self.rate, now)
    }
}

impl Key {
    fn new(key: &AccessKey, secret: &Secret, rate: Rate, now: Timestamp) -> Self {
        Self {
            id: key.access_key_id.clone(),
            role: key.role,
            secret: SigningSecret::new(secret.0.as_str()),
            bucket: Mutex::new(Bucket::full(rate, now)),
        }
    }
}
