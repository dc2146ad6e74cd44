//! The partition, region and account in the ARNs of this server's resources.

/// What this server's ARNs begin with: `arn:PARTITION:iot:REGION:ACCOUNT:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// `aws` at AWS, and here unless a policy is to be shared with another partition.
    pub partition: String,
    /// The region's name.
    pub region: String,
    /// The account's id, twelve digits.
    pub account: String,
}

impl Default for Scope {
    /// `arn:aws:iot:local-1:000000000000:`, which is no region and no account of AWS's.
    fn default() -> Self {
        Self {
            partition: "aws".to_owned(),
            region: "local-1".to_owned(),
            account: "000000000000".to_owned(),
        }
    }
}

impl Scope {
    /// The ARN of the resource `name` of this `kind` (`client`, `topic`, `topicfilter`, …).
    pub fn arn(&self, kind: &str, name: &str) -> String {
        let Self { partition, region, account } = self;
        format!("arn:{partition}:iot:{region}:{account}:{kind}/{name}")
    }
}
