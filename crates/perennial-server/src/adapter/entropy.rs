//! Dice: the operating system's random numbers.

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use perennial_core::ids::{AuditTaskId, RotationId};
use perennial_orchestrator::port::Entropy;

/// Draws from the operating system.
#[derive(Debug, Default)]
pub(crate) struct SystemEntropy(SystemRandom);

impl SystemEntropy {
    pub(crate) fn octets<const N: usize>(&self) -> [u8; N] {
        let mut octets = [0; N];
        // aws-lc's generator ends the process itself when the system gives it no randomness.
        let _ = self.0.fill(&mut octets);
        octets
    }
}

impl Entropy for SystemEntropy {
    fn rotation_id(&self) -> RotationId {
        RotationId::from_bytes(self.octets())
    }

    fn audit_task_id(&self) -> AuditTaskId {
        AuditTaskId::from_bytes(self.octets())
    }

    fn draw(&self) -> u32 {
        u32::from_ne_bytes(self.octets())
    }
}
