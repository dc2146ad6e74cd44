//! Conformance: what a port promises, as tests that every adapter of it passes.
//!
//! An adapter's crate implements the port's `…Subject` for a set-up of its own, and lists nothing:
//!
//! ```ignore
//! perennial_orchestrator::conformance!(journal, SqliteSubject::new());
//! ```
//!
//! makes one test of each promise. A subject is made afresh for each.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "the suites are tests")]

pub mod audit;
pub mod authority;
pub mod journal;
pub mod messaging;
pub mod notifier;
pub mod registry;
mod samples;

pub use audit::AuditSubject;
pub use authority::AuthoritySubject;
pub use journal::JournalSubject;
pub use messaging::MessagingSubject;
pub use notifier::NotifierSubject;
pub use registry::RegistrySubject;
pub use samples::NOW;

/// Makes a test of each promise of a port: `conformance!(PORT, SUBJECT)`, where SUBJECT is an
/// expression that sets the port's subject up.
#[macro_export]
macro_rules! conformance {
    (journal, $subject:expr) => {
        $crate::conformance!(@journal, $subject, [
            an_accepted_fact_comes_back_in_order_until_it_is_done,
            the_inbox_is_read_in_pages,
            a_reader_that_follows_misses_no_fact,
            the_numbers_of_facts_and_commands_only_rise,
            empty_batches_change_nothing,
            a_huge_batch_is_one_batch,
            a_thing_has_one_open_rotation,
            a_finding_is_served_once,
            a_rotation_is_followed_by_another_in_the_commit_that_ends_it,
            a_step_is_committed_with_its_history_and_commands,
            commands_are_answered_in_the_order_of_the_steps,
            an_outdated_step_takes_the_whole_commit_with_it,
            a_step_of_an_unknown_rotation_takes_the_whole_commit_with_it,
            what_is_done_twice_is_done,
            deadlines_come_the_earliest_first,
            an_ended_rotation_is_neither_due_nor_in_the_way,
            answers_stand_where_they_were_asked_for,
            the_rotations_of_a_certificate_are_found_while_they_are_open,
            every_state_and_command_comes_back_as_it_was,
            what_was_committed_survives,
        ]);
    };
    (registry, $subject:expr) => {
        $crate::conformance!(@registry, $subject, [
            answers_stand_where_they_were_asked_for,
            a_things_certificates_are_its_active_ones_the_latest_first,
            enrolling_gives_thing_and_policies_and_may_be_repeated,
            an_outgoing_certificate_that_is_not_active_gives_nothing,
            one_refused_enrolment_keeps_no_other_from_its_own,
            a_retired_certificate_stays_retired,
            retiring_what_is_gone_is_done,
            retiring_the_outgoing_certificate_leaves_the_incoming_one,
            empty_batches_change_nothing,
            a_huge_batch_is_one_batch,
        ]);
    };
    (audit, $subject:expr) => {
        $crate::conformance!(@audit, $subject, [
            an_audit_finds_what_is_about_to_end_and_nothing_else,
            findings_are_read_in_pages,
            an_audits_end_is_in_the_inbox,
            an_audit_that_finds_nothing_ends_too,
            a_task_that_was_started_is_run_once,
        ]);
    };
    (authority, $subject:expr) => {
        $crate::conformance!(@authority, $subject, [
            a_csr_keeps_its_text_and_has_a_digest_of_it,
            what_is_issued_is_stored_and_inactive,
            a_rotation_gets_one_certificate_however_often_it_asks,
            a_certificate_begins_as_early_as_the_devices_clock_needs,
            a_key_belongs_to_one_thing,
            the_key_in_use_is_refused_where_a_new_one_is_wanted,
            one_bad_csr_in_a_batch_is_answered_in_its_place,
            deliveries_stand_where_they_were_asked_for,
            a_proof_holds_for_what_it_was_made_for_only,
            empty_batches_change_nothing,
        ]);
    };
    (messaging, $subject:expr) => {
        $crate::conformance!(@messaging, $subject, [
            a_message_reaches_the_device_it_is_for,
            answers_stand_where_they_were_asked_for,
            empty_batches_change_nothing,
        ]);
    };
    (notifier, $subject:expr) => {
        $crate::conformance!(@notifier, $subject, [
            every_notice_is_answered_and_passed_on,
            empty_batches_change_nothing,
        ]);
    };
    (@$port:ident, $subject:expr, [$($promise:ident),+ $(,)?]) => {
        mod $port {
            #[allow(unused_imports, reason = "a subject may be named in full")]
            use super::*;

            $(
                #[tokio::test]
                async fn $promise() {
                    $crate::conformance::$port::$promise($subject).await;
                }
            )+
        }
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_promise_is_on_its_list() {
        let lists = include_str!("mod.rs");
        let ports = [
            include_str!("audit.rs"),
            include_str!("authority.rs"),
            include_str!("journal.rs"),
            include_str!("messaging.rs"),
            include_str!("notifier.rs"),
            include_str!("registry.rs"),
        ];

        let named = |line: &'static str| line.strip_prefix("pub async fn ")?.split('(').next();
        let promises: Vec<_> = ports.into_iter().flat_map(str::lines).filter_map(named).collect();

        assert!(promises.len() > 40, "{promises:?}");
        for promise in promises {
            assert!(lists.contains(&format!(" {promise},\n")), "{promise} is on no list");
        }
    }
}
