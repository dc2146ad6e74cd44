//! Delivery policies: how what an HTTP endpoint did not take is tried again, as SNS has it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A subscription's or topic's delivery policy. Its throttle and request policies do not exist here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeliveryPolicy {
    healthy_retry_policy: HealthyRetryPolicy,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct HealthyRetryPolicy {
    #[serde(default = "twenty")]
    min_delay_target: u32,
    #[serde(default = "twenty")]
    max_delay_target: u32,
    #[serde(default = "three")]
    num_retries: u32,
    #[serde(default)]
    num_no_delay_retries: u32,
    #[serde(default)]
    num_min_delay_retries: u32,
    #[serde(default)]
    num_max_delay_retries: u32,
    #[serde(default)]
    backoff_function: Backoff,
}

const fn twenty() -> u32 {
    20
}

const fn three() -> u32 {
    3
}

/// How pauses grow from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Backoff {
    #[default]
    Linear,
    Arithmetic,
    Geometric,
    Exponential,
}

/// A policy that may not be: InvalidParameter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryPolicyError {
    /// Not JSON of the members there are.
    #[error(
        "DeliveryPolicy: {0}; there is healthyRetryPolicy, and no throttlePolicy or requestPolicy here"
    )]
    Json(String),
    /// A number out of its range.
    #[error("DeliveryPolicy: {0}")]
    Range(&'static str),
}

impl DeliveryPolicy {
    /// Reads a policy.
    ///
    /// # Errors
    /// [`DeliveryPolicyError`] says what of it may not be.
    pub fn parse(text: &str) -> Result<Self, DeliveryPolicyError> {
        let read: Self = serde_json::from_str(text)
            .map_err(|error| DeliveryPolicyError::Json(error.to_string()))?;
        read.check().map_err(DeliveryPolicyError::Range)?;
        Ok(read)
    }

    fn check(&self) -> Result<(), &'static str> {
        let retry = &self.healthy_retry_policy;
        let (least, most) = (retry.min_delay_target, retry.max_delay_target);
        if !(1..=3600).contains(&most) || !(1..=most).contains(&least) {
            return Err("minDelayTarget is 1 to maxDelayTarget, and that at most 3600");
        }
        if retry.num_retries > 100 {
            return Err("numRetries is at most 100");
        }
        if retry.phases().iter().map(|&it| u64::from(it)).sum::<u64>()
            > u64::from(retry.num_retries)
        {
            return Err(
                "numNoDelayRetries, numMinDelayRetries and numMaxDelayRetries are more than numRetries",
            );
        }
        Ok(())
    }

    /// The pause after `tries` that failed; none when that were enough.
    pub fn pause_after(&self, tries: u32) -> Option<Duration> {
        let retry = &self.healthy_retry_policy;
        if tries == 0 || tries > retry.num_retries {
            return None;
        }
        let [none, least, most] = retry.phases();
        let growing = retry.num_retries - none - least - most;
        let (min, max) = (f64::from(retry.min_delay_target), f64::from(retry.max_delay_target));
        let seconds = if tries <= none {
            0.0
        } else if tries <= none + least {
            min
        } else if tries <= none + least + growing {
            let share = f64::from(tries - none - least) / f64::from(growing);
            retry.backoff_function.between(min, max, share)
        } else {
            max
        };
        Some(Duration::from_secs_f64(seconds))
    }
}

impl HealthyRetryPolicy {
    fn phases(&self) -> [u32; 3] {
        [self.num_no_delay_retries, self.num_min_delay_retries, self.num_max_delay_retries]
    }
}

impl Backoff {
    /// The pause when `share` of the way from `min` to `max` is gone.
    fn between(self, min: f64, max: f64, share: f64) -> f64 {
        match self {
            Self::Linear => min + (max - min) * share,
            Self::Arithmetic => min + (max - min) * share * share,
            Self::Geometric | Self::Exponential => min * (max / min).powf(share),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(text: &str) -> Vec<u64> {
        let policy = DeliveryPolicy::parse(text).unwrap();
        (1..).map_while(|tries| policy.pause_after(tries)).map(|it| it.as_secs()).collect()
    }

    #[test]
    fn pauses_go_through_the_four_phases() {
        let policy = r#"{"healthyRetryPolicy": {"minDelayTarget": 1, "maxDelayTarget": 16, "numRetries": 9,
            "numNoDelayRetries": 1, "numMinDelayRetries": 2, "numMaxDelayRetries": 2,
            "backoffFunction": "exponential"}}"#;

        assert_eq!(pauses(policy), [0, 1, 1, 2, 4, 8, 16, 16, 16]);
    }

    #[test]
    fn what_is_left_out_is_as_sns_has_it() {
        assert_eq!(pauses(r#"{"healthyRetryPolicy": {}}"#), [20, 20, 20]);
        assert_eq!(pauses(r#"{"healthyRetryPolicy": {"numRetries": 0}}"#), Vec::<u64>::new());
    }

    #[test]
    fn what_may_not_be_is_refused() {
        for bad in [
            "{}",
            r#"{"healthyRetryPolicy": {"maxDelayTarget": 3601}}"#,
            r#"{"healthyRetryPolicy": {"minDelayTarget": 0}}"#,
            r#"{"healthyRetryPolicy": {"minDelayTarget": 30}}"#,
            r#"{"healthyRetryPolicy": {"numRetries": 101}}"#,
            r#"{"healthyRetryPolicy": {"numRetries": 1, "numNoDelayRetries": 4294967295, "numMinDelayRetries": 2}}"#,
            r#"{"healthyRetryPolicy": {}, "throttlePolicy": {"maxReceivesPerSecond": 1}}"#,
            r#"{"healthyRetryPolicy": {"backoffFunction": "none"}}"#,
        ] {
            assert!(DeliveryPolicy::parse(bad).is_err(), "{bad}");
        }
    }
}
