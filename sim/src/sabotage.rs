//! Sabotage: ways to break the world on purpose, to see that the invariants notice.

/// One deliberate flaw of the world around the machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// The registry deactivates the outgoing certificate as soon as it enrols the incoming one.
    RetireBeforeEvidence,
    /// The ring takes every ack for one that the incoming certificate sent.
    BelieveAnyAck,
    /// The ring takes every CSR for one that the outgoing certificate sent.
    BelieveAnyCsr,
    /// The device sends first and writes its document afterwards.
    SendBeforePersist,
    /// The ring carries commands out before the step is committed.
    ActBeforeCommit,
    /// The device deletes its previous credential as soon as it has promoted another.
    ForgetPrevious,
    /// The authority issues a certificate a second time when it is asked a second time.
    IssueTwice,
    /// The authority hands a certificate out that it has not recorded.
    DeliverUnrecorded,
    /// Enrolling activates without attaching policies.
    SkipPolicies,
    /// An audit opens a rotation although one is open.
    OpenTwice,
    /// A restart draws the jitter of an open rotation again.
    RedrawJitter,
    /// No deadline ever passes.
    LoseDeadlines,
    /// Rolling back says that it is done but leaves the certificate active.
    LeaveActive,
    /// The broker gives a session of an expired certificate its full policies.
    RecoverInFull,
    /// The broker lets a session live on whose certificate ends.
    LetLive,
    /// The rotation that follows upon another is lost in the commit.
    FollowNone,
    /// Rotations that follow upon each other are not counted.
    CountNone,
    /// Nobody is ever told anything.
    TellNobody,
    /// The authority does not heed how far a device's clock is behind.
    IgnoreClocks,
}

impl Sabotage {
    /// Every one of them.
    pub const ALL: [Self; 19] = [
        Self::RetireBeforeEvidence,
        Self::BelieveAnyAck,
        Self::BelieveAnyCsr,
        Self::SendBeforePersist,
        Self::ActBeforeCommit,
        Self::ForgetPrevious,
        Self::IssueTwice,
        Self::DeliverUnrecorded,
        Self::SkipPolicies,
        Self::OpenTwice,
        Self::RedrawJitter,
        Self::LoseDeadlines,
        Self::LeaveActive,
        Self::RecoverInFull,
        Self::LetLive,
        Self::FollowNone,
        Self::CountNone,
        Self::TellNobody,
        Self::IgnoreClocks,
    ];
}
